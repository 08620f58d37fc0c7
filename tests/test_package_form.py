"""One spelling, which JSON, PyYAML and ruamel read alike: MLflow reads with the second, pip's friends with any."""

import json
from io import StringIO

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from theragate.package_form import environment, written

TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
LEAF = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | TEXT
AWKWARD = st.sampled_from(
    ["<<", "=", "yes", "on", "~", "null", "1e3", "0x1F", "010", "12:30:45", "2026-01-01", "-", "?"]
)
DOCUMENT = st.recursive(
    LEAF | AWKWARD,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT | AWKWARD, below, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT | AWKWARD, DOCUMENT, max_size=5))
def test_every_reader_reads_the_same(document):
    text = written(document)
    assert json.loads(text) == document
    assert yaml.safe_load(text) == document
    assert yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == document  # noqa: S506 - a safe one
    for version in ("1.1", "1.2"):
        reader = YAML(typ="safe", pure=True)
        reader.version = version
        assert reader.load(StringIO(text.decode())) == document


@given(st.dictionaries(TEXT, LEAF, max_size=5))
def test_the_order_of_keys_is_no_matter(document):
    assert written(dict(reversed(document.items()))) == written(document)


@pytest.mark.parametrize("value", [float("nan"), "\U0001f600", "\ud83d", {"a": {"\U0001f600": 1}}])
def test_what_readers_would_differ_about_is_not_written(value):
    with pytest.raises(ValueError, match=r"JSON compliant|readers do not read alike"):
        written(value)


def test_mlflow_reads_the_environment(tmp_path):
    from mlflow.utils.environment import _PythonEnv

    for name, content in environment("3.11", ["mlflow==3.17.2", "numpy==2.4.6"]).items():
        (tmp_path / name).write_bytes(content)
    read = _PythonEnv.from_yaml(tmp_path / "python_env.yaml").to_dict()
    assert read == {
        "python": "3.11",
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    conda = _PythonEnv.get_dependencies_from_conda_yaml(tmp_path / "conda.yaml")
    assert (conda["python"], conda["dependencies"]) == ("3.11", ["mlflow==3.17.2", "numpy==2.4.6"])
