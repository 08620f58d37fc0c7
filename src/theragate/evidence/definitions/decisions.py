"""What the clinical threshold decides by predicted risks."""

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats, ratio
from theragate.evidence.definitions.metric import RISK, Metric, of_risks
from theragate.evidence.definitions.net_benefit import NetBenefit, net_benefit
from theragate.evidence.definitions.sums import RiskSums

__all__ = ["DECISIONS"]

_VICKERS = "Vickers, Elkin, Med Decis Making 2006;26:565"
_ALTMAN_BLAND = "Altman, Bland, BMJ 1994;308:1552"


def _specificity(sums: RiskSums) -> Floats:
    negatives = sums["seen"] - sums["events"]
    false_positives = sums["selected"] - sums["true_positives"]
    return 1 - ratio(false_positives, np.where(negatives > 1e-9 * sums["seen"], negatives, 0))


def _accuracy(sums: RiskSums) -> Floats:
    negatives = sums["seen"] - sums["events"]
    return ratio(negatives - sums["selected"] + 2 * sums["true_positives"], sums["seen"])


def _net_benefit(sums: RiskSums) -> NetBenefit:
    return net_benefit(
        true_positives=ratio(sums["true_positives"], sums["seen"]),
        selected=ratio(sums["selected"], sums["seen"]),
        events=ratio(sums["events"], sums["seen"]),
        threshold=sums.threshold,
    )


DECISIONS: tuple[Metric, ...] = (
    Metric(
        name="sensitivity",
        title="Sensitivity",
        tasks=RISK,
        description="The share of the patients with the event who reach the clinical threshold.",
        source=_ALTMAN_BLAND,
        direction="higher",
        decimals=3,
        contrasted=True,
        scale="logit",
        interval="proportion",
        kind="operating point",
        formulas=(of_risks(lambda sums: ratio(sums["true_positives"], sums["events"]), needs=("selected",)),),
        among="events",
        one_class=True,
    ),
    Metric(
        name="specificity",
        title="Specificity",
        tasks=RISK,
        description="The share of the patients without the event who stay below the clinical threshold.",
        source=_ALTMAN_BLAND,
        direction="higher",
        decimals=3,
        contrasted=True,
        scale="logit",
        interval="proportion",
        kind="operating point",
        formulas=(of_risks(_specificity, needs=("selected",)),),
        among="non_events",
        one_class=True,
    ),
    Metric(
        name="positive_predictive_value",
        title="Positive predictive value",
        tasks=RISK,
        description="The share with the event among the patients who reach the clinical threshold.",
        source="Altman, Bland, BMJ 1994;309:102",
        direction="higher",
        decimals=3,
        report_only=True,
        scale="logit",
        interval="proportion",
        kind="operating point",
        formulas=(of_risks(lambda sums: ratio(sums["true_positives"], sums["selected"]), needs=("selected",)),),
        among="selected",
        one_class=True,
    ),
    Metric(
        name="selection_rate",
        title="Selection rate",
        tasks=RISK,
        description="The share of the patients who reach the clinical threshold.",
        source="Hardt et al., NeurIPS 2016",
        direction="none",
        decimals=3,
        contrasted=True,
        scale="logit",
        interval="proportion",
        kind="operating point",
        formulas=(of_risks(lambda sums: ratio(sums["selected_of_all"], sums["patients"]), needs=("selected",)),),
        among="everybody",
        one_class=True,
    ),
    Metric(
        name="accuracy",
        title="Accuracy",
        tasks=("binary",),
        description="The share of the patients whom the clinical threshold puts on the right side.",
        source=_ALTMAN_BLAND,
        direction="higher",
        decimals=3,
        report_only=True,
        scale="logit",
        interval="proportion",
        kind="operating point",
        formulas=(of_risks(_accuracy, needs=("selected",)),),
        among="seen",
        one_class=True,
    ),
    Metric(
        name="net_benefit",
        title="Net benefit",
        tasks=RISK,
        description="True positives per patient, less the false positives at their exchange rate.",
        source=_VICKERS,
        direction="higher",
        decimals=4,
        bounds=(None, 1.0),
        report_only=True,
        formulas=(of_risks(lambda sums: _net_benefit(sums).model, needs=("selected",)),),
    ),
    Metric(
        name="net_benefit_gain",
        title="Net benefit over the better default",
        tasks=RISK,
        description="The net benefit of the model minus that of the better of treating all and treating none.",
        source=_VICKERS,
        direction="higher",
        decimals=4,
        bounds=(None, 1.0),
        contrasted=True,
        formulas=(of_risks(lambda sums: _net_benefit(sums).gain, needs=("selected",)),),
    ),
)
