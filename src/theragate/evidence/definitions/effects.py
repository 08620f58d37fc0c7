"""What the treatment does, and what predicted effects of it are worth."""

from theragate.evidence.definitions.metric import EFFECT, Metric, of_effects

__all__ = ["EFFECTS"]

_YADLOWSKY = "Yadlowsky et al., J Am Stat Assoc 2025;120:38"
_ATHEY_WAGER = "Athey, Wager, Econometrica 2021;89:133"
_ROBINS = "Robins, Rotnitzky, Zhao, J Am Stat Assoc 1994;89:846"

EFFECTS: tuple[Metric, ...] = (
    Metric(
        name="average_effect",
        title="Average effect of the treatment",
        tasks=EFFECT,
        description="How much better the patients do, on average, with the treatment than without; above 0 it helps.",
        source=_ROBINS,
        direction="higher",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
        contrasted=True,
        kind="average",
        formulas=(of_effects(lambda means: means["score"]),),
    ),
    Metric(
        name="autoc",
        title="Ranking of who benefits (AUTOC)",
        tasks=EFFECT,
        description=(
            "By how much the effect in those ranked highest exceeds the average, over all shares; 0 is no ranking."
        ),
        source=_YADLOWSKY,
        direction="higher",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
    ),
    Metric(
        name="qini",
        title="Ranking of who benefits (Qini)",
        tasks=EFFECT,
        description="The same, weighted by how many are treated: differences among the few count less.",
        source=_YADLOWSKY,
        direction="higher",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
        report_only=True,
    ),
    Metric(
        name="loss_gain",
        title="Smaller squared error of the effect",
        tasks=EFFECT,
        description=(
            "The squared error of one effect for everybody minus that of the predictions; above 0 these are better."
        ),
        source="Nie, Wager, Biometrika 2021;108:299",
        direction="higher",
        decimals=None,
        bounds=(None, None),
        report_only=True,
        formulas=(of_effects(lambda means: means["loss_gain"]),),
    ),
    Metric(
        name="effect_error",
        title="Error of the average effect",
        tasks=EFFECT,
        description="The mean of predicted minus doubly robust effects: above 0, too much benefit is promised.",
        source=_ROBINS,
        direction="near_zero",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
        contrasted=True,
        kind="calibration",
        formulas=(of_effects(lambda means: means["prediction"] - means["score"]),),
    ),
    Metric(
        name="policy_value",
        title="Value of treating by the prediction",
        tasks=EFFECT,
        description=(
            "How much better patients do, on average, than without treatment if those are treated whose "
            "benefit reaches the threshold."
        ),
        source=_ATHEY_WAGER,
        direction="higher",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
        report_only=True,
    ),
    Metric(
        name="policy_gain",
        title="Gain over the better default",
        tasks=EFFECT,
        description=(
            "The same, less the threshold for each patient treated, minus the better of treating all and treating none."
        ),
        source="Vickers, Kattan, Sargent, Trials 2007;8:14",
        direction="higher",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
        contrasted=True,
    ),
    Metric(
        name="policy_gain_over_none",
        title="Gain over treating nobody",
        tasks=EFFECT,
        description=(
            "The benefit of those treated by the prediction, less the threshold for each of them, over all patients."
        ),
        source=_ATHEY_WAGER,
        direction="higher",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
        report_only=True,
    ),
    Metric(
        name="policy_gain_over_all",
        title="Gain over treating everybody",
        tasks=EFFECT,
        description=(
            "The harm, and the threshold saved, of those who are not treated by the prediction, over all patients."
        ),
        source=_ATHEY_WAGER,
        direction="higher",
        decimals=None,
        unit="outcome",
        bounds=(None, None),
        report_only=True,
    ),
    Metric(
        name="treated_share",
        title="Treated by the prediction",
        tasks=EFFECT,
        description="The share of the patients whose predicted benefit reaches the threshold.",
        source=_ATHEY_WAGER,
        direction="none",
        decimals=3,
        report_only=True,
        scale="logit",
        interval="proportion",
    ),
)
