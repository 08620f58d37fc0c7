"""Answers for one patient or for ten thousand: a table of patients in, one answer per patient out."""

import json
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import DataError, TheragateError
from theragate.learning.persistence import load_with, save
from theragate.learning.predictor import Predictor
from theragate.numbers import declared_in, percent
from theragate.personal.answer_context import FORM, AnswerContext, mismatch, to_bytes
from theragate.personal.answer_table import COLUMNS, NO_ANSWER, NOT_SURE, PREDICTION
from theragate.personal.applicability import missing_inputs
from theragate.personal.benefits import EffectInterval
from theragate.personal.drivers import drivers, feature_effects
from theragate.personal.identity import ModelIdentity
from theragate.personal.patient_inputs import PatientInputs, read_inputs
from theragate.personal.typicality import UNLIKE
from theragate.study import spec_of

__all__ = ["PersonalModel", "load_personal_model", "save_personal_model"]

Floats: TypeAlias = NDArray[np.float64]

_REMEDY = "Restore the directory with `dvc checkout`, or train again with `dvc repro`."


@dataclass(frozen=True)
class PersonalModel:
    """A model with everything it takes to answer for one patient."""

    predictor: Predictor
    context: AnswerContext
    identity: ModelIdentity = field(default_factory=ModelIdentity)

    def answer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Answer for the patients of `frame`.

        Parameters
        ----------
        frame
            One row per patient, with at least the columns of ``predictor.features``, in any order. Values may be
            missing; texts that are numbers count as numbers, and numbers as the categories that equal them.

        Returns
        -------
        The table of `theragate.personal.answer_table.COLUMNS`, with the index of `frame`. A patient whose inputs the
        study does not accept, or with which the model was not tested, gets a reason and no number. A patient
        who is unlike those learned from, or whose interval includes the decision's threshold, gets the number and the
        answer "not sure: a clinician decides". Where benefits are not shown to differ between patients, nobody gets a
        number of their own, and the reason gives the average. Each patient's answer is the same in any company.

        Raises
        ------
        DataError
            If a feature is absent or of a type that is neither number nor text.
        """
        inputs = self._read(frame)
        answered = ~inputs.refused.any
        table = pd.DataFrame(
            {name: np.nan if dtype is float else "" for name, dtype in COLUMNS.items()}, index=range(len(frame))
        ).astype({name: object for name, dtype in COLUMNS.items() if dtype is str})
        features = inputs.features.loc[answered]
        if answered.any():
            table.loc[answered, "typical"] = self.context.typicality.share(features)
        if answered.any() and not self.context.withheld:
            prediction = self.predictor.predict(features)
            lower, upper = self.context.limits(prediction, features)
            for name, values in {"prediction": prediction, "lower": lower, "upper": upper}.items():
                table.loc[answered, name] = values
            table.loc[answered, "drivers"] = self._drivers(features)
            table.loc[answered, "missing"] = self._missing(features)
        self._doubt(inputs, table)
        table["answer"] = np.where(~answered, NO_ANSWER, np.where(inputs.doubts.any, NOT_SURE, PREDICTION))
        table["reason"] = np.where(answered, inputs.doubts.texts, inputs.refused.texts)
        table["not_shown_for"] = np.where(answered & ~np.isnan(table["lower"]), "; ".join(self.context.not_shown), "")
        table["predicts"], table["model"] = self.context.predicts, self.context.accepted.study
        table["version"] = self.identity.version
        table["status"] = self.identity.words(simulated=self.context.simulated)
        return table.astype({name: object for name, dtype in COLUMNS.items() if dtype is str}).set_axis(frame.index)

    def known_as(self, version: str, status: str) -> "PersonalModel":
        """Return the model, whose answers say of which version it is, and how far its release has come."""
        return replace(self, identity=ModelIdentity(version, status))

    def feature_effects(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return how far each feature moves each prediction from that of an average patient, one column per feature.

        A row sums to the prediction less that at the average score, in the prediction's unit; it is missing where
        `answer` has no prediction. See `theragate.personal.drivers.feature_effects`.
        """
        inputs = self._read(frame)
        answered = ~inputs.refused.any
        moved = np.full((len(frame), len(self.predictor.schema)), np.nan)
        if answered.any() and not self.context.withheld:
            moved[answered] = feature_effects(
                self.predictor, inputs.features.loc[answered], np.array(self.context.reference)
            )
        return pd.DataFrame(moved, columns=self.predictor.features, index=frame.index)

    def example(self) -> pd.DataFrame:
        """Return one made-up patient, all of whose values are medians and commonest categories."""
        columns = self.context.typicality.columns
        values = {
            column.name: [column.categories[int(np.argmax(column.shares))] if column.categories else None]
            if column.text
            else [column.median]
            for column in columns
        }
        return pd.DataFrame(values)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The categories that the model has learned, by feature of text."""
        return {column.name: column.categories for column in self.context.typicality.columns if column.text}

    def _read(self, frame: pd.DataFrame) -> PatientInputs:
        return read_inputs(
            frame.reset_index(drop=True),
            self.predictor.schema,
            accepted=self.context.accepted,
            domain=self.context.domain,
            categories=self.categories,
            names=self.context.names,
        )

    def _drivers(self, features: pd.DataFrame) -> list[str]:
        moved = feature_effects(self.predictor, features, np.array(self.context.reference))
        names = [self.context.names.plainly(name) for name in self.predictor.features]
        return drivers(moved, names, unit=self.context.unit)

    def _missing(self, features: pd.DataFrame) -> list[str]:
        """Name the inputs that a prediction had to do without."""
        names = [self.context.names.plainly(name) for name in self.predictor.features]
        return ["; ".join(names[place] for place in np.flatnonzero(row)) for row in missing_inputs(features)]

    def _doubt(self, inputs: PatientInputs, table: pd.DataFrame) -> None:
        """Add to the doubts whatever makes a number unreliable."""
        doubts, context = inputs.doubts, self.context
        lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
        doubts.add(
            table["typical"].to_numpy() < UNLIKE,
            f"unlike the patients learned from: fewer than {percent(UNLIKE)} of them lie so far out",
        )
        if context.threshold is not None:
            includes = (lower < context.threshold) & (context.threshold <= upper)
            turn = "least benefit" if isinstance(context.interval, EffectInterval) else "threshold"
            text = f"the interval includes the decision's {turn} of {declared_in(context.unit, context.threshold)}"
            doubts.add(includes, text)
        if context.withheld:
            doubts.add(np.ones(len(table), dtype=bool), context.withheld)
        else:
            unknown = np.isnan(lower) | np.isnan(upper)
            doubts.add(unknown, "too few patients were held out to say how far it may be off")


def save_personal_model(personal: PersonalModel, directory: Path) -> None:
    """Write a model with its answers to `directory`, whose former content is replaced; equal ones give equal bytes.

    Raises
    ------
    StoreError
        If the disk does not take the files.
    """
    save(personal.predictor, directory, personal=to_bytes(personal.context))


def load_personal_model(directory: Path) -> PersonalModel:
    """Read what `save_personal_model` wrote, without running anything that its files bring along.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another version or not part of such a model.
    """
    broken = partial(DataError, f"model `{directory}`", remedy=_REMEDY)
    predictor, content = load_with(directory)
    if content is None:
        rule = "the model has what it takes to answer for one patient"
        raise broken(rule=rule, received="no `personal.json`")
    context = _read_context(content, directory)
    wrong = mismatch(context, predictor)
    if wrong:
        raise broken(rule="`personal.json` belongs to the predictor", received=f"one whose `{wrong}` does not fit")
    personal = PersonalModel(predictor, context)
    try:
        personal.answer(personal.example())
    except (TheragateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise broken(rule="the model can answer", received=f"a model that cannot ({type(error).__name__})") from error
    return personal


def _read_context(content: bytes, directory: Path) -> AnswerContext:
    file = f"model `{directory / 'personal.json'}`"
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(file, rule="it is valid JSON", received="a file that is not", remedy=_REMEDY) from error
    form = value.get("version", FORM) if isinstance(value, dict) else FORM
    if form != FORM:
        raise DataError(
            file,
            rule=f"it is of form {FORM}, which this version of Theragate reads",
            received=f"form {str(form)[:20]}",
            remedy="Train again with `dvc repro`: answers of another form are not guessed at.",
        )
    return spec_of(AnswerContext, value, subject=file, remedy=_REMEDY, private=True)
