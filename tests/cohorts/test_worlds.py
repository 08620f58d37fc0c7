"""The simulated worlds keep to what was published about the real ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from theragate.cohorts.sources import read_source
from theragate.cohorts.sources._dementia import caide_points, caide_risk
from theragate.cohorts.sources._simulated import WORLDS
from theragate.errors import ConfigurationError
from theragate.study import SimulatedSource

MANY = 300_000


def drawn(world: str, *, seed: int = 1) -> pd.DataFrame:
    spec = SimulatedSource(
        kind="simulated", world=world, patients=MANY, seed=seed, citation="A citation.", licence="A licence."
    )
    return read_source(spec, Path(), study="s").frame


@pytest.fixture(scope="module")
def dementia() -> pd.DataFrame:
    return drawn("caide_dementia")


@pytest.fixture(scope="module")
def warfarin() -> pd.DataFrame:
    return drawn("iwpc_warfarin")


@pytest.mark.parametrize("world", WORLDS)
def test_another_seed_draws_other_patients(world):
    assert not drawn(world, seed=2).equals(drawn(world, seed=3))


def test_an_unknown_world_names_those_that_exist():
    with pytest.raises(ConfigurationError, match=r"a world is one of caide_dementia, iwpc_warfarin; received `caide`"):
        drawn("caide")


def test_points_by_hand():
    worst = {
        "age": 60,
        "education": 5,
        "sex": "male",
        "systolic": 150,
        "bmi": 31,
        "cholesterol": 7,
        "activity": "inactive",
        "apoe": "carrier",
    }
    best = {
        "age": 46,
        "education": 10,
        "sex": "female",
        "systolic": 140,
        "bmi": 30,
        "cholesterol": 6.5,
        "activity": "active",
        "apoe": "non-carrier",
    }
    middle = {**best, "age": 53, "education": 9}
    np.testing.assert_array_equal(caide_points(pd.DataFrame([worst, best, middle])), [18, 0, 6])
    assert caide_risk(np.array([0.0, 18.0])) == pytest.approx([0.00086, 0.4891], abs=2e-4)


def test_dementia_is_as_rare_and_as_predictable_as_published(dementia):
    ill = (dementia["dementia"] == "yes").to_numpy()
    risk = caide_risk(caide_points(dementia))
    assert ill.mean() == pytest.approx(0.044, abs=0.004)
    assert roc_auc_score(ill, risk) == pytest.approx(0.79, abs=0.02)
    assert (dementia["sex"] == "male").mean() == pytest.approx(0.38, abs=0.01)


def test_a_fixed_dose_errs_as_much_as_published(warfarin):
    assert (warfarin["dose"] - 35).abs().mean() == pytest.approx(12.8, abs=0.5)


def test_alleles_have_the_frequencies_of_their_ancestry(warfarin):
    def carriers(ancestry: str, column: str) -> float:
        return float((warfarin.loc[warfarin["ancestry"] == ancestry, column] > 0).mean())

    # By Hardy and Weinberg, of the published frequencies.
    assert carriers("Black", "cyp2c9_rare") == pytest.approx(1 - 0.898**2, abs=0.02)
    assert carriers("Black", "rs12777823") == pytest.approx(1 - 0.749**2, abs=0.02)
    assert carriers("White", "cyp2c9_rare") < 0.02
    assert carriers("Asian", "rs12777823") == 0
    white = warfarin[warfarin["ancestry"] == "White"]
    assert (white["vkorc1"] == "A/A").mean() / white["vkorc1"].notna().mean() == pytest.approx(0.388**2, abs=0.01)
    assert white["cyp2c9"].str.contains("*2", regex=False).mean() == pytest.approx(1 - 0.876**2, abs=0.02)


def test_the_variants_lower_the_dose_by_what_was_published(warfarin):
    black = warfarin[(warfarin["ancestry"] == "Black") & (warfarin["cyp2c9_rare"] == 0)]
    mean = black.groupby("rs12777823")["dose"].mean()
    assert mean[0] - mean[1] == pytest.approx(6.92, abs=0.7)
    assert mean[0] - mean[2] == pytest.approx(9.34, abs=1.2)
    alleles = warfarin[(warfarin["ancestry"] == "Black") & (warfarin["rs12777823"] == 0)].groupby("cyp2c9_rare")["dose"]
    assert alleles.mean()[1] / alleles.mean()[0] == pytest.approx(0.8, abs=0.03)
