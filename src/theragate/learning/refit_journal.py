"""The refits that are done, kept until all are, so that an interrupted run fits none of them twice."""

import os
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.errors import StoreError
from theragate.learning.membership_halves import Division
from theragate.learning.refit_work import FitResult

__all__ = ["RefitJournal"]


class RefitJournal:
    """A folder with one file for each result, of arrays alone: positions and predictions.

    A file that cannot be read counts for nothing, and is written again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, position: int) -> FitResult | Division | None:
        """Return the result of a work, if it is known."""
        with (
            suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
            self._file(position).open("rb") as stream,
            np.load(stream, allow_pickle=False) as found,
        ):
            if "member" in found:
                return Division(position, _typed(found["member"], bool), _typed(found["predictions"], float))
            prediction = _typed(found["prediction"], float) if "prediction" in found else None
            return FitResult(position, _typed(found["rows"], np.intp), prediction)
        return None

    def add(self, result: FitResult | Division) -> None:
        """Keep a result.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        if isinstance(result, Division):
            arrays: dict[str, NDArray[Any]] = {"member": result.member, "predictions": result.predictions}
        else:
            arrays = {"rows": result.rows}
            if result.prediction is not None:
                arrays["prediction"] = result.prediction
        file = self._file(result.position)
        part = file.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)
            part.replace(file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StoreError(
                str(self._folder),
                rule="refits that are done can be kept",
                received=error.strerror or type(error).__name__,
                remedy="Free space or correct the folder's permissions, then run the same command again.",
            ) from error

    def forget(self) -> None:
        """Remove everything: all refits are done."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, position: int) -> Path:
        return self._folder / f"{position}.npz"


def _typed(array: NDArray[Any], kind: type) -> NDArray[Any]:
    if array.dtype != np.dtype(kind):
        raise ValueError("an array of another type")
    return array
