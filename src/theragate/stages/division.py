"""How a study divides its cohort, read from its file: who is held out, learned from and audited, and their outcomes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.splits import Split, development_rows, outer_splits, read_divided
from theragate.learning.audit_sample import audit_sample
from theragate.runner.workspace import Workspace
from theragate.study import Study

__all__ = ["Division", "cohort_file", "divide"]


@dataclass(frozen=True)
class Division:
    """The outcome of all patients, and the splits of training.

    ``learned`` are the positions of those whom the released model learned from, and ``sample`` those of them in whom
    stability and membership are measured, where that is not everybody.
    """

    outcome: Outcome
    splits: list[Split]
    learned: NDArray[np.intp]
    sample: NDArray[np.intp] | None


def cohort_file(workspace: Workspace) -> CohortFile:
    """Return the study's cohort, of which nothing is read yet."""
    return CohortFile(workspace.data("cohort.parquet"), f"Run `dvc repro ingest@{workspace.study}`.")


def divide(file: CohortFile, study: Study, *, seed: int) -> Division:
    """Read what a cohort is divided by, and repeat training's splits.

    Raises
    ------
    DataError
        If the file is missing or unreadable, the outcome is unfit, or the cohort is too small for its splits.
    """
    cohort, outcome, clusters = read_divided(file, study)
    splits = outer_splits(cohort, outcome, study, seed=seed)
    learned = development_rows(splits, len(cohort))
    sample = audit_sample(outcome, learned, study, seed=seed, clusters=clusters)
    return Division(outcome, splits, learned, sample)
