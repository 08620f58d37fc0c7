"""The facts of a release: dvc.lock against the files as DVC names them, and the environment against its lock."""

import sys
import time

import pytest
import yaml
from support import dvc_repository, run

from theragate.project.current_verdict import read_judged
from theragate.project.dvc_lock import STAGES, unlocked
from theragate.project.environment import Environment, read_environment
from theragate.project.git import CodeState
from theragate.project.readiness import assess_readiness
from theragate.project.snapshot import Snapshot, take_snapshot
from theragate.runner.command import exit_code
from theragate.settings import read_settings
from theragate.stages.gate import gate

MAKE = (
    "import sys; from pathlib import Path; out = Path(sys.argv[1]);"
    "(out / 'deep').mkdir(parents=True, exist_ok=True); (out / 'b.txt').write_text('b');"
    "(out / 'deep' / 'a.txt').write_text('a'); (out / 'deep' / 'é.txt').write_text('ü')"
)


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A project whose six stages DVC itself has run and locked."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "make.py").write_text(MAKE, encoding="utf-8")
    (folder / "code").mkdir()
    (folder / "code" / "one.py").write_text("1", encoding="utf-8")
    (folder / "params.yaml").write_text("seed: 1\nstudies: {s_one: {gates: {a: {floor: 0.5}, b: [1, 2]}}}\n")
    (folder / ".dvcignore").write_text("# comment\n__pycache__\n*.part\n", encoding="utf-8")
    stages = {
        f"{stage}@s_one": {
            "cmd": f"python make.py out/{stage}",
            "deps": ["make.py", "code"],
            "outs": [f"out/{stage}"],
            "params": ["seed", "studies.s_one"],
        }
        for stage in STAGES
    }
    (folder / "dvc.yaml").write_text(
        yaml.safe_dump(
            {"stages": {name.split("@")[0]: {"foreach": ["s_one"], "do": body} for name, body in stages.items()}}
        ),
        encoding="utf-8",
    )
    dvc_repository(folder)
    run(folder, "dvc", "repro", "-q")
    return folder


def test_what_dvc_has_locked_agrees(locked):
    assert unlocked(locked, "s_one") == ()


def test_what_dvc_ignores_changes_nothing(locked):
    (locked / "code" / "__pycache__").mkdir(exist_ok=True)
    (locked / "code" / "__pycache__" / "one.pyc").write_bytes(b"compiled")
    (locked / "code" / "x.part").write_bytes(b"half")
    assert unlocked(locked, "s_one") == ()
    assert "up to date" in run(locked, "dvc", "status")


@pytest.mark.parametrize(
    ("path", "named"),
    [("code/one.py", "code"), ("make.py", "make.py"), ("out/train/deep/é.txt", "out/train")],
)
def test_a_changed_file_is_named_as_dvc_names_it(path, named, locked):
    before = (locked / path).read_bytes()
    try:
        (locked / path).write_bytes(b"changed")
        assert unlocked(locked, "s_one") == (named,)
        (locked / path).unlink()
        assert unlocked(locked, "s_one") == (named,)
    finally:
        (locked / path).write_bytes(before)
    assert unlocked(locked, "s_one") == ()


def test_a_changed_parameter_is_named(locked):
    before = (locked / "params.yaml").read_text(encoding="utf-8")
    try:
        (locked / "params.yaml").write_text(before.replace("0.5", "0.6"), encoding="utf-8")
        assert unlocked(locked, "s_one") == ("`studies.s_one`",)
    finally:
        (locked / "params.yaml").write_text(before, encoding="utf-8")


def test_a_stage_without_an_entry_or_a_project_without_a_lock_is_named(locked):
    assert unlocked(locked, "s_two") == tuple(f"stage {stage}" for stage in STAGES)
    before = (locked / "dvc.lock").read_bytes()
    try:
        for text in (b"schema: '2.0'\nstages:\n  train@s_one:\n    - [\n", b"\xff\xfe"):
            (locked / "dvc.lock").write_bytes(text)
            assert unlocked(locked, "s_one")
        (locked / "dvc.lock").unlink()
        assert unlocked(locked, "s_one") == ("there is none",)
    finally:
        (locked / "dvc.lock").write_bytes(before)


LOCK = """\
pytest=={pytest} \\
    --hash=sha256:00
PyYAML=={yaml} ; python_version >= '3' \\
    --hash=sha256:00
# a comment
nowhere-to-be-found==1.0 ; sys_platform == 'never' \\
"""


@pytest.fixture
def versions():
    from importlib.metadata import version

    return {"pytest": version("pytest"), "yaml": version("pyyaml")}


def test_an_environment_that_has_what_the_lock_names_agrees(tmp_path, versions):
    (tmp_path / "requirements.lock").write_text(LOCK.format(**versions), encoding="utf-8")
    found = read_environment(tmp_path / "requirements.lock")
    assert (found.missing, found.others) == ((), ())
    assert len(found.sha256) == 64
    assert read_environment(tmp_path / "requirements.lock") == found


def test_what_is_missing_and_what_is_another_version_is_named(tmp_path, versions):
    text = LOCK.format(pytest="0.1", yaml=versions["yaml"]) + "no_such.thing==2.0\n"
    (tmp_path / "requirements.lock").write_text(text, encoding="utf-8")
    found = read_environment(tmp_path / "requirements.lock")
    assert (found.missing, found.others) == (("no-such-thing",), ("pytest",))


def test_without_a_lock_the_lock_is_missing(tmp_path):
    assert read_environment(tmp_path / "requirements.lock").missing == ("requirements.lock",)


def test_another_package_is_another_environment(tmp_path, monkeypatch):
    before = read_environment(tmp_path / "requirements.lock").sha256
    (tmp_path / "extra_thing-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert read_environment(tmp_path / "requirements.lock").sha256 != before


def snapshot_at(now: int) -> Snapshot:
    code = CodeState(commit="a" * 40, dirty=False, experiment=None, baseline=None)
    return Snapshot(code=code, environment=Environment("b" * 64, missing=(), others=()), now=now)


def test_a_day_ends_at_midnight_in_utc():
    midnight = 1_798_761_600_000  # 2027-01-01T00:00Z
    assert str(snapshot_at(midnight - 1).today) == "2026-12-31"
    assert str(snapshot_at(midnight).today) == "2027-01-01"


def test_a_verdicts_state_is_known_in_a_moment(by_hand):
    settings = read_settings({}, by_hand.root)
    assert exit_code(gate, [by_hand.study]) == 0
    judged = read_judged(by_hand)
    start = time.process_time()
    state = assess_readiness(judged, settings, take_snapshot(by_hand.root, {}))
    assert time.process_time() - start < 2, "it takes 0.2 s"
    assert [finding.code for finding in state.conditions] == ["TG011", "TG012"]
    assert (state.looks, state.waivers.accepted) == (1, False)
    lineage = state.conditions[0]
    assert lineage.status == "fail"
    assert "no commit in git" in lineage.summary
    assert "dvc.lock: there is none" in lineage.summary
