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


def _least(spread: float | None) -> float:
    return LEAST_OF_A_RISK if spread is None else rounded(SMALL_EFFECT * spread)


def draft_effect_decision(spread: float | None) -> dict[str, Any]:
    """Return the decision to treat from a small benefit on.

    Parameters
    ----------
    spread
        The standard deviation of a quantity; of a risk None.
    """
    least = _least(spread)
    what = "0.2 standard deviations of the outcome" if spread is not None else "one event fewer in 50 patients"
    return {
        "action": f"{MARK}: what is given to a patient whose benefit is large enough?",
        "least_benefit": least,
        "range": [0.0, rounded(WIDEST * least)],
        "source": f"{MARK}: which benefit outweighs what the treatment costs a patient, and who says so? Here {what}.",
    }


def draft_effect_limits(spread: float | None) -> dict[str, dict[str, Any]]:
    """Return the limits of the gates that ask about effects, in the unit of the effect.

    Parameters
    ----------
    spread
        As in `draft_effect_decision`.
    """
    least = _least(spread)
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
