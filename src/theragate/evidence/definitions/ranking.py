"""How well predictions rank patients by what will happen to them."""

from theragate.evidence.definitions.metric import Metric

__all__ = ["RANKING"]

RANKING: tuple[Metric, ...] = (
    Metric(
        name="auroc",
        title="Area under the ROC curve",
        tasks=("binary",),
        description="How often a patient with the event has the higher predicted risk of the two.",
        source="DeLong et al., Biometrics 1988;44:837; Sun, Xu, IEEE Signal Process Lett 2014;21:1389",
        direction="higher",
        decimals=3,
        scale="logit",
        interval="influence",
        ranked="area_under_curve",
    ),
    Metric(
        name="concordance_index",
        title="Concordance index (Harrell)",
        tasks=("survival",),
        description="How often the patient who has the event first has the higher predicted risk.",
        source="Harrell et al., Stat Med 1996;15:361",
        direction="higher",
        decimals=3,
        scale="logit",
        interval="influence",
        ranked="harrell",
    ),
    Metric(
        name="concordance_index_ipcw",
        title="Concordance index up to the horizon (Uno)",
        tasks=("survival",),
        description="The concordance index up to the horizon, freed from the pattern of censoring.",
        source="Uno et al., Stat Med 2011;30:1105",
        direction="higher",
        decimals=3,
        scale="logit",
        interval="influence",
        ranked="uno",
    ),
    Metric(
        name="auc_at_horizon",
        title="Area under the ROC curve at the horizon",
        tasks=("survival",),
        description="How often a patient with the event by the horizon has a higher predicted risk than one without.",
        source="Uno et al., JASA 2007;102:527; Blanche et al., Stat Med 2013;32:5381",
        direction="higher",
        decimals=3,
        scale="logit",
        interval="influence",
        ranked="area_under_curve",
    ),
)
