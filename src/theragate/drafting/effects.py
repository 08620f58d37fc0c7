"""The decision and the limits of a new study that compares treatments: all of them follow from one least benefit."""

from typing import Any

from theragate.drafting.words import SMALL_EFFECT, rounded
from theragate.study import MARK

__all__ = ["REASONS", "draft_effect_decision", "draft_effect_limits"]

LEAST_OF_A_RISK = 0.02  # one event fewer among fifty patients
WIDEST = 2.5  # times the least benefit: where the range of what people accept ends
RANKING = {"metric": "autoc"}
REASONS = {
    "suspicious_performance": f"{MARK}: how much more than the average can those who are ranked first gain at all?",
    "personalisation": "A personal number without a difference between patients would be chance, dressed as knowledge.",
    "comparability": f"{MARK}: was treatment assigned in practice, and may a tenth have no counterpart?",
}


def _least(spread: float | None, rarer: float) -> float:
    """Return a small benefit: of a risk one event fewer in 50 patients, or one of ten events where they are rare.

    Nobody can gain more than the risk, so that of 2% events a benefit of 0.02 would be one that nobody reaches.
    """
    return min(LEAST_OF_A_RISK, rounded(rarer / 10)) if spread is None else rounded(SMALL_EFFECT * spread)


def draft_effect_decision(spread: float | None, rarer: float) -> dict[str, Any]:
    """Return the decision to treat from a small benefit on.

    Parameters
    ----------
    spread
        The standard deviation of a quantity; of a risk None.
    rarer
        The share of the rarer outcome.
    """
    least = _least(spread, rarer)
    what = (
        "0.2 standard deviations of the outcome"
        if spread is not None
        else f"one event fewer in {1 / least:.0f} patients"
    )
    return {
        "action": f"{MARK}: what is given to a patient whose benefit is large enough?",
        "least_benefit": least,
        "range": [0.0, rounded(WIDEST * least)],
        "source": f"{MARK}: which benefit outweighs what the treatment costs a patient, and who says so? Here {what}.",
    }


def draft_effect_limits(spread: float | None, rarer: float) -> dict[str, dict[str, Any]]:
    """Return the limits of the gates that ask about effects, in the unit of the effect.

    Parameters
    ----------
    spread, rarer
        As in `draft_effect_decision`.
    """
    least = _least(spread, rarer)
    lost, lost_by_a_group, half = rounded(least / 10), rounded(least / 4), rounded(least / 2)
    return {
        "suspicious_performance": {**RANKING, "ceiling": rounded(5 * least)},
        "calibration": {"slope": [0.5, 2.0], "effect_error": least},
        "utility": {"tolerance": lost, "group_tolerance": lost_by_a_group},
        "fairness": {
            "share_that_blocks": 0.05,
            "within_group": {"effect_error": least, "policy_gain": lost_by_a_group},
        },
        "subgroup_adequacy": {"patients": 200, "half_width": {"average_effect": rounded(WIDEST * least)}},
        "robustness": {**RANKING, "margin": half},
        "stability": {"mean_absolute_difference": least},
        "non_inferiority": {**RANKING, "margin": half},
        "personalisation": {},
        "comparability": {"outside": 0.10, "imbalance": 0.10},
    }
