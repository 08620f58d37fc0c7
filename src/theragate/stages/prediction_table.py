"""A table of predictions, read back as arrays in one order, and refused where it is not what was due."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import EvidenceError
from theragate.study import Study

__all__ = ["PredictionTable"]


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
        columns = [str(column) for column in table.columns]
        if sorted(columns) != sorted(form):
            absent = [name for name in form if name not in columns]
            received = f"one without {', '.join(absent)}" if absent else f"{len(columns)} columns"
            raise self.broken(rule=f"the table's columns are {', '.join(form)}", received=received)
        odd = [name for name, fits in form.items() if len(table) and not fits(table[name])]
        if odd:
            received = ", ".join(f"`{name}` as {table[name].dtype}" for name in odd)
            raise self.broken(rule="every column has its type", received=received)
        unfit = int((~np.isfinite(table["prediction"].to_numpy(dtype=np.float64))).sum())
        if unfit:
            received = f"{unfit} of {len(table)} that are not"
            raise self.broken(rule="every prediction is a finite number", received=received)

    def in_order(self, rows: pd.DataFrame, *, due: pd.MultiIndex) -> NDArray[np.float64]:
        """Return predictions as (repeats, patients), in the order of `due`, which lists repeat, fold and patient.

        Raises
        ------
        EvidenceError
            If a prediction is missing, is there twice, or is of a patient who was not held out there.
        """
        predicted = rows.set_index(["repeat", "fold", "patient"])["prediction"]
        twice = int(predicted.index.duplicated().sum())
        missing, strange = int((~due.isin(predicted.index)).sum()), int((~predicted.index.isin(due)).sum())
        if twice or missing or strange:
            raise self.broken(
                rule="every held-out patient is predicted once in every repeat, by each model and in each scenario",
                received=f"{missing} predictions missing, {strange} of patients not held out there, {twice} repeated",
            )
        return predicted.reindex(due).to_numpy(dtype=np.float64).reshape(due.get_level_values("repeat").nunique(), -1)

    def by_model(
        self, table: pd.DataFrame, columns: tuple[str, str], *, patients: NDArray[Any], due: int, rule: str
    ) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return predictions, and another column, as (models, patients); `columns` name the model and that column.

        Raises
        ------
        EvidenceError
            If a model or a patient is missing or is there twice.
        """
        model, other = columns
        if table.duplicated([model, "patient"]).any():
            called = "refit" if model == "refit" else "model"
            raise self.broken(rule=f"a {called} predicts every patient once", received="a patient who is there twice")
        wide = table.pivot(index=model, columns="patient", values=["prediction", other])
        complete = list(wide.index) == list(range(due)) and set(wide["prediction"].columns) == set(patients)
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
