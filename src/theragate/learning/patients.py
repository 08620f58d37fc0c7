"""Whom a work is about: carried along in memory, or named by a file that each worker reads for itself.

No work on a cluster carries a patient's row: it names the cohort by its digest and patients by their positions.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.clusters import CLUSTER, read_clusters
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Outcome
from theragate.digests import sha256_json
from theragate.learning.families import families_of
from theragate.learning.features import Feature, as_features
from theragate.study import Study
from theragate.workers.backend import Backend
from theragate.workers.kept import Kept
from theragate.workers.site import SharedFile

__all__ = ["Patients", "PatientsInMemory", "PatientsOfFile", "Source", "source_of"]

_REMEDY = "Run the same command again."
_READ: Kept["Patients"] = Kept(2)  # with the study's own features, and with those of a champion


@dataclass(frozen=True)
class Patients:
    """Features, outcome and clusters of n patients; ``clusters``, shape (n,), are None where each stands alone."""

    features: pd.DataFrame
    outcome: Outcome
    clusters: NDArray[np.intp] | None

    def __len__(self) -> int:
        return len(self.features)


class Source(Protocol):
    """Where patients come from."""

    def read(self) -> Patients:
        """Return them, in the order of the cohort.

        Raises
        ------
        DataError
            If their file cannot be read here, or is not the one that is meant.
        """
        ...


@dataclass(frozen=True)
class PatientsInMemory:
    """Patients who are there already."""

    patients: Patients

    def read(self) -> Patients:
        """Return them."""
        return self.patients


@dataclass(frozen=True)
class PatientsOfFile:
    """Patients of a cohort's file, with the features of ``schema``."""

    file: SharedFile
    study: Study
    schema: tuple[Feature, ...]

    @cached_property
    def _key(self) -> str:
        names = [feature.name for feature in self.schema]
        return sha256_json([self.file.sha256, self.study.model_dump(mode="json"), names])

    def read(self) -> Patients:
        """Read them; what this process read last, it still has."""
        return _READ.get(self._key, self._read)

    def _read(self) -> Patients:
        families_of(self.study.task, self.study.installed)  # from here on this process may fit them
        features = [feature.name for feature in self.schema]
        columns = list(dict.fromkeys([*features, *self.study.outcome_columns, CLUSTER]))
        cohort = CohortFile(self.file.here(), _REMEDY).frame(columns)
        return Patients(
            as_features(cohort, self.schema), read_outcome(cohort, self.study), read_clusters(cohort, self.study)
        )


def source_of(
    patients: Patients, *, file: SharedFile | None, study: Study, schema: tuple[Feature, ...], backend: Backend
) -> Source:
    """Return what works hold: for this process the patients themselves, for others their file where there is one."""
    return PatientsInMemory(patients) if file is None or backend.here else PatientsOfFile(file, study, schema)
