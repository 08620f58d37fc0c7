"""The file that names the champion: written one way, read strictly."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.errors import ConfigurationError, DataError
from theragate.release.champion import ChampionRecipe, read_champion, write_champion
from theragate.study import study_names

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "0123456789abcdef" * 4


def champion(**changes: Any) -> ChampionRecipe:
    content = {
        "version": "3",
        "model_sha256": DIGEST,
        "cohort_sha256": DIGEST[::-1],
        "predictions_sha256": "f" * 64,
        "family": "xgboost",
        "params": {"depth": 2, "rows": 0.8},
        "features": ("age", "ünit price"),
    }
    return ChampionRecipe(**{**content, **changes})


def written(path: Path, **changes: Any) -> Path:
    content = {"study": "small_study", "champion": champion().model_dump(mode="json")}
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "release" / "small_study" / "champion.json"
    write_champion(path, "small_study", champion())
    found = read_champion(path, "small_study")
    assert found == champion()
    assert found is not None
    assert {name: type(value) for name, value in found.params.items()} == {"depth": int, "rows": float}
    first = path.read_bytes()
    write_champion(path, "small_study", champion())
    assert path.read_bytes() == first


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.integers(1, 10**6) | st.floats(1e-12, 1e12), max_size=4))
def test_parameters_come_back_to_the_bit(tmp_path_factory, params):
    path = tmp_path_factory.mktemp("champion") / "champion.json"
    write_champion(path, "small_study", champion(params=params))
    found = read_champion(path, "small_study")
    assert found is not None
    assert found.params == params
    assert {key: type(value) for key, value in found.params.items()} == {
        key: type(value) for key, value in params.items()
    }


def test_no_champion_is_said_and_not_silent(tmp_path):
    path = tmp_path / "champion.json"
    write_champion(path, "small_study", None)
    assert path.read_text() == '{\n "champion": null,\n "study": "small_study"\n}\n'
    assert read_champion(path, "small_study") is None
    path.unlink()
    with pytest.raises(DataError, match=r"no such file\. Run `theragate champion small_study`, and commit the file\."):
        read_champion(path, "small_study")


def test_every_study_of_this_repository_says_who_is_its_champion():
    for name in study_names(ROOT / "params.yaml"):
        read_champion(ROOT / "release" / name / "champion.json", name)


def test_a_file_that_is_no_json(tmp_path):
    path = tmp_path / "champion.json"
    path.write_text("<<<<<<< HEAD")
    with pytest.raises(DataError, match="a file that is not valid JSON"):
        read_champion(path, "small_study")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"version": 3}, "champion.version"),
        ({"version": ""}, "champion.version"),
        ({"model_sha256": DIGEST[1:]}, "champion.model_sha256"),
        ({"cohort_sha256": DIGEST.upper()}, "champion.cohort_sha256"),
        ({"predictions_sha256": None}, "champion.predictions_sha256"),
        ({"params": {"depth": "2"}}, "champion.params.depth"),
        ({"params": {"depth": True}}, "champion.params.depth"),
        ({"params": {"penalty": 0}}, "champion.params.penalty"),
        ({"params": {"penalty": -1.5}}, "champion.params.penalty"),
        ({"features": []}, "champion.features"),
        ({"features": "age"}, "champion.features"),
        ({"why": "because"}, "champion.why"),
    ],
)
def test_an_entry_of_another_form(tmp_path, changes: dict[str, Any], key: str):
    content = {**champion().model_dump(mode="json"), **changes}
    path = written(tmp_path / "champion.json", champion=content)
    with pytest.raises(
        ConfigurationError, match=rf"champion\.json, key `{key}.*; received .*Run `theragate champion small_study`"
    ):
        read_champion(path, "small_study")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("[]", "json: this entry is a mapping of keys to values"),
        ('{"study": "small_study"}', "key `champion`: this key is required"),
    ],
)
def test_a_file_that_does_not_say(tmp_path, content: str, rule: str):
    path = tmp_path / "champion.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=f"champion.*{rule}"):
        read_champion(path, "small_study")


def test_a_file_of_another_study(tmp_path):
    path = written(tmp_path / "champion.json", study="other_study")
    with pytest.raises(ConfigurationError, match="the file is about the study `small_study`; received `other_study`"):
        read_champion(path, "small_study")


def test_the_room_is_light():
    heavy = {"pandas", "scipy", "sklearn", "sksurv", "mlflow", "optuna", "great_expectations", "xgboost", "matplotlib"}
    code = f"import theragate.release.champion, sys\nprint(sorted({heavy!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
