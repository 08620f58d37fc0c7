"""Whether predictions say what happens, of risks, quantities and effects."""

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats, log, ratio
from theragate.evidence.definitions.metric import RISK, Metric, of_effects, of_quantities, of_risks
from theragate.evidence.definitions.sums import NamedSums, RiskSums

__all__ = ["CALIBRATION"]

_VAN_CALSTER = "Van Calster et al., Lancet Digit Health 2025;7:100916"


def _slope_of_quantities(means: NamedSums) -> Floats:
    spread = means["squared_prediction"] - means["prediction"] ** 2
    # What is left of a variance by rounding alone counts as none.
    spread = np.where(spread > 1e-12 * means["squared_prediction"], spread, 0)
    return ratio(means["product"] - means["prediction"] * means["outcome"], spread)


def _slope_of_effects(means: NamedSums) -> Floats:
    spread = means["squared_centred"] - means["centred"] ** 2
    together: Floats = means["product"] - means["centred"] * means["score"]
    return together / np.where(spread > 0, spread, np.nan)


def _observed_expected(sums: RiskSums) -> Floats:
    return ratio(ratio(sums["events"], sums["seen"]), ratio(sums["risk"], sums["patients"]))


def _hazard_slope(sums: RiskSums) -> Floats:
    return sums.hazard_slope + ratio(sums["hazard_score"], sums["hazard_information"])


def _ici(sums: RiskSums) -> Floats:
    return _mean_distance(sums, sums.observed(sums.matrix))


def _fine_ici(sums: RiskSums) -> Floats:
    return _mean_distance(sums, sums.observed_finely(sums.matrix))


def _mean_distance(sums: RiskSums, observed: Floats) -> Floats:
    near, gap = sums["near_points"], np.abs(observed - sums.points)
    return ratio(np.where(near > 0, near * gap, 0.0).sum(axis=1), near.sum(axis=1))


CALIBRATION: tuple[Metric, ...] = (
    Metric(
        name="calibration_slope",
        title="Calibration slope",
        tasks=(
            "binary",
            "survival",
            "regression",
            "treatment_effect",
        ),
        description="1 where predictions spread as far as outcomes do; below 1 they are too extreme.",
        source="Cox, Biometrika 1958;45:562; with censoring by weights as in Graf et al., Stat Med 1999;18:2529",
        direction="near_one",
        decimals=2,
        bounds=(None, None),
        kind="calibration",
        formulas=(
            of_risks(lambda sums: sums.slopes(sums.columns(sums.recalibration)), needs=("score",)),
            of_quantities(_slope_of_quantities),
            of_effects(_slope_of_effects, needs=("ranking",)),
        ),
    ),
    Metric(
        name="cox_calibration_slope",
        title="Calibration slope by Cox regression",
        tasks=("survival",),
        description="The same from all times until the horizon: it varies less, if hazards are proportional.",
        source="McLernon et al., Ann Intern Med 2023;176:105; Crowson et al., Stat Methods Med Res 2016;25:1692",
        direction="near_one",
        decimals=2,
        bounds=(None, None),
        report_only=True,
        kind="calibration",
        formulas=(of_risks(_hazard_slope, needs=("hazard_score",)),),
    ),
    Metric(
        name="calibration_intercept",
        title="Calibration in the large",
        tasks=("binary",),
        description="The shift on the logit scale that would make the mean predicted risk right.",
        source=_VAN_CALSTER,
        direction="near_zero",
        decimals=2,
        bounds=(None, None),
        report_only=True,
        kind="calibration",
        formulas=(
            of_risks(
                lambda sums: sums.shift + ratio(sums["shift_score"], sums["shift_information"]), needs=("shift_score",)
            ),
        ),
    ),
    Metric(
        name="observed_expected",
        title="Observed over expected events",
        tasks=RISK,
        description="The observed risk over the mean predicted risk.",
        source=_VAN_CALSTER,
        direction="near_one",
        decimals=2,
        bounds=(0.0, None),
        scale="log",
        kind="calibration",
        formulas=(of_risks(_observed_expected),),
    ),
    Metric(
        name="log_observed_expected",
        title="Log of observed over expected events",
        tasks=RISK,
        description=(
            "The natural logarithm of observed over expected: 0 is right, and errors up and down weigh the same."
        ),
        source=_VAN_CALSTER,
        direction="near_zero",
        decimals=2,
        bounds=(None, None),
        contrasted=True,
        kind="calibration",
        formulas=(of_risks(lambda sums: log(_observed_expected(sums))),),
    ),
    Metric(
        name="ici",
        title="Integrated calibration index",
        tasks=RISK,
        description="The mean distance between the predicted risk and the risk seen in patients predicted alike.",
        source="Austin, Steyerberg, Stat Med 2019;38:4051; Austin et al., Stat Med 2020;39:2714",
        direction="lower",
        decimals=3,
        contrasted=True,
        interval="distance",
        kind="calibration",
        formulas=(of_risks(_ici),),
        fine=(of_risks(_fine_ici),),
    ),
    Metric(
        name="ece",
        title="Expected calibration error",
        tasks=("binary",),
        description="The mean distance between predicted and observed risk over ten equal bins; depends on the bins.",
        source="Naeini et al., AAAI 2015",
        direction="lower",
        decimals=3,
        report_only=True,
        interval="distance",
        kind="calibration",
        formulas=(
            of_risks(lambda sums: ratio(sum(np.abs(gap) for gap in sums["gaps"].T), sums["seen"]), needs=("gaps",)),
        ),
    ),
)
