"""The estimator families: a new one is one class, one line in `ESTIMATORS` and its name in its tasks in `TASKS`."""

from collections.abc import Iterable, Mapping
from typing import Final

from theragate.errors import ConfigurationError, DataError, did_you_mean
from theragate.extensions import used_names
from theragate.learning.families.added import added_families, fit_of_others
from theragate.learning.families.boosted import Boosted, BoostedTimes
from theragate.learning.families.causal_forest import CausalForest
from theragate.learning.families.cox import Coxnet, RidgeCox, SplineCox, StrongRidgeCox
from theragate.learning.families.effect_learners import ConstantEffect, DRLearner, SLearner, TLearner, XLearner
from theragate.learning.families.linear import ElasticNetRegression, Linear, SplineRidge
from theragate.learning.families.logistic import Logistic, SplineLogistic
from theragate.learning.families.survival_forest import RandomSurvivalForest
from theragate.learning.family import Family, FitError, Params, Training, TrainingInPieces
from theragate.learning.models import Model
from theragate.study import TASKS, Study, TaskName

__all__ = [
    "ESTIMATORS",
    "FAMILIES",
    "Family",
    "FitError",
    "Params",
    "Training",
    "TrainingInPieces",
    "check_families",
    "check_width",
    "families_of",
    "family_of",
    "fitted",
]

ESTIMATORS: Final[Mapping[str, Family]] = {
    "logistic": Logistic(),
    "spline_logistic": SplineLogistic(),
    "linear": Linear(),
    "elastic_net": ElasticNetRegression(),
    "spline_ridge": SplineRidge(),
    "xgboost": Boosted(),
    "ridge_cox": RidgeCox(),
    "strong_ridge_cox": StrongRidgeCox(),
    "coxnet": Coxnet(),
    "spline_cox": SplineCox(),
    "xgboost_cox": Boosted(),
    "xgboost_aft": BoostedTimes(),
    "random_survival_forest": RandomSurvivalForest(),
    "constant_effect": ConstantEffect(),
    "t_learner": TLearner(),
    "s_learner": SLearner(),
    "x_learner": XLearner(),
    "dr_learner": DRLearner(),
    "causal_forest": CausalForest(),
}

FAMILIES: Final[Mapping[TaskName, Mapping[str, Family]]] = {
    name: {family: ESTIMATORS[family] for family in task.families} for name, task in TASKS.items()
}


def families_of(task: TaskName, extensions: Iterable[str] = ()) -> Mapping[str, Family]:
    """Return the families of a task, ours and those of `extensions`, which this process uses already.

    Raises
    ------
    ExtensionError
        If a family of an extension cannot be imported, is none, or has the name of another.
    """
    return {**FAMILIES[task], **added_families(task, extensions)}


def family_of(task: TaskName, name: str) -> Family:
    """Return a family by its name: one of ours, or of an extension that this process uses.

    Raises
    ------
    KeyError
        If there is none; `check_families` tells users.
    """
    return FAMILIES[task][name] if name in FAMILIES[task] else added_families(task, used_names())[name]


def fitted(family: Family, training: Training, params: Params, *, seed: int) -> Model:
    """Fit a family, whosever it is.

    Raises
    ------
    FitError
        If there is no finite or stable solution.
    ExtensionError
        If a family of an extension gives neither that nor a model.
    """
    if family in ESTIMATORS.values():
        return family.fit(training, params, seed=seed)
    return fit_of_others(family, training, params, seed=seed)


def check_families(study: Study) -> None:
    """Refuse a study whose ``tuning`` names a family that its task lacks, or one twice.

    Raises
    ------
    ConfigurationError
        With the names of the task's families.
    """
    known = families_of(study.task, study.installed)
    for key, names in (("reference", (study.tuning.reference,)), ("families", study.tuning.families)):
        for position, name in enumerate(names):
            if name in known and name not in names[:position]:
                continue
            raise ConfigurationError(
                f"params.yaml, key `studies.{study.name}.tuning.{key}`",
                rule=f"a family of a {study.task} study is one of {', '.join(known)}, named once",
                received=f"`{name}`" + (" twice" if name in known else ""),
                remedy=f"{'' if name in known else did_you_mean(name, known)}Correct the name, or name the package "
                "that adds the family under `extensions`.",
            )


def check_width(study: Study, *, features: int, patients: int) -> None:
    """Refuse a family whose penalty cannot carry more features than there are patients to learn from.

    Parameters
    ----------
    study
        Its ``tuning`` names the families.
    features
        How many columns a model sees.
    patients
        How many it learns from in the smallest inner fold.

    Raises
    ------
    DataError
        With the families that can.
    """
    known = families_of(study.task, study.installed)
    for key, names in (("reference", (study.tuning.reference,)), ("families", study.tuning.families)):
        light = [name for name in names if known[name].light]
        if light and features > patients:
            others = ", ".join(name for name, family in known.items() if not family.light)
            raise DataError(
                f"study `{study.name}`, family `{light[0]}`",
                rule="in every inner fold it learns from at least as many patients as there are features",
                received=f"{features:,} features and {patients:,} patients",
                remedy=f"Name another family under `tuning.{key}` ({others}), or drop features.",
            )
