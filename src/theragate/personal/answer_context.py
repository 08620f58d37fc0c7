"""What it takes, besides a predictor, to answer for one patient: the content of ``personal.json``."""

import json
from typing import Annotated, Final, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from theragate.learning.predictor import Predictor
from theragate.numbers import interval_in
from theragate.personal.applicability import ApplicabilityDomain, missing_inputs
from theragate.personal.benefits import EffectInterval
from theragate.personal.group_coverage import groups_of, memberships
from theragate.personal.input_names import InputNames
from theragate.personal.interval_kinds import Interval, limits_of
from theragate.personal.intervals import Floats, QuantityInterval
from theragate.personal.typicality import SHARES, Typicality
from theragate.study import MISSING, AcceptedInputs, GroupSpec, Spec

__all__ = ["FORM", "AnswerContext", "mismatch", "to_bytes"]

FORM: Final = 3  # of `personal.json`


class AnswerContext(Spec):
    """Aggregates of the cohort only: quantiles, means, axes; no patient's row, and no patient's distance or residual.

    ``accepted`` and ``domain`` say for which inputs there is a number; ``names`` is what a clinician calls them;
    ``reference`` are the means of the design's columns; ``unit`` is that of a prediction (see `theragate.numbers`);
    ``threshold`` the risk or the benefit from which on the study's decision is taken. ``predicts`` says what is
    predicted, and ``simulated`` that the patients do not exist. ``scenario_intervals`` are for patients who lack inputs
    as a scenario has it, and nobody otherwise. ``attributes`` divide patients into the groups that the interval knows,
    and ``not_shown`` names those of which it is not shown that it holds for them.
    """

    version: Literal[3] = FORM
    accepted: AcceptedInputs
    domain: ApplicabilityDomain
    names: InputNames
    reference: tuple[float, ...]
    predicts: str
    simulated: bool
    unit: str
    threshold: Annotated[float, Field(ge=0)] | None
    interval: Annotated[Interval, Field(discriminator="kind")]
    scenario_intervals: dict[str, Annotated[Interval, Field(discriminator="kind")]]
    attributes: dict[str, GroupSpec]
    not_shown: tuple[str, ...]
    typicality: Typicality

    def limits(self, prediction: Floats, features: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return the limits of patients with these features, (n,) each."""
        lower, upper = np.full(len(prediction), np.nan), np.full(len(prediction), np.nan)
        labels = groups_of(features, self.attributes, study=self.accepted.study)
        way_of = self.domain.way_of(missing_inputs(features), list(features.columns))
        for place in np.unique(way_of):
            scenario = self.domain.missing[place].scenario
            interval = self.scenario_intervals.get(scenario) if scenario else self.interval
            if interval is None:
                continue  # the model was tested so, but how far it is off in whom is not known
            groups = interval.groups if isinstance(interval, QuantityInterval) else ()
            rows = way_of == place
            members = memberships(labels[rows], [(one.attribute, one.group) for one in groups])
            lower[rows], upper[rows] = limits_of(interval, prediction[rows], members)
        return lower, upper

    @property
    def withheld(self) -> str:
        """Why nobody gets a number of their own; empty where patients do."""
        if not isinstance(self.interval, EffectInterval) or self.interval.shown:
            return ""
        average = interval_in(self.unit, self.interval.average, *self.interval.average_limits)
        return f"the study could not show that benefits differ between patients: the average benefit is {average}"


def to_bytes(context: AnswerContext) -> bytes:
    """Return the file's content; an equal context gives equal bytes."""
    content = context.model_dump(mode="json")
    return (json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def mismatch(context: AnswerContext, predictor: Predictor) -> str:
    """Return the first field of `context` that does not fit `predictor`; empty if all do."""
    measure = context.typicality
    axes = np.array(measure.axes, dtype=object)
    response = predictor.model.response.kind
    interval = response if response in ("quantity", "effect") else "risk"
    wrong = {
        "attributes": not _known(context, {feature.name for feature in predictor.schema}),
        "reference": len(context.reference) != len(predictor.design.sources(predictor.schema)),
        "interval": context.interval.kind != interval,
        "scenario_intervals": any(one.kind != interval for one in context.scenario_intervals.values()),
        "threshold": interval == "risk" and context.threshold is not None and not 0 < context.threshold < 1,
        "domain": not context.domain.fits([feature.name for feature in predictor.schema]),
        "columns": [(column.name, column.text) for column in measure.columns]
        != [(feature.name, feature.type == "text") for feature in predictor.schema],
        "axes": axes.shape != (len(measure.variances), len(measure.centre)) or min(measure.variances) <= 0,
        "distances": len(measure.distances) != len(SHARES),
    }
    return next((name for name, is_wrong in wrong.items() if is_wrong), "")


def _known(context: AnswerContext, features: set[str]) -> bool:
    """Return whether the attributes are about features, and the groups with limits of their own are theirs."""
    groups = context.interval.groups if isinstance(context.interval, QuantityInterval) else ()
    named = all(
        one.attribute in context.attributes and one.group in (*context.attributes[one.attribute].names, MISSING)
        for one in groups
    )
    return named and {spec.column for spec in context.attributes.values()} <= features
