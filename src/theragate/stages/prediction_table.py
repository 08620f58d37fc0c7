"""A table of predictions, read back as arrays in one order, and refused where it is not what was due."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import EvidenceError
from theragate.study import Study

__all__ = ["Due", "PredictionTable"]


@dataclass(frozen=True)
class Due:
    """The predictions that are due: of ``patients``, n ids, in each repeat; ``folds`` has the shape (repeats, n)."""

    patients: pd.Series
    folds: NDArray[np.int64]

    def are(self, rows: pd.DataFrame) -> bool:
        """Whether `rows` are these predictions, sorted by repeat and patient."""
        if len(rows) != self.folds.size:
            return False
        repeats, patients = self.folds.shape
        repeat, fold, patient = (rows[name].array for name in ("repeat", "fold", "patient"))
        return bool(
            (repeat == np.repeat(np.arange(repeats), patients)).all()
            and (fold == self.folds[:, self._order].ravel()).all()
            and all((patient[part * patients : (part + 1) * patients] == self._sorted).all() for part in range(repeats))
        )

    def sorted_back(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions that are sorted by repeat and patient in the order of ``patients``, (repeats, n)."""
        found = np.empty(self.folds.shape)
        found[:, self._order] = predictions.reshape(self.folds.shape)
        return found

    @cached_property
    def index(self) -> pd.MultiIndex:
        """Repeat, fold and patient of each."""
        repeats, patients = self.folds.shape
        repeat = np.repeat(np.arange(repeats), patients)
        return pd.MultiIndex.from_arrays([repeat, self.folds.ravel(), pd.concat([self.patients] * repeats)])

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return self.patients.reset_index(drop=True).sort_values(kind="stable").index.to_numpy()

    @cached_property
    def _sorted(self) -> Any:
        return self.patients.iloc[self._order].array


@dataclass(frozen=True)
class PredictionTable:
    """A table of predictions that the stage `stage` has written, and what is refused about it."""

    study: Study
    name: str
    stage: str

    def check(self, table: pd.DataFrame, form: dict[str, Any]) -> None:
        """Refuse a table that has other columns than `form`, a column of another type, or a number that is not finite.

        Raises
        ------
        EvidenceError
            If it is one.
        """
        self.check_columns(table, form, rows=len(table))
        self.check_finite([table["prediction"].to_numpy(dtype=np.float64)])

    def check_columns(self, columns: pd.DataFrame, form: dict[str, Any], *, rows: int) -> None:
        """Refuse a table, of so many rows, with other `columns` than `form`, or one of another type.

        Raises
        ------
        EvidenceError
            If it is one.
        """
        names = [str(column) for column in columns.columns]
        if sorted(names) != sorted(form):
            absent = [name for name in form if name not in names]
            received = f"one without {', '.join(absent)}" if absent else f"{len(names)} columns"
            raise self.broken(rule=f"the table's columns are {', '.join(form)}", received=received)
        odd = [name for name, fits in form.items() if rows and not fits(columns[name])]
        if odd:
            received = ", ".join(f"`{name}` as {columns[name].dtype}" for name in odd)
            raise self.broken(rule="every column has its type", received=received)

    def check_finite(self, predictions: Iterable[NDArray[np.float64]]) -> None:
        """Refuse predictions, in any number of pieces, of which some are not finite.

        Raises
        ------
        EvidenceError
            With how many are not.
        """
        unfit = total = 0
        for part in predictions:
            unfit, total = unfit + int((~np.isfinite(part)).sum()), total + len(part)
        if unfit:
            received = f"{unfit} of {total} that are not"
            raise self.broken(rule="every prediction is a finite number", received=received)

    def in_order(self, rows: pd.DataFrame, *, due: Due) -> NDArray[np.float64]:
        """Return predictions as (repeats, patients), in the order of `due`.

        Rows that are sorted by repeat and patient, as they are written, are compared with what is due one by one;
        others are sorted first.

        Raises
        ------
        EvidenceError
            If a prediction is missing, is there twice, or is of a patient who was not held out there.
        """
        if due.are(rows):
            return due.sorted_back(rows["prediction"].to_numpy(dtype=np.float64))
        every = due.index
        predicted = rows.set_index(["repeat", "fold", "patient"])["prediction"]
        twice = int(predicted.index.duplicated().sum())
        missing, strange = int((~every.isin(predicted.index)).sum()), int((~predicted.index.isin(every)).sum())
        if twice or missing or strange:
            raise self.broken(
                rule="every held-out patient is predicted once in every repeat, by each model and in each scenario",
                received=f"{missing} predictions missing, {strange} of patients not held out there, {twice} repeated",
            )
        return predicted.reindex(every).to_numpy(dtype=np.float64).reshape(len(due.folds), -1)

    def by_model(
        self, table: pd.DataFrame, columns: tuple[str, str], *, patients: NDArray[Any], due: range, rule: str
    ) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return predictions, and another column, as (models, patients); `columns` name the model and that column.

        `due` are the models' numbers.

        Raises
        ------
        EvidenceError
            If a model or a patient is missing or is there twice.
        """
        model, other = columns
        order = np.argsort(patients, kind="stable")
        if _are_sorted(table, model, models=due, patients=patients[order]):
            found = {name: table[name].to_numpy().reshape(len(due), -1) for name in ("prediction", other)}
            back = np.argsort(order, kind="stable")
            return found["prediction"].astype(np.float64)[:, back], found[other][:, back]
        if table.duplicated([model, "patient"]).any():
            called = "refit" if model == "refit" else "model"
            raise self.broken(rule=f"a {called} predicts every patient once", received="a patient who is there twice")
        wide = table.pivot(index=model, columns="patient", values=["prediction", other])
        complete = list(wide.index) == list(due) and set(wide["prediction"].columns) == set(patients)
        if not complete or wide.isna().to_numpy().any():
            raise self.broken(rule=rule, received=f"{len(wide)} models, of which some lack patients or have others")
        return wide["prediction"][patients].to_numpy(dtype=np.float64), wide[other][patients].to_numpy()

    def broken(self, *, rule: str, received: str) -> EvidenceError:
        """Return the error that says what is wrong with this table."""
        return EvidenceError(
            f"study `{self.study.name}`, {self.name}",
            rule=rule,
            received=received,
            remedy=f"Run `dvc repro -f {self.stage}@{self.study.name}`.",
        )


def _are_sorted(table: pd.DataFrame, model: str, *, models: range, patients: NDArray[Any]) -> bool:
    """Whether every model has a row for each of the patients, and the rows are sorted by model and patient."""
    many = len(patients)
    if len(table) != len(models) * many:
        return False
    if not (table[model].to_numpy() == np.repeat(np.array(models), many)).all():
        return False
    patient = table["patient"].array
    return all((patient[part * many : (part + 1) * many] == patients).all() for part in range(len(models)))
