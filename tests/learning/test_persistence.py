import io
import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.learning.families import FAMILIES
from theragate.learning.features import read_features
from theragate.learning.persistence import load, save
from theragate.learning.predictor import fit_predictor


class Harm:
    """Whoever unpickles or constructs it leaves a file behind."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("harmed"),))


@pytest.fixture
def stored(problem, tmp_path, monkeypatch):
    """Store a predictor of a family and return its directory."""
    monkeypatch.chdir(tmp_path)

    def make(family: str = "spline_logistic", *, at: str = "model") -> Path:
        cohort, outcome, study = problem("binary")
        params = FAMILIES["binary"][family].fixed
        schema = read_features(cohort, study)
        predictor = fit_predictor(cohort, outcome, task="binary", family=family, params=params, schema=schema, seed=5)
        save(predictor, tmp_path / at)
        return tmp_path / at

    return make


def refused(directory: Path, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(directory)
    assert not Path("harmed").exists()


def vouch(directory: Path) -> None:
    """Rewrite the digests, as someone would who has changed a file on purpose."""
    path = directory / "predictor.json"
    content = json.loads(path.read_text())
    content["files"] = {name: sha256_file(directory / name) for name in content["files"]}
    path.write_text(json.dumps(content))


def sheet(directory: Path, **changes) -> None:
    path = directory / "predictor.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_files_are_those_documented_and_readable(stored) -> None:
    assert sorted(path.name for path in stored("logistic").iterdir()) == ["design.skops", "predictor.json"]
    boosted = stored("xgboost", at="boosted")
    assert sorted(path.name for path in boosted.iterdir()) == ["booster.ubj", "design.skops", "predictor.json"]
    content = json.loads((stored("logistic") / "predictor.json").read_text())
    assert content["linear"]["names"][:2] == ["numbers__age", "numbers__marker"]


def test_saving_replaces_what_was_there(stored) -> None:
    stored("xgboost")
    assert load(stored("logistic")).family == "logistic"


def test_no_times_and_no_addresses_in_the_archive(stored) -> None:
    with zipfile.ZipFile(stored() / "design.skops") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        numbered = {f"{number}.npy" for number in range(len(archive.namelist()) - 1)}
        assert set(archive.namelist()) == {"schema.json", *numbered}


@pytest.mark.parametrize("name", ["predictor.json", "design.skops", "booster.ubj"])
@pytest.mark.parametrize(
    "content", [pickle.dumps(Harm()), b"", b"PK\x03\x04", b"{}"], ids=["pickle", "empty", "zip", "json"]
)
def test_another_content_is_refused(stored, name: str, content: bytes) -> None:
    directory = stored("xgboost")
    (directory / name).write_bytes(content)
    refused(directory, "model|predictor.json")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_design_is_refused_even_when_vouched_for(stored, share: float) -> None:
    path = stored() / "design.skops"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    vouch(path.parent)
    refused(path.parent, "it is a whole design of these versions")


@pytest.mark.parametrize("content", [pickle.dumps(Harm()), b"", b"PK"], ids=["pickle", "empty", "zip"])
def test_another_design_is_refused_even_when_vouched_for(stored, content: bytes) -> None:
    path = stored() / "design.skops"
    path.write_bytes(content)
    vouch(path.parent)
    refused(path.parent, "it is a whole design of these versions")


@pytest.mark.parametrize("name", ["predictor.json", "design.skops", "booster.ubj"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(stored, name: str, share: float) -> None:
    path = stored("xgboost") / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path.parent, "model|predictor.json")


@pytest.mark.parametrize("name", ["predictor.json", "design.skops", "booster.ubj"])
def test_a_missing_file_is_refused(stored, name: str) -> None:
    directory = stored("xgboost")
    (directory / name).unlink()
    refused(directory, "model|predictor.json")


def test_no_directory_is_refused(tmp_path) -> None:
    refused(tmp_path / "absent", "it holds the files of a predictor only; received none")


def test_a_stray_file_is_refused(stored) -> None:
    directory = stored()
    (directory / "model.pkl").write_bytes(pickle.dumps(Harm()))
    refused(directory, "it holds the files of a predictor only; received `model.pkl`")


def test_a_link_is_refused(stored) -> None:
    directory = stored()
    (directory / "design.skops").rename(directory.parent / "elsewhere")
    (directory / "design.skops").symlink_to(directory.parent / "elsewhere")
    refused(directory, "its files are plain files; received the symbolic link `")


@pytest.mark.parametrize(
    "thing",
    [
        LinearRegression(),
        ColumnTransformer([("harm", FunctionTransformer(np.exp), ["age"])]),
        ColumnTransformer([("harm", FunctionTransformer(print), ["age"])]),
        Path("harmed"),
        {"a": 1},
    ],
    ids=["trusted by skops", "ufunc", "builtin", "path", "plain"],
)
def test_a_skops_file_with_another_type_is_refused(stored, thing) -> None:
    directory = stored()
    skops.io.dump(thing, directory / "design.skops")
    vouch(directory)
    refused(directory, "made of the listed types only")


def rewritten(path: Path, change) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    path.write_bytes(content.getvalue())
    vouch(path.parent)


def test_a_type_slipped_into_a_whole_file_is_refused(stored) -> None:
    def change(members: dict[str, bytes]) -> None:
        old = b'"sklearn.preprocessing._data","__class__":"StandardScaler"'
        flipped = b'"__class__":"StandardScaler","__module__":"sklearn.preprocessing._data"'
        assert old in members["schema.json"] or flipped in members["schema.json"]
        members["schema.json"] = members["schema.json"].replace(b'"StandardScaler"', b'"PowerTransformer"')

    path = stored("logistic") / "design.skops"
    rewritten(path, change)
    refused(path.parent, "made of the listed types only")


def test_a_stray_member_of_the_archive_is_refused(stored) -> None:
    path = stored() / "design.skops"
    rewritten(path, lambda members: members.update({"../evil.py": b"raise SystemExit"}))
    refused(path.parent, "made of the listed types only")


def test_a_design_of_another_version_of_the_library_is_refused(stored) -> None:
    def change(members: dict[str, bytes]) -> None:
        import sklearn

        now = json.dumps(json.dumps(sklearn.__version__)).encode()
        assert now in members["schema.json"]
        members["schema.json"] = members["schema.json"].replace(now, now.replace(b"1.", b"0."))

    path = stored() / "design.skops"
    rewritten(path, change)
    refused(path.parent, r"a whole design of these versions.*InconsistentVersionWarning")


def test_files_of_two_models_are_refused_together(stored) -> None:
    one, two = stored("logistic"), stored("spline_logistic", at="other")
    shutil.copy(two / "design.skops", one / "design.skops")
    vouch(one)
    refused(one, "its files belong together")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "ridge_cox"}, r": a family of the task is one of logistic, .*; received `ridge_cox`"),
        ({"task": "survival"}, ": the response of a survival model is `risk`; received `probability`"),
        ({"response": "quantity"}, ": the response of a binary model is `probability`; received `quantity`"),
        ({"linear": None}, ": a linear family has coefficients, and trees have none; received no coefficients"),
        ({"horizon": 3.0}, ": the horizon is that of the task; received 3"),
        ({"version": 2}, ", key `version`: the value should be 1; received 2"),
        ({"hazard": -1.0}, ", key `hazard`: .*; received -1.0"),
        ({"inputs": []}, r", key `inputs`: .*; received \[\]"),
        ({"files": {}}, ": the files of the family are design.skops; received none"),
        ({"code": "import os"}, ", key `code`: there is no such key; received an unknown key"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_description_that_contradicts_itself_is_refused(stored, changes, message) -> None:
    directory = stored()
    sheet(directory, **changes)
    refused(directory, f"predictor.json`{message}")


def test_a_coefficient_too_few_is_refused(stored) -> None:
    directory = stored()
    linear = json.loads((directory / "predictor.json").read_text())["linear"]
    sheet(directory, linear={**linear, "coefficients": linear["coefficients"][1:]})
    refused(directory, "predictor.json`, key `linear`: it has one coefficient per column; received")


@pytest.mark.parametrize("name", ["design.skops", "booster.ubj"])
def test_a_flipped_bit_is_refused(stored, name: str) -> None:
    path = stored("xgboost") / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    digest = sha256_file(path)[:12]
    refused(path.parent, f"{name}`: it has the digest that predictor.json names; received {digest}…, expected ")


def test_loading_needs_neither_optuna_nor_mlflow(stored) -> None:
    directory = stored("xgboost")
    code = (
        "import sys; from theragate.learning.persistence import check_families, load;"
        "heavy = {'sklearn', 'skops', 'xgboost', 'sksurv', 'scipy', 'optuna'};"
        "early = heavy & set(sys.modules); assert not early, early;"
        f"load(__import__('pathlib').Path({str(directory)!r}));"
        "late = {'optuna', 'mlflow', 'sksurv', 'great_expectations'} & set(sys.modules); assert not late, late"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
