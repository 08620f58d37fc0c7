"""How far predicted quantities are from what was observed."""

import numpy as np

from theragate.evidence.definitions.arithmetic import Floats, ratio
from theragate.evidence.definitions.metric import Metric, of_quantities
from theragate.evidence.definitions.sums import NamedSums

__all__ = ["QUANTITIES"]


def _r2(means: NamedSums) -> Floats:
    variance = means["squared_outcome"] - means["outcome"] ** 2
    # What is left of a variance by rounding alone counts as none.
    return 1 - ratio(means["squared_error"], np.where(variance > 1e-12 * means["squared_outcome"], variance, 0))


QUANTITIES: tuple[Metric, ...] = (
    Metric(
        name="r2",
        title="Explained variation (R²)",
        tasks=("regression",),
        description="The share of the outcome's variance that the predictions take away.",
        source="Wright, J Agric Res 1921;20:557",
        direction="higher",
        decimals=3,
        bounds=(None, 1.0),
        scale="complement",
        heavy=True,
        formulas=(of_quantities(_r2),),
    ),
    Metric(
        name="rmse",
        title="Root mean squared error",
        tasks=("regression",),
        description="The typical size of the error; large errors weigh more.",
        source="Gauss, Theoria combinationis, 1823",
        direction="lower",
        decimals=1,
        unit="outcome",
        bounds=(0.0, None),
        scale="log",
        heavy=True,
        formulas=(of_quantities(lambda means: np.sqrt(means["squared_error"])),),
    ),
    Metric(
        name="mae",
        title="Mean absolute error",
        tasks=("regression",),
        description="The mean size of the error.",
        source="Willmott, Matsuura, Clim Res 2005;30:79",
        direction="lower",
        decimals=1,
        unit="outcome",
        bounds=(0.0, None),
        contrasted=True,
        scale="log",
        formulas=(of_quantities(lambda means: means["absolute_error"]),),
    ),
    Metric(
        name="mean_error",
        title="Mean error",
        tasks=("regression",),
        description="The mean of predicted minus observed: above 0, predictions are too high.",
        source="Bland, Altman, Lancet 1986;327:307",
        direction="near_zero",
        decimals=1,
        unit="outcome",
        bounds=(None, None),
        contrasted=True,
        kind="calibration",
        formulas=(of_quantities(lambda means: means["error"]),),
    ),
    Metric(
        name="within_20_percent",
        title="Within 20% of the truth",
        tasks=("regression",),
        description="The share of the patients whose prediction is within 20% of the observed value.",
        source="International Warfarin Pharmacogenetics Consortium, NEJM 2009;360:753",
        direction="higher",
        decimals=3,
        report_only=True,
        contrasted=True,
        scale="logit",
        interval="proportion",
        formulas=(of_quantities(lambda means: means["near"]),),
    ),
    Metric(
        name="interval_coverage",
        title="Covered by one 90% interval",
        tasks=("regression",),
        description=(
            "The share of the patients whose outcome lies as near to the prediction as it does in 90% of the others."
        ),
        source="Vovk et al., Algorithmic Learning in a Random World, 2005; Lei et al., JASA 2018;113:1094",
        direction="none",
        decimals=3,
        report_only=True,
        contrasted=True,
        scale="logit",
        interval="proportion",
        kind="calibration",
        formulas=(of_quantities(lambda means: means["covered"]),),
    ),
)
