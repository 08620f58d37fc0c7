"""How far predicted risks are from what happened, discrimination and calibration taken together."""

from theragate.evidence.definitions.arithmetic import ratio
from theragate.evidence.definitions.metric import RISK, Metric, of_risks

__all__ = ["OVERALL"]

OVERALL: tuple[Metric, ...] = (
    Metric(
        name="brier",
        title="Brier score",
        tasks=RISK,
        description="The mean squared distance between predicted risk and what happened.",
        source="Graf et al., Stat Med 1999;18:2529",
        direction="lower",
        decimals=3,
        scale="log",
        formulas=(of_risks(lambda sums: ratio(sums["squared_error"], sums["seen"])),),
        one_class=True,
    ),
    Metric(
        name="brier_skill",
        title="Brier skill score",
        tasks=RISK,
        description="The share of the squared distance that the model takes away from a prediction equal for all.",
        source="Kattan, Gerds, Diagn Progn Res 2018;2:7",
        direction="higher",
        decimals=3,
        bounds=(None, 1.0),
        formulas=(of_risks(lambda sums: 1 - ratio(sums["squared_error"], sums["squared_error_of_null"])),),
    ),
    Metric(
        name="log_loss",
        title="Log loss",
        tasks=("binary",),
        description="The mean negative log-likelihood of the predicted risks.",
        source="Good, J R Stat Soc B 1952;14:107",
        direction="lower",
        decimals=3,
        bounds=(0.0, None),
        report_only=True,
        scale="log",
        formulas=(of_risks(lambda sums: ratio(sums["log_loss"], sums["seen"]), needs=("log_loss",)),),
    ),
    Metric(
        name="average_precision",
        title="Average precision",
        tasks=("binary",),
        description="The positive predictive value, averaged over the sensitivities.",
        source="Van Calster et al., Lancet Digit Health 2025;7:100916",
        direction="higher",
        decimals=3,
        report_only=True,
        scale="logit",
    ),
)
