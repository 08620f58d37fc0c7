import numpy as np
import pandas as pd
import pytest

from theragate.errors import ConfigurationError
from theragate.learning.features import read_features
from theragate.learning.scenarios import Stress, check_scenarios
from theragate.study import Scenario

FRAME = pd.DataFrame({"age": np.arange(200.0), "marker": np.ones(200)})


def stress(frame: pd.DataFrame = FRAME, *, name: str = "rough", seed: int = 1, **changes) -> pd.DataFrame:
    scenario = Scenario(reason="For the tests.", **changes)
    return Stress.drawn(scenario, patients=len(frame), study="small", name=name, seed=seed).of(frame)


def test_the_share_declared_lacks_the_feature_and_nothing_else_changes() -> None:
    changed = stress(missing={"marker": 0.25})
    assert changed["marker"].isna().sum() == 50
    pd.testing.assert_series_equal(changed["age"], FRAME["age"])
    assert FRAME["marker"].notna().all()


def test_noise_has_the_deviation_declared() -> None:
    difference = stress(noise={"age": 4.0})["age"] - FRAME["age"]
    assert difference.std() == pytest.approx(4, rel=0.15)
    assert difference.mean() == pytest.approx(0, abs=1)


def test_the_same_names_and_seed_draw_the_same() -> None:
    pd.testing.assert_frame_equal(stress(noise={"age": 1.0}), stress(noise={"age": 1.0}))


def test_each_scenario_feature_and_seed_draws_its_own() -> None:
    first = stress(noise={"age": 1.0, "marker": 1.0}) - FRAME
    assert not np.allclose(first["age"], first["marker"])
    assert not np.allclose(first["age"], (stress(noise={"age": 1.0}, name="other") - FRAME)["age"])
    assert not np.allclose(first["age"], (stress(noise={"age": 1.0}, seed=2) - FRAME)["age"])


def test_another_stress_beside_it_changes_no_draw() -> None:
    alone = stress(noise={"age": 1.0})["age"]
    pd.testing.assert_series_equal(alone, stress(noise={"marker": 1.0, "age": 1.0}, missing={"marker": 0.5})["age"])


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ({"missing": {"leak": 1.0}}, r"scenarios\.odd`: a scenario stresses features of the model; received `leak`"),
        ({"noise": {"stage": 1.0}}, "noise is added to numbers; received `stage`, which holds text"),
    ],
    ids=["dropped", "text"],
)
def test_what_cannot_be_stressed_is_refused(problem, scenario, message: str) -> None:
    cohort, _, study = problem("binary", scenarios={"odd": {**scenario, "reason": "For the tests."}})
    with pytest.raises(ConfigurationError, match=message):
        check_scenarios(study, read_features(cohort, study))


def test_clean_is_no_name_for_a_stress(problem) -> None:
    cohort, _, study = problem("binary", scenarios={"clean": {"missing": {"age": 1.0}, "reason": "For the tests."}})
    with pytest.raises(ConfigurationError, match="`clean` is the name of the data as they are"):
        check_scenarios(study, read_features(cohort, study))
