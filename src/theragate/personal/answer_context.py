"""What it takes, besides a predictor, to answer for one patient: the content of ``personal.json``."""

import json
from typing import Annotated, Final, Literal, TypeAlias

import numpy as np
from pydantic import Field

from theragate.learning.predictor import Predictor
from theragate.numbers import interval_in
from theragate.personal.applicability import ApplicabilityDomain
from theragate.personal.benefits import EffectInterval
from theragate.personal.input_names import InputNames
from theragate.personal.intervals import QuantityInterval, RiskInterval
from theragate.personal.typicality import SHARES, Typicality
from theragate.study import AcceptedInputs, Spec

__all__ = ["FORM", "AnswerContext", "Interval", "mismatch", "to_bytes"]

FORM: Final = 3  # of `personal.json`

Interval: TypeAlias = QuantityInterval | RiskInterval | EffectInterval


class AnswerContext(Spec):
    """Aggregates of the cohort only: quantiles, means, axes; no patient's row, and no patient's distance or residual.

    ``accepted`` and ``domain`` say for which inputs there is a number; ``names`` is what a clinician calls them;
    ``reference`` are the means of the design's columns; ``unit`` is that of a prediction (see `theragate.numbers`);
    ``threshold`` the risk or the benefit from which on the study's decision is taken.
    """

    version: Literal[3] = FORM
    accepted: AcceptedInputs
    domain: ApplicabilityDomain
    names: InputNames
    reference: tuple[float, ...]
    unit: str
    threshold: Annotated[float, Field(ge=0)] | None
    interval: Annotated[Interval, Field(discriminator="kind")]
    typicality: Typicality

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
        "reference": len(context.reference) != len(predictor.design.sources(predictor.schema)),
        "interval": context.interval.kind != interval,
        "threshold": interval == "risk" and context.threshold is not None and not 0 < context.threshold < 1,
        "domain": not context.domain.fits([feature.name for feature in predictor.schema]),
        "columns": [(column.name, column.text) for column in measure.columns]
        != [(feature.name, feature.type == "text") for feature in predictor.schema],
        "axes": axes.shape != (len(measure.variances), len(measure.centre)) or min(measure.variances) <= 0,
        "distances": len(measure.distances) != len(SHARES),
    }
    return next((name for name, is_wrong in wrong.items() if is_wrong), "")
