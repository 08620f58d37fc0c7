"""What another version changes in a project: shown first, and never over what somebody has edited."""

import hashlib
from pathlib import Path

import pytest
from support import run

from theragate.cli import main
from theragate.files import json_bytes, write_json
from theragate.project import upgrading
from theragate.project.beginning import begin, plan_beginning
from theragate.project.stage_digests import digest_files
from theragate.project.templates import REPOSITORY, managed, shipped_policies
from theragate.project.written import read_written


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that this version began, as the current folder."""
    folder = tmp_path / "Ein Projekt"
    begin(plan_beginning(folder))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def newer(monkeypatch):
    """Return a function that lets the next version write some files, and some policies, otherwise."""

    def become(files=None, policies=None, without=()):
        written = upgrading.rendered
        others = {**shipped_policies(), **(policies or {})}
        monkeypatch.setattr(upgrading, "rendered", lambda name: (files or {}).get(name) or written(name))
        names = tuple(sorted({*managed(), *(files or {})} - set(without)))
        monkeypatch.setattr(upgrading, "managed", lambda: names)
        monkeypatch.setattr(upgrading, "shipped_policies", lambda: others)
        monkeypatch.setattr(upgrading, "version", lambda _: "9.0.0")

    return become


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".git/" not in str(path)}


def shown(capsys, *command):
    assert main(["upgrade", *command]) == 0
    return capsys.readouterr().out


def test_the_same_version_changes_nothing(project, capsys):
    before = content(project)
    assert "The project's files are those of this version." in shown(capsys)
    shown(capsys, "--apply")
    assert content(project) == before


def test_what_nobody_has_edited_is_replaced_and_shown_before(project, newer, capsys):
    newer({"Makefile": "all:\n", "pipelines/later.py": "print()\n"})
    before = content(project)
    text = shown(capsys)
    assert "  replace  Makefile: nobody has edited it" in text
    assert "+all:" in text
    assert "  add      pipelines/later.py: new" in text
    assert "theragate upgrade --apply" in text
    assert content(project) == before
    shown(capsys, "--apply")
    assert (project / "Makefile").read_text(encoding="utf-8") == "all:\n"
    assert (project / "pipelines" / "later.py").is_file()
    assert read_written(project).theragate == "9.0.0"
    assert "those of this version" in shown(capsys)


def test_what_somebody_has_edited_stays_and_the_new_text_lies_beside(project, newer, capsys):
    (project / "Makefile").write_text("ours:\n", encoding="utf-8")
    (project / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    newer({"Makefile": "all:\n"})
    text = shown(capsys)
    assert "  beside   Makefile: edited here, and stays: the new text would go to Makefile.new" in text
    assert "  stays    dvc.yaml: edited here, and the same in both versions" in text
    shown(capsys, "--apply")
    assert (project / "Makefile").read_text(encoding="utf-8") == "ours:\n"
    assert (project / "Makefile.new").read_text(encoding="utf-8") == "all:\n"
    assert (project / "dvc.yaml").read_text(encoding="utf-8") == "stages: {}\n"
    assert "  stays    Makefile" in shown(capsys)


def test_what_is_no_longer_needed_goes_unless_somebody_has_edited_it(project, newer, capsys):
    (project / ".gitlab-ci.yml").write_text("ours: {}\n", encoding="utf-8")
    newer(without=[".gitlab-ci.yml", ".github/workflows/theragate.yml"])
    text = shown(capsys, "--apply")
    assert "  obsolete .gitlab-ci.yml: no longer needed, but edited here" in text
    assert "  remove   .github/workflows/theragate.yml: no longer needed" in text
    assert (project / ".gitlab-ci.yml").is_file()
    assert not (project / ".github" / "workflows" / "theragate.yml").exists()


def test_what_somebody_removed_stays_away(project, newer, capsys):
    (project / ".gitlab-ci.yml").unlink()
    newer({".gitlab-ci.yml": "other: {}\n"})
    shown(capsys, "--apply")
    assert not (project / ".gitlab-ci.yml").exists()


def test_packages_of_the_lock_are_named_by_their_versions(project, newer, capsys):
    lock = (project / "requirements.lock").read_text(encoding="utf-8")
    newer({"requirements.lock": lock.replace("\ndvc==", "\ndvc==9.", 1)})
    text = shown(capsys)
    assert "dvc 3." in text
    assert " → 9.3." in text
    assert "--hash" not in text


def test_changed_limits_are_shown_and_never_changed(project, newer, capsys):
    policies = shipped_policies()
    policies["binary_risk"]["calibration"]["ici"] = 0.04
    policies["telepathy"] = {"calibration": {"ici": 1}}
    newer({}, policies)
    before = (project / "params.yaml").read_bytes()
    text = shown(capsys, "--apply")
    assert "  binary_risk.calibration.ici: 0.05 here, 0.04 in this version" in text
    assert "  telepathy: new, and not in params.yaml" in text
    assert (project / "params.yaml").read_bytes() == before
    assert "binary_risk" not in shown(capsys)  # said once


def test_the_stages_that_run_again_are_named(project, newer, capsys):
    run(project, "git", "init", "-q")
    files = {path: content for path, content in digest_files(project).items() if path.startswith("data/_code/")}
    locked = {
        path: hashlib.md5(json_bytes(content), usedforsecurity=False).hexdigest() for path, content in files.items()
    }
    locked["data/_code/evaluate.json"] = "0" * 32
    lines = [
        f"  {Path(path).stem}@s:\n    deps:\n    - path: {path}\n      hash: md5\n      md5: {md5}"
        for path, md5 in locked.items()
    ]
    (project / "dvc.lock").write_text("\n".join(["stages:", *lines, ""]), encoding="utf-8")
    assert "runs again: evaluate\n" in shown(capsys)
    newer({"pipelines/gate.py": "print()\n"})
    assert "runs again: evaluate, gate\n" in shown(capsys)
    newer({"pipelines/gate.py": "print()\n", "requirements.lock": "dvc==9\n"})
    assert "runs again: train, refit, evaluate, gate\n" in shown(capsys)


def test_a_file_that_the_version_cannot_read_is_named(project, capsys):
    assert main(["init", "--example", "warfarin_dose"]) == 0
    write_json(project / "release" / "warfarin_dose" / "waivers.json", {"study": "warfarin_dose", "waiver": []})
    assert "To correct by hand: " in shown(capsys)


def test_a_project_that_knows_nothing_of_its_files_loses_none(project, newer, capsys):
    (project / "theragate.json").unlink()
    newer({"Makefile": "all:\n"})
    before = content(project)
    assert "Theragate of an unknown version → 9.0.0" in shown(capsys, "--apply")
    assert {path: (path).read_bytes() for path in before} == before
    assert (project / "Makefile.new").is_file()


def test_the_repository_of_theragate_has_nothing_to_upgrade(monkeypatch, capsys):
    monkeypatch.chdir(REPOSITORY)
    assert "Theragate's own repository" in shown(capsys)
