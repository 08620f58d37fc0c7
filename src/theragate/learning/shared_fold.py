"""One inner fold of a large study: its matrices are made once, in files that all workers map into their memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome
from theragate.files import read_json, whole_directory, write_json
from theragate.learning.design_matrix import DesignKind, fit_design
from theragate.learning.families import Training
from theragate.learning.inner_fold import Fold
from theragate.learning.patients import PatientsOfFile
from theragate.learning.tuning_loss import Loss

__all__ = ["SharedFold"]

_AGAIN = "Run the same command again."


class SharedFold(Fold):
    """A fold whose designs are in files.

    Parameters
    ----------
    source
        The search's patients.
    outcome
        Theirs; of no treatment's effect.
    train, test
        Positions of the two parts.
    folder
        Where the matrices are, or will be; whoever needs one that is not there makes it.
    """

    def __init__(
        self,
        source: PatientsOfFile,
        outcome: Outcome,
        *,
        train: NDArray[np.intp],
        test: NDArray[np.intp],
        folder: Path,
    ) -> None:
        self._source, self._outcome, self._folder = source, outcome.take(train), folder
        self._train, self._test = train, test
        # Censoring is a nuisance, not part of the model, and learned from all patients of the search.
        self._loss = Loss.of(outcome.take(test), development=outcome)
        self._designs: dict[DesignKind, tuple[Training, NDArray[np.float64]]] = {}

    def _design(self, kind: DesignKind) -> tuple[Training, NDArray[np.float64]]:
        if kind not in self._designs:
            folder = self._folder / kind
            if not folder.exists():
                self._make(kind, folder)
            learned, scored = (np.load(folder / f"{part}.npy", mmap_mode="r") for part in ("learned", "scored"))
            first, last = read_json(folder / "curves.json", remedy=_AGAIN)
            self._designs[kind] = Training(learned, self._outcome, slice(first, last)), scored
        return self._designs[kind]

    def _make(self, kind: DesignKind, folder: Path) -> None:
        """Write the matrices of one kind; of two workers that do so at once, both write the same."""
        features = self._source.read().features
        design = fit_design(kind, features.iloc[self._train], self._source.schema)
        with whole_directory(folder) as temporary:
            for name, rows in (("learned", self._train), ("scored", self._test)):
                np.save(temporary / f"{name}.npy", design.matrix(features.iloc[rows]))
            write_json(temporary / "curves.json", [design.curves.start, design.curves.stop])
