"""`theragate repro` does what `dvc repro --keep-going` does, and leaves the same dvc.lock to the byte."""

import subprocess
from pathlib import Path

import pytest
import yaml
from support import environment, run

NAMES = ("make", "double", "register")


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A clone with three stages for each of two studies; `register` says what dvc.lock knows when it runs."""
    made = "cp ${key}.txt made-${key}.txt"
    doubled = "test -s made-${key}.txt && cat made-${key}.txt made-${key}.txt > double-${key}.txt"
    known = "grep -c $(md5sum < double-${key}.txt | cut -c 1-32) dvc.lock > register-${key}.txt || true"
    stages = {
        "make": (made, "${key}.txt", "made-${key}.txt"),
        "double": (doubled, "made-${key}.txt", "double-${key}.txt"),
        "register": (known, "double-${key}.txt", "register-${key}.txt"),
    }
    document = {
        "stages": {
            name: {
                "foreach": ["a", "b"],
                "do": {"cmd": cmd.replace("${key}", "${item}"), "deps": [dep.replace("${key}", "${item}")],
                       "outs": [out.replace("${key}", "${item}")]},
            }
            for name, (cmd, dep, out) in stages.items()
        }
    }  # fmt: skip
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.txt").write_text("b\n")
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "dvc", "init", "-q")
    return tmp_path


def lock_of(folder: Path, *command: str, code: int = 0) -> bytes:
    run(folder, *command, code=code)
    return (folder / "dvc.lock").read_bytes()


def again(folder: Path) -> None:
    """Forget everything that was made."""
    for path in (folder / "dvc.lock", *folder.glob("*-[ab].txt")):
        path.unlink(missing_ok=True)


def test_the_lock_is_that_of_dvc_after_a_first_run_and_after_a_change(pipeline):
    for change in ("another\n", "a third\n"):
        ours = lock_of(pipeline, "theragate", "repro")
        assert (pipeline / "register-b.txt").read_text() == "1\n", "what was made before is in dvc.lock"
        assert "Data and pipelines are up to date" in run(pipeline, "dvc", "status")
        again(pipeline)
        assert lock_of(pipeline, "dvc", "repro", "--keep-going", "--no-run-cache") == ours
        (pipeline / "b.txt").write_text(change)
    assert lock_of(pipeline, "theragate", "repro") != ours


def test_nothing_to_do_writes_nothing(pipeline):
    run(pipeline, "theragate", "repro")
    before = (pipeline / "dvc.lock").stat().st_mtime_ns
    assert "Data and pipelines are up to date." in run(pipeline, "theragate", "repro")
    assert (pipeline / "dvc.lock").stat().st_mtime_ns == before


def test_a_study_that_fails_stops_no_other_and_what_was_made_is_in_the_lock(pipeline):
    (pipeline / "a.txt").write_text("")
    ours = lock_of(pipeline, "theragate", "repro", code=1)
    assert set(yaml.safe_load(ours)["stages"]) == {"make@a", "make@b", "double@b", "register@b"}
    again(pipeline)
    assert lock_of(pipeline, "dvc", "repro", "--keep-going", "--no-run-cache", code=255) == ours
    (pipeline / "a.txt").write_text("mended\n")
    shown = run(pipeline, "theragate", "repro")
    assert "Running stage 'double@a'" in shown
    assert "Running stage 'double@b'" not in shown


def test_one_stage_with_what_it_needs(pipeline):
    assert set(yaml.safe_load(lock_of(pipeline, "theragate", "repro", "double@b"))["stages"]) == {"make@b", "double@b"}
    assert "nowhere@b" in run(pipeline, "theragate", "repro", "nowhere@b", code=1)


def test_one_at_a_time(pipeline):
    from filelock import FileLock

    (pipeline / ".theragate").mkdir()
    with FileLock(pipeline / ".theragate" / "repro.lock"):
        shown = run(pipeline, "theragate", "repro", code=1)
    assert "one `theragate repro` runs at a time in a clone; received another one. Wait" in shown
    assert not (pipeline / "dvc.lock").exists()


def test_what_a_killed_process_has_made_is_not_made_again(pipeline):
    content = (pipeline / "dvc.yaml").read_text(encoding="utf-8")
    slow = content.replace("grep -c", "test -f go.txt || kill -9 $PPID; grep -c")
    (pipeline / "dvc.yaml").write_text(slow, encoding="utf-8")
    killed = subprocess.run(["theragate", "repro"], cwd=pipeline, env=environment(), capture_output=True, check=False)
    assert killed.returncode == -9
    (pipeline / "go.txt").write_text("")
    shown = run(pipeline, "theragate", "repro")
    assert "Running stage 'double@a'" not in shown
    assert set(yaml.safe_load((pipeline / "dvc.lock").read_bytes())["stages"]) == {
        f"{n}@{k}" for n in NAMES for k in "ab"
    }
