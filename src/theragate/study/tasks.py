"""What each task is made of, in one place. Metrics, families and figures stand here by name; a test resolves them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from theragate.study.outcomes import BinaryOutcome, EffectOutcome, QuantityOutcome, SurvivalOutcome

__all__ = ["TASKS", "Task", "TaskName"]

TaskName = Literal["binary", "regression", "survival", "treatment_effect"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A kind of prediction problem.

    Parameters
    ----------
    outcome
        How a study declares what is predicted.
    response
        What a stored model says of one patient.
    horizon
        Whether that holds by a horizon; of an effect, as of the outcome by which the treatments are compared.
    loss
        What tuning minimises.
    reference, rivals
        The simple family that every other has to beat, and those that a drafted study searches.
    families
        All that a study may name.
    ranking
        The metrics that say how well patients are told apart; a study chooses one for its gates.
    compared
        The metrics by which two models are compared on the same patients. Only the first is judged.
    headline, also_listed
        The main metrics, on the card, in MLflow and in ``metrics.json``; the page of results lists a few more.
    group_panels
        The columns of the figure of subgroups. What moves with the mix of patients comes last.
    """

    outcome: type[BinaryOutcome | QuantityOutcome | SurvivalOutcome | EffectOutcome]
    response: Literal["probability", "quantity", "risk", "effect"]
    horizon: Literal["never", "always", "as_measured"]
    loss: str
    reference: str
    rivals: tuple[str, ...]
    families: tuple[str, ...]
    ranking: tuple[str, ...]
    compared: tuple[str, ...]
    headline: tuple[str, ...]
    also_listed: tuple[str, ...] = ()
    group_panels: tuple[str, ...]

    @property
    def predicts_risk(self) -> bool:
        """Whether an event is predicted, with a chance of it."""
        return self.response in ("probability", "risk")

    @property
    def predicts_quantity(self) -> bool:
        """Whether an amount is predicted, in the outcome's unit."""
        return self.response == "quantity"

    @property
    def compares_treatments(self) -> bool:
        """Whether it is predicted how much more one treatment does for a patient than another."""
        return self.response == "effect"

    @property
    def over_time(self) -> bool:
        """Whether the outcome is a time, which may be censored."""
        return self.horizon == "always"


TASKS: Final[Mapping[TaskName, Task]] = {
    "binary": Task(
        outcome=BinaryOutcome,
        response="probability",
        horizon="never",
        loss="log loss",
        reference="logistic",
        rivals=("spline_logistic", "xgboost"),
        families=("logistic", "spline_logistic", "xgboost"),
        ranking=("auroc",),
        compared=("auroc", "brier"),
        headline=("auroc", "brier_skill", "calibration_slope", "observed_expected", "ici", "net_benefit_gain"),
        group_panels=("log_observed_expected", "net_benefit_gain", "auroc"),
    ),
    "regression": Task(
        outcome=QuantityOutcome,
        response="quantity",
        horizon="never",
        loss="squared error",
        reference="linear",
        rivals=("elastic_net", "spline_ridge", "xgboost"),
        families=("linear", "elastic_net", "spline_ridge", "xgboost"),
        ranking=("r2",),
        compared=("r2", "rmse"),
        headline=("r2", "rmse", "mae", "calibration_slope", "mean_error"),
        also_listed=("within_20_percent",),
        group_panels=("mean_error", "mae", "r2"),
    ),
    "survival": Task(
        outcome=SurvivalOutcome,
        response="risk",
        horizon="always",
        loss="log loss",
        reference="ridge_cox",
        rivals=("spline_cox", "coxnet", "xgboost_cox"),
        families=(
            *("ridge_cox", "strong_ridge_cox", "coxnet", "spline_cox"),
            *("xgboost_cox", "xgboost_aft", "random_survival_forest"),
        ),
        ranking=("concordance_index", "concordance_index_ipcw", "auc_at_horizon"),
        compared=("concordance_index", "brier"),
        headline=(
            *("concordance_index", "concordance_index_ipcw", "brier_skill", "calibration_slope"),
            *("observed_expected", "ici", "net_benefit_gain"),
        ),
        group_panels=("log_observed_expected", "net_benefit_gain", "concordance_index"),
    ),
    "treatment_effect": Task(
        outcome=EffectOutcome,
        response="effect",
        horizon="as_measured",
        loss="squared distance from doubly robust scores",
        reference="constant_effect",
        rivals=("t_learner", "s_learner", "x_learner", "dr_learner", "causal_forest"),
        families=("constant_effect", "t_learner", "s_learner", "x_learner", "dr_learner", "causal_forest"),
        ranking=("autoc",),
        compared=("autoc",),
        headline=("average_effect", "autoc", "qini", "calibration_slope", "effect_error", "policy_gain"),
        also_listed=("policy_value", "policy_gain_over_none", "policy_gain_over_all"),
        group_panels=("average_effect", "effect_error", "policy_gain"),
    ),
}
