"""A project of the version before, upgraded: begun by the wheel of another commit."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from support import ROOT
from wheels import Installed, built_wheel, installed

pytestmark = pytest.mark.xdist_group("wheel")
EXAMPLE = "warfarin_dose"


def former_source(folder: Path) -> Path:
    """Unpack the commit before this one; where git does not have it, or it knows no projects, an older state by hand.

    The older state is this source tree with other stages, another Makefile and another limit, as a version before could
    have had them: a shallow clone tests the same road.
    """
    archive = subprocess.run(["git", "archive", "HEAD~1"], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def age(source: Path) -> None:
    """Let a source tree be another version than this one in each way that an upgrade meets."""
    template = source / "src" / "theragate" / "project" / "template"
    for path, old, new in (
        (source / "dvc.yaml", "desc: Evidence with intervals", "desc: Evidence"),
        (source / "pyproject.toml", 'version = "0.', 'version = "0.0.'),
        (source / "params.yaml", "slope: [0.85, 1.15]", "slope: [0.8, 1.2]"),
        (template / "Makefile", "## Check the studies, and", "## Check, and"),
        (template / "requirements.lock", "\ndvc==3.", "\ndvc==2."),
        (template / ".gitlab-ci.yml", "image: python:3.12", "image: python:3.11"),
    ):
        text = path.read_text(encoding="utf-8")
        assert old in text, path
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A user of the version before."""
    folder = tmp_path_factory.mktemp("before")
    source = former_source(folder / "source")
    age(source)
    return installed(built_wheel(source, folder / "wheel"), folder / "environment")


def test_a_project_of_the_version_before_is_upgraded(before, user, tmp_path):
    before.run(tmp_path, "theragate", "init", "projekt", "--example", EXAMPLE)
    project = tmp_path / "projekt"
    (project / ".gitlab-ci.yml").write_text("ours: {}\n", encoding="utf-8")
    user.run(project, "git", "add", "-A")
    user.run(project, "git", "commit", "-qm", "As it was")

    shown = user.run(project, "theragate", "upgrade")
    assert "Theragate 0.0." in shown
    assert "  replace  dvc.yaml: nobody has edited it" in shown
    assert "+      desc: Evidence with intervals" in shown
    assert "  replace  requirements.txt" in shown
    assert "dvc 2." in shown
    assert "  beside   .gitlab-ci.yml: edited here" in shown
    assert "binary_risk.calibration.slope: [0.8, 1.2] here, [0.85, 1.15] in this version" in shown
    assert user.run(project, "git", "status", "--porcelain") == ""

    user.run(project, "theragate", "upgrade", "--apply")
    for name in ("dvc.yaml", "Makefile", "requirements.lock"):
        new = tmp_path / "new"
        if not new.exists():
            user.run(tmp_path, "theragate", "init", "new")
        assert (project / name).read_bytes() == (new / name).read_bytes(), name
    assert (project / ".gitlab-ci.yml").read_text(encoding="utf-8") == "ours: {}\n"
    assert "slope: [0.8, 1.2]" in (project / "params.yaml").read_text(encoding="utf-8")
    assert f"1 study is well declared: {EXAMPLE}" in user.run(project, "theragate", "check")
    assert "those of this version" in user.run(project, "theragate", "upgrade")
