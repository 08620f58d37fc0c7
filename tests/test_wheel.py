"""The wheel as a user installs it: complete, free of development tools and of anybody's data."""

import re
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support import ROOT

from theragate.project.templates import example_lines, examples, managed, pages, template

TEMPLATE = "theragate/project/template/"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# MLflow needs PyYAML as well.
DEVELOPMENT = {Requirement(text).name for text in PROJECT["dependency-groups"]["dev"]} - {"pyyaml"}
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def packed(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pins(text: str) -> dict[str, str]:
    """The blocks of a lock file: each pinned package with its digests."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    return {block.split("==")[0]: block.rstrip() for block in blocks if "==" in block}


def test_installing_the_wheel_pulls_no_development_tool(packed):
    (name,) = [name for name in packed if name.endswith(".dist-info/METADATA")]
    needed = [Requirement(text) for text in Parser().parsestr(packed[name].decode()).get_all("Requires-Dist")]
    always = {each.name for each in needed if each.marker is None}
    assert "dvc" in always
    assert always.isdisjoint(DEVELOPMENT)


def test_the_lock_of_a_project_is_that_of_the_repository_without_development_tools():
    whole = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    run_time = pins(template("requirements.lock"))
    assert {name: block for name, block in run_time.items() if whole.get(name) != block} == {}
    assert set(run_time).isdisjoint(DEVELOPMENT)
    assert all("--hash=sha256:" in block for block in run_time.values())
    assert {Requirement(text).name for text in PROJECT["project"]["dependencies"]} <= set(run_time)


def test_the_wheel_brings_what_a_project_is_made_of(packed):
    for name in [*managed(), "params.yaml", "README.md"]:
        assert packed[TEMPLATE + name].decode() == template(name), name
    for study in examples():
        for name in (f"expectations/{study}.json", f"sources/{study}/README.md"):
            assert packed[TEMPLATE + name].decode() == template(name), name
        assert example_lines(study)[0] == f"{study}:"


def test_the_wheel_brings_the_pages_and_no_pictures(packed):
    brought = {name.removeprefix(f"{TEMPLATE}docs/") for name in packed if name.startswith(f"{TEMPLATE}docs/")}
    assert brought == {f"{name}.md" for name, path in pages().items() if path.suffix == ".md"}
    assert {"studies.md", "gates/README.md"} <= brought


def test_the_wheel_brings_what_a_server_is_set_up_with(packed):
    folder = ROOT / "src" / "theragate" / "deployment"
    assert (folder / "postgresql.sql").is_file()
    for path in folder.iterdir():
        assert packed[f"theragate/deployment/{path.name}"] == path.read_bytes(), path.name


def test_the_wheel_brings_nothing_that_git_would_not_take(tmp_path, packed):
    """A table that lies in `sources/` of a developer's clone stays there."""
    assert {name for name in packed if name.startswith(f"{TEMPLATE}sources/") and not name.endswith(".md")} == set()
    assert [name for name in packed if name.endswith((".csv", ".parquet", ".pyc", ".jsonl"))] == []


def test_an_installed_theragate_is_the_one_of_the_wheel(user, tmp_path):
    where = user.run(tmp_path, "python", "-c", "import theragate; print(theragate.__file__)")
    assert str(user.folder) in where
    assert str(ROOT) not in where
