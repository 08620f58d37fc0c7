"""What a metric is made of: its function, and all that is said about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.sums import NamedSums, RiskSums
from theragate.study import TaskName

__all__ = [
    "EFFECT",
    "RISK",
    "Direction",
    "Formula",
    "Interval",
    "Kind",
    "Metric",
    "Sums",
    "of_effects",
    "of_quantities",
    "of_risks",
]

Direction = Literal["higher", "lower", "near_one", "near_zero", "none"]
Interval = Literal["normal", "proportion", "distance", "influence"]
Kind = Literal["performance", "operating point", "calibration", "average"]
Sums = Literal["risks", "quantities", "effects"]
Routine = Literal["area_under_curve", "harrell", "uno"]
Among = Literal["everybody", "seen", "events", "non_events", "selected"]
_Scale = Literal["identity", "log", "logit", "complement"]

RISK: tuple[TaskName, ...] = ("binary", "survival")
EFFECT: tuple[TaskName, ...] = ("treatment_effect",)


@dataclass(frozen=True)
class Formula:
    """A metric as a function of sums over patients.

    Parameters
    ----------
    of
        Of which sums: those of predicted risks, or the means of quantities or of effects.
    value
        Takes the sums in b resamples and returns values of shape (b,); NaN where it is not defined.
    needs
        The sums without which it is not measured, because these patients, or this study, have none.
    """

    of: Sums
    value: Callable[[Any], Floats]
    needs: tuple[str, ...] = ()


def of_risks(value: Callable[[RiskSums], Floats], *, needs: tuple[str, ...] = ()) -> Formula:
    """Return a function of sums of predicted risks (see ``evidence/metrics/risk.py`` for their names)."""
    return Formula("risks", value, needs)


def of_quantities(value: Callable[[NamedSums], Floats]) -> Formula:
    """Return a function of means of predicted quantities (see ``evidence/metrics/quantity.py`` for their names)."""
    return Formula("quantities", value)


def of_effects(value: Callable[[NamedSums], Floats], *, needs: tuple[str, ...] = ()) -> Formula:
    """Return a function of means of effects (see ``evidence/measuring/effect_samples.py`` for their names)."""
    return Formula("effects", value, needs)


@dataclass(frozen=True)
class Metric:
    """One metric.

    Parameters
    ----------
    name, title
        Its key in evidence, and what a clinician would call it.
    tasks
        For which tasks it is measured.
    description
        What it says, in one sentence.
    source
        The paper that defines it.
    direction
        What is good: ``higher``, ``lower``, ``near_one``, ``near_zero``, or ``none`` where neither is.
    decimals
        With how many decimals it is written everywhere (see ``evidence/writing.py``); None: as its size requires, as
        for an effect, which may be a risk or a number of days.
    unit
        ``outcome``: the outcome's own unit; empty for a pure number.
    bounds
        The values that are possible; None is unbounded.
    report_only
        Whether it is shown and never judged.
    contrasted
        Whether groups are compared by it: only what does not move with the mix of cases, or is asked of fairness.
    kind
        By how much its limits grow under cross-validation: as a model's performance does, the points where it cuts, its
        calibration, or not at all, as a plain average (see ``evidence/intervals/widening.py``).
    scale, interval
        On which scale its error is nearly normal, and how its limits are made (see ``evidence/intervals/limits.py``).
    formulas
        Its functions of named sums; empty for what is ranked or read from decisions.
    heavy
        Whether a rare large error decides it: its limits then reckon with one more of the largest.
    fine
        Of a mean distance from a smooth curve: the same for a curve that is hardly smoothed, for its upper limit.
    ranked
        By which routine a ranking is measured, with its influence values (see ``evidence/metrics/ranks.py``).
    among
        Of a proportion of risks: the patients in its denominator. ``everybody`` counts those censored too, ``seen``
        only whose outcome is known.
    one_class
        Whether it still means something where all patients of a group had the event, or none.
    """

    name: str
    title: str
    tasks: tuple[TaskName, ...]
    description: str
    source: str
    direction: Direction
    decimals: int | None = field(kw_only=True)
    unit: Literal["", "outcome"] = ""
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    report_only: bool = False
    contrasted: bool = False
    scale: _Scale = "identity"
    interval: Interval = "normal"
    kind: Kind = "performance"
    formulas: tuple[Formula, ...] = field(default=(), repr=False, compare=False)
    heavy: bool = False
    fine: tuple[Formula, ...] = field(default=(), repr=False, compare=False)
    ranked: Routine | None = None
    among: Among | None = None
    one_class: bool = False

    def formula(self, of: Sums) -> Formula | None:
        """Return its function of such sums; None where it has none."""
        return next((formula for formula in self.formulas if formula.of == of), None)

    @property
    def fine_name(self) -> str:
        """The name of what `fine` gives, beside the values of metrics."""
        return f"{self.name}, fine"

    @property
    def one_more_name(self) -> str:
        """The name of its value if the patient with the largest error came once more, beside the values of metrics."""
        return f"{self.name}, one more"
