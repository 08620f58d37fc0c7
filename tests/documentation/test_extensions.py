"""The package of docs/extensions.md works: it is installed from the page, proven by its own tests and used."""

import inspect
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml
from documentation.pages import ROOT, Page
from gates.evidence_by_hand import STUDIES
from made_extensions import MadeExtensions, of_page

from theragate.gates import read_policy
from theragate.learning.families import check_families
from theragate.study import Study, parse
from theragate.testing.cohorts import study_entry

MODULES = ("gates", "metrics", "sources", "families")
TESTS = of_page("tests/test_acme.py")
NAME = "acme-theragate"


@pytest.fixture
def installed(acme: MadeExtensions) -> MadeExtensions:
    project = tomllib.loads(of_page("pyproject.toml"))["project"]
    files = {f"acme_theragate/{name}.py": of_page(f"acme_theragate/{name}.py") for name in MODULES}
    acme.add(project["name"], files, project["entry-points"], version=project["version"])
    return acme


@pytest.mark.parametrize("name", ["test_the_gate", "test_the_metric", "test_the_family", "test_the_source"])
def test_its_tests_pass(name: str, installed: MadeExtensions, tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text(TESTS, encoding="utf-8")
    test = runpy.run_path(str(tmp_path / "test_acme.py"))[name]
    test(**{"tmp_path": tmp_path} if "tmp_path" in inspect.signature(test).parameters else {})


def test_every_test_of_the_page_is_run() -> None:
    assert TESTS.count("\ndef test_") == 4


def test_a_study_uses_it_as_the_page_says(installed: MadeExtensions) -> None:
    block, added = (
        yaml.safe_load(b.text) for b in Page(ROOT / "docs" / "extensions.md").blocks if b.language == "yaml"
    )
    extensions = block["studies"]["heart_attack_survival"]["extensions"]
    assert extensions == [NAME]
    entry = study_entry("regression") | {"extensions": extensions, "source": added["source"], "tuning": added["tuning"]}
    study = Study.read(entry, name="small_study", gate_keys={})
    assert study.source.kind == "acme"
    check_families(study)
    assert parse(Study, {"name": "small_study", **study_entry("regression")}, at="x").extensions == ()
    judged = STUDIES["regression"].model_copy(
        update={"extensions": (NAME,), "gates": STUDIES["regression"].gates | added["gates"]}
    )
    assert read_policy(judged).document["gates"]["follow_up"]["most"] == 0.2
