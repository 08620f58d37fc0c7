"""The gates of a new study, with the usual limits of docs/gates: where a discussion starts, not where it ends."""

from typing import Any

from theragate.gates import CONDITIONS, GATES
from theragate.specs import MARK

__all__ = ["draft_gates"]

RANKING = {"binary": "auroc", "regression": "r2", "survival": "concordance_index"}
FLOOR = {"binary": 0.65, "regression": 0.2, "survival": 0.65}
CEILING = {"binary": 0.95, "regression": 0.9, "survival": 0.9}
USUAL = "a usual limit. Which one do patients need?"


def draft_gates(task: str, *, spread: float) -> dict[str, dict[str, Any]]:
    """Return an entry for every gate and release condition.

    Parameters
    ----------
    task
        ``binary``, ``regression`` or ``survival``.
    spread
        The standard deviation of a quantity: its limits are 0.2 of it, a small effect in Cohen's sense.
    """
    ranked = {"metric": RANKING[task]}
    limits = _of_a_quantity(spread) if task == "regression" else _of_a_risk()
    limits["discrimination"] = {**ranked, "floor": FLOOR[task], "margin": 0.02, **limits["discrimination"]}
    limits |= {
        "data_quality": {"max_warnings": 3},
        "suspicious_performance": {**ranked, "ceiling": CEILING[task]},
        "utility": {"tolerance": 0.002, "group_tolerance": 0.005},
        "robustness": {**ranked, "margin": 0.03},
        "non_inferiority": {**ranked, "margin": 0.02},
        "privacy": {"attack_auc": 0.6, "true_positive_rate": 0.1},
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
    order = [gate for gate in (*GATES, *CONDITIONS) if gate in limits]
    return {gate: {**limits[gate], "reason": reasons.get(gate, f"{MARK}: {USUAL}")} for gate in order}


def _of_a_risk() -> dict[str, dict[str, Any]]:
    return {
        "discrimination": {"skill": 0.0},
        "calibration": {"slope": [0.85, 1.15], "observed_expected": [0.8, 1.25], "ici": 0.05},
        "fairness": {"share_that_blocks": 0.05, "within_group": {"log_observed_expected": 0.2, "ici": 0.05}},
        "subgroup_adequacy": {"events": 100, "non_events": 100, "half_width": {"log_observed_expected": 0.2}},
        "stability": {"mean_absolute_difference": 0.05},
    }


def _of_a_quantity(spread: float) -> dict[str, dict[str, Any]]:
    small = float(f"{0.2 * spread:.2g}")
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
