"""What a model knows besides its predictions, as one file of numbers and words: ``personal.json``."""

import json
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field

from theragate.learning.predictor import Predictor
from theragate.numbers import interval_in
from theragate.personal.benefits import EffectInterval
from theragate.personal.intervals import QuantityInterval, RiskInterval
from theragate.personal.typicality import SHARES, Typicality
from theragate.study import AcceptedInputs, Spec

__all__ = ["Interval", "MissingInputs", "Sheet", "misfit", "to_bytes"]

Interval: TypeAlias = QuantityInterval | RiskInterval | EffectInterval


class MissingInputs(Spec):
    """Whom the model can answer although something is missing.

    ``known`` are the features that at least 1% of the patients learned from (and ten of them) lacked, or that a
    scenario of the study took away; ``most`` is how many may be missing at once.
    """

    known: tuple[str, ...]
    most: Annotated[int, Field(ge=0)]


class Sheet(Spec):
    """Aggregates of the cohort only: quantiles, means, axes; no patient's row, and no patient's distance or residual.

    ``reference`` are the means of the design's columns; ``labels`` what a clinician calls the features; ``unit`` is
    that of a prediction (see `theragate.numbers`); ``threshold`` the risk or the benefit from which on
    the study's decision is taken.
    """

    version: Literal[2] = 2
    accepted: AcceptedInputs
    labels: dict[str, str]
    reference: tuple[float, ...]
    unit: str
    threshold: Annotated[float, Field(ge=0)] | None
    interval: Annotated[Interval, Field(discriminator="kind")]
    typicality: Typicality
    missing: MissingInputs

    @property
    def withheld(self) -> str:
        """Why nobody gets a number of their own; empty where patients do."""
        if not isinstance(self.interval, EffectInterval) or self.interval.shown:
            return ""
        average = interval_in(self.unit, self.interval.average, *self.interval.average_limits)
        return f"the study could not show that benefits differ between patients: the average benefit is {average}"


def to_bytes(sheet: Sheet) -> bytes:
    """Return the file's content; an equal sheet gives equal bytes."""
    content = sheet.model_dump(mode="json")
    return (json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def misfit(sheet: Sheet, predictor: Predictor) -> str:
    """Return what in `sheet` is not that of `predictor`; empty if all is."""
    measure = sheet.typicality
    axes = np.array(measure.axes, dtype=object)
    kind = predictor.model.response.kind
    kind = kind if kind in ("quantity", "effect") else "risk"
    wrong = {
        "reference": len(sheet.reference) != len(predictor.design.sources(predictor.schema)),
        "interval": sheet.interval.kind != kind,
        "threshold": kind == "risk" and sheet.threshold is not None and not 0 < sheet.threshold < 1,
        "columns": [(column.name, column.text) for column in measure.columns]
        != [(feature.name, feature.type == "text") for feature in predictor.schema],
        "axes": axes.shape != (len(measure.variances), len(measure.centre)) or min(measure.variances) <= 0,
        "distances": len(measure.distances) != len(SHARES),
    }
    return next((name for name, is_wrong in wrong.items() if is_wrong), "")
