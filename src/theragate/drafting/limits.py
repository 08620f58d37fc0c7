"""The gates of a new study, with the limits of docs/gates: where a discussion starts, not where it ends."""

from typing import Any

from theragate.drafting.effects import REASONS as OF_EFFECTS
from theragate.drafting.effects import draft_effect_limits
from theragate.drafting.words import SMALL_EFFECT, rounded
from theragate.gates import CONDITIONS, GATES
from theragate.study import MARK, TASKS, TaskName

__all__ = ["draft_gates"]

FLOOR: dict[TaskName, float] = {"binary": 0.65, "regression": 0.2, "survival": 0.65}
CEILING: dict[TaskName, float] = {"binary": 0.95, "regression": 0.9, "survival": 0.9}
USUAL = "a limit to begin with. Which one do patients need?"


def draft_gates(task: TaskName, *, spread: float | None, rarer: float) -> dict[str, dict[str, Any]]:
    """Return an entry for every gate and release condition of a task.

    Parameters
    ----------
    task
        One of a study's.
    spread
        The standard deviation of a quantity, on which its limits rest; of an event or a time None.
    rarer
        The share of the rarer outcome, on which the limits of a risk rest: of 2% events, a model that is wrong by 0.05
        for everybody has told nothing. The usual limits hold from a fifth on.
    """
    limits = (
        draft_effect_limits(spread, rarer) if TASKS[task].compares_treatments else _of_a_prediction(task, spread, rarer)
    )
    limits |= {
        "data_quality": {"max_warnings": 3},
        "privacy": {"attack_auc": 0.6, "rate_at_one_in_1000": {"likelihood_ratio": 0.02, "loss": 0.01}},
        "lineage": {},
        "held_out_use": {"most": 20},
    }
    reasons = {
        "data_quality": f"{MARK}: has somebody who knows the data read the suite, which was drafted from them?",
        "suspicious_performance": f"{MARK}: what do the best published models of such patients reach?",
        "discrimination": f"{MARK}: what do age and sex, or the score in use, reach without a model?",
        "lineage": "What cannot be made again from a commit cannot be corrected either.",
        "held_out_use": "The best of 20 equally good models looks better by about two standard errors by chance alone.",
    }
    reasons |= OF_EFFECTS if TASKS[task].compares_treatments else {}
    order = [gate for gate in (*GATES, *CONDITIONS) if gate in limits]
    return {gate: {**limits[gate], "reason": reasons.get(gate, f"{MARK}: {USUAL}")} for gate in order}


def _of_a_prediction(task: TaskName, spread: float | None, rarer: float) -> dict[str, dict[str, Any]]:
    ranked = {"metric": TASKS[task].ranking[0]}
    limits = _of_a_risk(rarer) if spread is None else _of_a_quantity(spread)
    limits["discrimination"] = {**ranked, "floor": FLOOR[task], "margin": 0.02, **limits["discrimination"]}
    return limits | {
        "suspicious_performance": {**ranked, "ceiling": CEILING[task]},
        "utility": _tolerances(rarer if spread is None else 1.0),
        "robustness": {**ranked, "margin": 0.03},
        "non_inferiority": {**ranked, "margin": 0.02},
    }


def _tolerances(rarer: float) -> dict[str, Any]:
    """Return what net benefit may be lost: never more than a twentieth, or an eighth, of all that can be gained."""
    return {"tolerance": min(0.002, rounded(rarer / 20)), "group_tolerance": min(0.005, rounded(rarer / 8))}


def _of_a_risk(rarer: float) -> dict[str, dict[str, Any]]:
    error = min(0.05, rounded(rarer / 4))
    return {
        "discrimination": {"skill": 0.0},
        "calibration": {"slope": [0.85, 1.15], "observed_expected": [0.8, 1.25], "ici": error},
        "fairness": {"share_that_blocks": 0.05, "within_group": {"log_observed_expected": 0.2, "ici": error}},
        "subgroup_adequacy": {"events": 100, "non_events": 100, "half_width": {"log_observed_expected": 0.2}},
        "stability": {"mean_absolute_difference": error},
    }


def _of_a_quantity(spread: float) -> dict[str, dict[str, Any]]:
    small = rounded(SMALL_EFFECT * spread)
    return {
        "discrimination": {},
        "calibration": {"slope": [0.85, 1.15], "mean_error": small},
        "fairness": {
            "share_that_blocks": 0.05,
            "within_group": {"mean_error": small},
            "between_groups": {"mae": small},
        },
        "subgroup_adequacy": {"patients": 100, "half_width": {"mean_error": small}},
        "stability": {"mean_absolute_difference": small},
    }
