"""What every metric is called, measures and rests on. Light: cards, figures and gates read it too."""

from dataclasses import dataclass, field
from typing import Literal

from theragate.study import TaskName as Task

__all__ = ["METRICS", "Direction", "Interval", "Metric", "Task", "metrics_of", "report_only"]

Direction = Literal["higher", "lower", "near_one", "near_zero", "none"]
Interval = Literal["normal", "proportion", "bias_shifted", "influence"]
_Scale = Literal["identity", "log", "logit"]

_RISK: tuple[Task, ...] = ("binary", "survival")
_VAN_CALSTER = "Van Calster et al., Lancet Digit Health 2025;7:100916"
_VICKERS = "Vickers, Elkin, Med Decis Making 2006;26:565"
_YADLOWSKY = "Yadlowsky et al., J Am Stat Assoc 2025;120:38"
_EFFECT: tuple[Task, ...] = ("treatment_effect",)
_GRAF = "Graf et al., Stat Med 1999;18:2529"


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
    scale, interval
        On which scale its error is nearly normal, and how its limits are made (see ``evidence/intervals/limits.py``).
    """

    name: str
    title: str
    tasks: tuple[Task, ...]
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


# fmt: off
_ALL: tuple[Metric, ...] = (
    Metric("auroc", "Area under the ROC curve", ("binary",),
           "How often a patient with the event has the higher predicted risk of the two.",
           "DeLong et al., Biometrics 1988;44:837; Sun, Xu, IEEE Signal Process Lett 2014;21:1389",
           "higher", decimals=3, scale="logit", interval="influence"),
    Metric("concordance_index", "Concordance index (Harrell)", ("survival",),
           "How often the patient who has the event first has the higher predicted risk.",
           "Harrell et al., Stat Med 1996;15:361", "higher", decimals=3, scale="logit", interval="influence"),
    Metric("concordance_index_ipcw", "Concordance index up to the horizon (Uno)", ("survival",),
           "The concordance index up to the horizon, freed from the pattern of censoring.",
           "Uno et al., Stat Med 2011;30:1105", "higher", decimals=3, scale="logit", interval="influence"),
    Metric("auc_at_horizon", "Area under the ROC curve at the horizon", ("survival",),
           "How often a patient with the event by the horizon has a higher predicted risk than one without.",
           "Uno et al., JASA 2007;102:527; Blanche et al., Stat Med 2013;32:5381",
           "higher", decimals=3, scale="logit", interval="influence"),
    Metric("brier", "Brier score", _RISK,
           "The mean squared distance between predicted risk and what happened.", _GRAF,
           "lower", decimals=3, scale="log"),
    Metric("brier_skill", "Brier skill score", _RISK,
           "The share of the squared distance that the model takes away from a prediction equal for all.",
           "Kattan, Gerds, Diagn Progn Res 2018;2:7", "higher", decimals=3, bounds=(None, 1.0)),
    Metric("log_loss", "Log loss", ("binary",),
           "The mean negative log-likelihood of the predicted risks.", "Good, J R Stat Soc B 1952;14:107",
           "lower", decimals=3, bounds=(0.0, None), report_only=True, scale="log"),
    Metric("average_precision", "Average precision", ("binary",),
           "The positive predictive value, averaged over the sensitivities.", _VAN_CALSTER,
           "higher", decimals=3, report_only=True, scale="logit"),
    Metric("calibration_slope", "Calibration slope", ("binary", "survival", "regression", "treatment_effect"),
           "1 where predictions spread as far as outcomes do; below 1 they are too extreme.",
           "Cox, Biometrika 1958;45:562; McLernon et al., Ann Intern Med 2023;176:105",
           "near_one", decimals=2, bounds=(None, None)),
    Metric("calibration_intercept", "Calibration in the large", ("binary",),
           "The shift on the logit scale that would make the mean predicted risk right.", _VAN_CALSTER,
           "near_zero", decimals=2, bounds=(None, None), report_only=True),
    Metric("observed_expected", "Observed over expected events", _RISK,
           "The observed risk over the mean predicted risk.", _VAN_CALSTER,
           "near_one", decimals=2, bounds=(0.0, None), scale="log"),
    Metric("log_observed_expected", "Log of observed over expected events", _RISK,
           "The natural logarithm of observed over expected: 0 is right, and errors up and down weigh the same.",
           _VAN_CALSTER, "near_zero", decimals=2, bounds=(None, None), contrasted=True),
    Metric("ici", "Integrated calibration index", _RISK,
           "The mean distance between the predicted risk and the risk seen in patients predicted alike.",
           "Austin, Steyerberg, Stat Med 2019;38:4051; Austin et al., Stat Med 2020;39:2714",
           "lower", decimals=3, contrasted=True, interval="bias_shifted"),
    Metric("ece", "Expected calibration error", ("binary",),
           "The mean distance between predicted and observed risk over ten equal bins; depends on the bins.",
           "Naeini et al., AAAI 2015", "lower", decimals=3, report_only=True, interval="bias_shifted"),
    Metric("sensitivity", "Sensitivity", _RISK,
           "The share of the patients with the event who reach the clinical threshold.",
           "Altman, Bland, BMJ 1994;308:1552",
           "higher", decimals=3, contrasted=True, scale="logit", interval="proportion"),
    Metric("specificity", "Specificity", _RISK,
           "The share of the patients without the event who stay below the clinical threshold.",
           "Altman, Bland, BMJ 1994;308:1552",
           "higher", decimals=3, contrasted=True, scale="logit", interval="proportion"),
    Metric("positive_predictive_value", "Positive predictive value", _RISK,
           "The share with the event among the patients who reach the clinical threshold.",
           "Altman, Bland, BMJ 1994;309:102",
           "higher", decimals=3, report_only=True, scale="logit", interval="proportion"),
    Metric("selection_rate", "Selection rate", _RISK,
           "The share of the patients who reach the clinical threshold.", "Hardt et al., NeurIPS 2016",
           "none", decimals=3, contrasted=True, scale="logit", interval="proportion"),
    Metric("accuracy", "Accuracy", ("binary",),
           "The share of the patients whom the clinical threshold puts on the right side.",
           "Altman, Bland, BMJ 1994;308:1552",
           "higher", decimals=3, report_only=True, scale="logit", interval="proportion"),
    Metric("net_benefit", "Net benefit", _RISK,
           "True positives per patient, less the false positives at their exchange rate.", _VICKERS,
           "higher", decimals=4, bounds=(None, 1.0), report_only=True),
    Metric("net_benefit_gain", "Net benefit over the better default", _RISK,
           "The net benefit of the model minus that of the better of treating all and treating none.", _VICKERS,
           "higher", decimals=4, bounds=(None, 1.0), contrasted=True),
    Metric("r2", "Explained variation (R²)", ("regression",),
           "The share of the outcome's variance that the predictions take away.", "Wright, J Agric Res 1921;20:557",
           "higher", decimals=3, bounds=(None, 1.0)),
    Metric("rmse", "Root mean squared error", ("regression",),
           "The typical size of the error; large errors weigh more.", "Gauss, Theoria combinationis, 1823",
           "lower", decimals=1, unit="outcome", bounds=(0.0, None), scale="log"),
    Metric("mae", "Mean absolute error", ("regression",),
           "The mean size of the error.", "Willmott, Matsuura, Clim Res 2005;30:79",
           "lower", decimals=1, unit="outcome", bounds=(0.0, None), contrasted=True, scale="log"),
    Metric("mean_error", "Mean error", ("regression",),
           "The mean of predicted minus observed: above 0, predictions are too high.",
           "Bland, Altman, Lancet 1986;327:307",
           "near_zero", decimals=1, unit="outcome", bounds=(None, None), contrasted=True),
    Metric("within_20_percent", "Within 20% of the truth", ("regression",),
           "The share of the patients whose prediction is within 20% of the observed value.",
           "International Warfarin Pharmacogenetics Consortium, NEJM 2009;360:753",
           "higher", decimals=3, report_only=True, contrasted=True, scale="logit", interval="proportion"),
    Metric("interval_coverage", "Covered by one 90% interval", ("regression",),
           "The share of the patients whose outcome lies as near to the prediction as it does in 90% of the others.",
           "Vovk et al., Algorithmic Learning in a Random World, 2005; Lei et al., JASA 2018;113:1094",
           "none", decimals=3, report_only=True, contrasted=True, scale="logit", interval="proportion"),
)
_ALL += (
    Metric("average_effect", "Average effect of the treatment", _EFFECT,
           "How much better the patients do, on average, with the treatment than without; above 0 it helps.",
           "Robins, Rotnitzky, Zhao, J Am Stat Assoc 1994;89:846",
           "higher", decimals=None, unit="outcome", bounds=(None, None), contrasted=True),
    Metric("autoc", "Ranking of who benefits (AUTOC)", _EFFECT,
           "By how much the effect in those ranked highest exceeds the average, over all shares; 0 is no ranking.",
           _YADLOWSKY, "higher", decimals=None, unit="outcome", bounds=(None, None)),
    Metric("qini", "Ranking of who benefits (Qini)", _EFFECT,
           "The same, weighted by how many are treated: differences among the few count less.",
           _YADLOWSKY, "higher", decimals=None, unit="outcome", bounds=(None, None), report_only=True),
    Metric("loss_gain", "Smaller squared error of the effect", _EFFECT,
           "The squared error of one effect for everybody minus that of the predictions; above 0 these are better.",
           "Nie, Wager, Biometrika 2021;108:299", "higher", decimals=None, bounds=(None, None), report_only=True),
    Metric("effect_error", "Error of the average effect", _EFFECT,
           "The mean of predicted minus doubly robust effects: above 0, too much benefit is promised.",
           "Robins, Rotnitzky, Zhao, J Am Stat Assoc 1994;89:846",
           "near_zero", decimals=None, unit="outcome", bounds=(None, None), contrasted=True),
    Metric("policy_value", "Value of treating by the prediction", _EFFECT,
           "How much better patients do, on average, than without treatment if those are treated whose benefit reaches "
           "the threshold.",
           "Athey, Wager, Econometrica 2021;89:133",
           "higher", decimals=None, unit="outcome", bounds=(None, None), report_only=True),
    Metric("policy_gain", "Gain over the better default", _EFFECT,
           "The same, less the threshold for each patient treated, minus the better of treating all and treating none.",
           "Vickers, Kattan, Sargent, Trials 2007;8:14",
           "higher", decimals=None, unit="outcome", bounds=(None, None), contrasted=True),
    Metric("policy_gain_over_none", "Gain over treating nobody", _EFFECT,
           "The benefit of those treated by the prediction, less the threshold for each of them, over all patients.",
           "Athey, Wager, Econometrica 2021;89:133",
           "higher", decimals=None, unit="outcome", bounds=(None, None), report_only=True),
    Metric("policy_gain_over_all", "Gain over treating everybody", _EFFECT,
           "The harm, and the threshold saved, of those who are not treated by the prediction, over all patients.",
           "Athey, Wager, Econometrica 2021;89:133",
           "higher", decimals=None, unit="outcome", bounds=(None, None), report_only=True),
    Metric("treated_share", "Treated by the prediction", _EFFECT,
           "The share of the patients whose predicted benefit reaches the threshold.",
           "Athey, Wager, Econometrica 2021;89:133",
           "none", decimals=3, report_only=True, scale="logit", interval="proportion"),
)
# fmt: on

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def metrics_of(task: Task) -> tuple[Metric, ...]:
    """Return the metrics that are measured for `task`, in the order in which they are shown."""
    return tuple(metric for metric in METRICS.values() if task in metric.tasks)


def report_only(task: Task) -> tuple[str, ...]:
    """Return the names of the metrics that are measured for `task`, shown, and never judged."""
    return tuple(metric.name for metric in metrics_of(task) if metric.report_only)
