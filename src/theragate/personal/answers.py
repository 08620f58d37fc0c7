"""Answers for one patient or for ten thousand: a table of patients in, one answer per patient out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from theragate.errors import DataError, TheragateError
from theragate.learning.persistence import load_with, save
from theragate.learning.predictor import Predictor
from theragate.numbers import declared_in, percent
from theragate.personal.answer_context import Sheet, misfit, to_bytes
from theragate.personal.answer_table import COLUMNS, NO_ANSWER, NOT_SURE, PREDICTION
from theragate.personal.benefits import EffectInterval
from theragate.personal.drivers import drivers, effects
from theragate.personal.patient_inputs import Inputs, missing_inputs, read_inputs
from theragate.personal.typicality import UNLIKE
from theragate.study import first_flaw

__all__ = ["Personal", "load_personal", "save_personal"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Personal:
    """A model with all that it takes to answer for one patient."""

    predictor: Predictor
    sheet: Sheet

    def answer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Answer for the patients of `frame`.

        Parameters
        ----------
        frame
            One row per patient, with at least the columns of ``predictor.features``, in any order. Values may be
            missing; texts that are numbers count as numbers.

        Returns
        -------
        A table with the index of `frame` and the columns of `theragate.personal.answer_table.COLUMNS`. A patient whose
        inputs the study does not accept gets a reason and no number. A patient who is unlike those learned from, whose
        interval includes the decision's threshold, or for whom too much is missing, gets the number and the answer
        "not sure: a clinician decides". Where benefits are not shown to differ between patients, nobody gets a number
        of their own, and the reason gives the average. Each patient's answer is the same in any company.

        Raises
        ------
        DataError
            If a feature is absent or of a type that is neither number nor text.
        """
        inputs = self._read(frame)
        answered = ~inputs.refused.any
        table = pd.DataFrame(
            {name: np.nan if kind is float else "" for name, kind in COLUMNS.items()}, index=range(len(frame))
        ).astype({name: object for name, kind in COLUMNS.items() if kind is str})
        features = inputs.features.loc[answered]
        if answered.any():
            table.loc[answered, "typical"] = self.sheet.typicality.share(features)
        if answered.any() and not self.sheet.withheld:
            prediction = self.predictor.predict(features)
            lower, upper = self.sheet.interval.limits(prediction)
            for name, values in {"prediction": prediction, "lower": lower, "upper": upper}.items():
                table.loc[answered, name] = values
            table.loc[answered, "drivers"] = self._drivers(features)
        self._doubt(inputs, table)
        table["answer"] = np.where(~answered, NO_ANSWER, np.where(inputs.doubts.any, NOT_SURE, PREDICTION))
        table["reason"] = np.where(answered, inputs.doubts.texts, inputs.refused.texts)
        return table.astype({name: object for name, kind in COLUMNS.items() if kind is str}).set_axis(frame.index)

    def effects(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return how far each feature moves each prediction from that of an average patient, one column per feature.

        A row sums to the prediction less that at the average score, in the prediction's unit; it is missing where
        `answer` has no prediction. See `theragate.personal.drivers.effects`.
        """
        inputs = self._read(frame)
        answered = ~inputs.refused.any
        moved = np.full((len(frame), len(self.predictor.schema)), np.nan)
        if answered.any() and not self.sheet.withheld:
            moved[answered] = effects(self.predictor, inputs.features.loc[answered], np.array(self.sheet.reference))
        return pd.DataFrame(moved, columns=self.predictor.features, index=frame.index)

    def example(self) -> pd.DataFrame:
        """Return one made-up patient, all of whose values are medians and commonest categories."""
        columns = self.sheet.typicality.columns
        values = {
            column.name: [column.categories[int(np.argmax(column.shares))] if column.categories else None]
            if column.text
            else [column.median]
            for column in columns
        }
        return pd.DataFrame(values)

    def _read(self, frame: pd.DataFrame) -> Inputs:
        columns = self.sheet.typicality.columns
        return read_inputs(
            frame.reset_index(drop=True),
            self.predictor.schema,
            accepted=self.sheet.accepted,
            categories={column.name: column.categories for column in columns if column.text},
        )

    def _drivers(self, features: pd.DataFrame) -> list[str]:
        moved = effects(self.predictor, features, np.array(self.sheet.reference))
        names = [self.sheet.labels.get(name, name) for name in self.predictor.features]
        return drivers(moved, names, unit=self.sheet.unit)

    def _doubt(self, inputs: Inputs, table: pd.DataFrame) -> None:
        """Add to the doubts whatever keeps a number from being relied on."""
        doubts, sheet = inputs.doubts, self.sheet
        lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
        doubts.add(
            table["typical"].to_numpy() < UNLIKE,
            f"unlike the patients learned from: fewer than {percent(UNLIKE)} of them lie so far out",
        )
        if sheet.threshold is not None:
            includes = (lower < sheet.threshold) & (sheet.threshold <= upper)
            turn = "least benefit" if isinstance(sheet.interval, EffectInterval) else "threshold"
            text = f"the interval includes the decision's {turn} of {declared_in(sheet.unit, sheet.threshold)}"
            doubts.add(includes, text)
        if sheet.withheld:
            doubts.add(np.ones(len(table), dtype=bool), sheet.withheld)
        else:
            unknown = np.isnan(lower) | np.isnan(upper)
            doubts.add(unknown, "too few patients were held out to say how far it may be off")
        missing = missing_inputs(inputs.features)
        for place, name in enumerate(self.predictor.features):
            if name not in sheet.missing.known:
                doubts.add(missing[:, place], f"{name} is missing, and the model was never tested without it")
        many = missing.sum(axis=1) > max(sheet.missing.most, 1)
        doubts.add(many, "more inputs are missing than the model was tested with")


def save_personal(personal: Personal, directory: Path) -> None:
    """Write a model with its answers to `directory`, whose former content is replaced; equal ones give equal bytes.

    Raises
    ------
    StoreError
        If the disk does not take the files.
    """
    save(personal.predictor, directory, personal=to_bytes(personal.sheet))


def load_personal(directory: Path) -> Personal:
    """Read what `save_personal` wrote, without running anything that its files bring along.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another version or no part of such a model.
    """
    predictor, content = load_with(directory)
    if content is None:
        raise _refused(directory, "the model has what it takes to answer for one patient", "no `personal.json`")
    try:
        sheet = Sheet.model_validate_json(content)
    except ValidationError as error:
        flaw = first_flaw(error, private=True)
        if flaw.key == "version":
            raise _refused(
                directory,
                "`personal.json` is of the form that this version of Theragate reads",
                "one of another form",
                remedy="Train again with `dvc repro`: answers of another form are not guessed at.",
            ) from error
        rule = f"`personal.json` is of this version's form: {flaw.rule}"
        raise _refused(directory, rule, f"one that is wrong in {flaw.key or 'its keys'}") from error
    wrong = misfit(sheet, predictor)
    if wrong:
        raise _refused(directory, "`personal.json` belongs to the predictor", f"one that is not in `{wrong}`")
    personal = Personal(predictor, sheet)
    try:
        personal.answer(personal.example())
    except (TheragateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise _refused(directory, "the model can answer", f"one that cannot ({type(error).__name__})") from error
    return personal


def _refused(
    directory: Path,
    rule: str,
    received: str,
    *,
    remedy: str = "Restore the directory with `dvc checkout`, or train again with `dvc repro`.",
) -> DataError:
    return DataError(f"model `{directory}`", rule=rule, received=received, remedy=remedy)
