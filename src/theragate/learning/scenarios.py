"""The declared stresses of the inputs, applied to a whole cohort at once, so that folds do not change who is hit."""

import numpy as np
import pandas as pd

from theragate.errors import ConfigurationError
from theragate.learning.features import Feature
from theragate.learning.seeds import derive
from theragate.study import Scenario, Study

__all__ = ["CLEAN", "check_scenarios", "stressed"]

CLEAN = "clean"


def check_scenarios(study: Study, schema: tuple[Feature, ...]) -> None:
    """Refuse a scenario that stresses a column which is not a feature, or adds noise to text.

    Raises
    ------
    ConfigurationError
        With the key at fault.
    """
    types = {feature.name: feature.type for feature in schema}
    for name, scenario in study.scenarios.items():
        if name == CLEAN:
            raise _unfit_scenario(
                study, name, rule=f"`{CLEAN}` is the name of the data as they are", received="a scenario of that name"
            )
        for column in (*scenario.missing, *scenario.noise):
            if column not in types:
                raise _unfit_scenario(
                    study,
                    name,
                    rule="a scenario stresses features of the model",
                    received=f"`{column}`, which is not one",
                )
        for column in scenario.noise:
            if types[column] == "text":
                raise _unfit_scenario(
                    study, name, rule="noise is added to numbers", received=f"`{column}`, which holds text"
                )


def stressed(frame: pd.DataFrame, scenario: Scenario, *, study: str, name: str, seed: int) -> pd.DataFrame:
    """Return a copy of the cohort's features under a scenario.

    Parameters
    ----------
    frame
        All patients of the cohort, in its order, as `as_features` gives them.
    scenario
        Noise is normal with the standard deviation declared; of the patients (rounded) that lack a feature, each is
        as likely as any other.
    study, name, seed
        What the draws depend on, together with the feature's name; folds make no difference.
    """
    changed = frame.copy()
    for column, deviation in scenario.noise.items():
        generator = np.random.default_rng(derive(seed, study, name, "noise", column))
        changed[column] = changed[column] + generator.normal(0.0, deviation, len(frame))
    for column, share in scenario.missing.items():
        generator = np.random.default_rng(derive(seed, study, name, "missing", column))
        hit = generator.permutation(len(frame)) < round(share * len(frame))
        changed[column] = changed[column].mask(hit)
    return changed


def _unfit_scenario(study: Study, name: str, *, rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        f"params.yaml, key `studies.{study.name}.scenarios.{name}`",
        rule=rule,
        received=received,
        remedy="Correct the scenario.",
    )
