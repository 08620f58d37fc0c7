"""The declared stresses of the inputs, applied to a whole cohort at once, so that folds do not change who is hit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import ConfigurationError
from theragate.learning.features import Feature
from theragate.learning.seeds import derive
from theragate.study import Scenario, Study

__all__ = ["CLEAN", "Stress", "check_scenarios", "stress_of"]

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


@dataclass(frozen=True)
class Stress:
    """What a scenario does to each patient of a cohort, drawn for all at once.

    ``noise`` and ``missing`` map a column to what is added to each patient's value, and to whether the patient lacks
    it, each of shape (n,).
    """

    noise: dict[str, NDArray[np.float64]]
    missing: dict[str, NDArray[np.bool_]]

    @classmethod
    def drawn(cls, scenario: Scenario, *, patients: int, study: str, name: str, seed: int) -> "Stress":
        """Draw the stress of so many patients.

        Parameters
        ----------
        scenario
            Noise is normal with the standard deviation declared; of the patients (rounded) that lack a feature, each
            is as likely as any other.
        patients
            Of the whole cohort.
        study, name, seed
            What the draws depend on, together with the feature's name; folds make no difference.
        """
        noise, missing = {}, {}
        for column, deviation in scenario.noise.items():
            generator = np.random.default_rng(derive(seed, study, name, "noise", column))
            noise[column] = generator.normal(0.0, deviation, patients)
        for column, share in scenario.missing.items():
            generator = np.random.default_rng(derive(seed, study, name, "missing", column))
            missing[column] = generator.permutation(patients) < round(share * patients)
        return cls(noise, missing)

    def take(self, rows: NDArray[np.intp]) -> "Stress":
        """Return the stress of some patients."""
        return Stress(
            {column: values[rows] for column, values in self.noise.items()},
            {column: hit[rows] for column, hit in self.missing.items()},
        )

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a copy of these patients' features, as `as_features` gives them, under the stress."""
        changed = frame.copy()
        for column, values in self.noise.items():
            changed[column] = changed[column] + values
        for column, hit in self.missing.items():
            changed[column] = changed[column].mask(hit)
        return changed


def stress_of(scenario: Scenario, name: str, rows: NDArray[np.intp], *, patients: int, study: str, seed: int) -> Stress:
    """Return what a scenario does to the patients at `rows`, drawn for the whole cohort at once; see `Stress.drawn`."""
    return Stress.drawn(scenario, patients=patients, study=study, name=name, seed=seed).take(rows)


def _unfit_scenario(study: Study, name: str, *, rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        f"params.yaml, key `studies.{study.name}.scenarios.{name}`",
        rule=rule,
        received=received,
        remedy="Correct the scenario.",
    )
