"""`theragate repro` does what `dvc repro --keep-going` does, and leaves the same dvc.lock to the byte."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from support import dvc_repository, environment, run

OURS, DVCS = ("theragate", "repro", "--jobs", "2"), ("dvc", "repro", "--keep-going", "--no-run-cache")
ALL = {f"{name}@{study}" for name in ("make", "double", "register") for study in "ab"}


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
                "do": {
                    "cmd": cmd.replace("${key}", "${item}"),
                    "deps": [dep.replace("${key}", "${item}")],
                    "outs": [out.replace("${key}", "${item}")],
                },
            }
            for name, (cmd, dep, out) in stages.items()
        }
    }
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (tmp_path / "params.yaml").write_text("studies: {a: {}, b: {}}\n")
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.txt").write_text("b\n")
    dvc_repository(tmp_path)
    return tmp_path


@pytest.fixture
def pipe(pipeline: Path) -> Iterator[Path]:
    """A pipe in the clone, where who writes waits for who reads; after the test nobody waits, also where it failed."""
    path = pipeline / "pipe"
    os.mkfifo(path)
    yield path
    both_ends = os.open(path, os.O_RDWR)
    path.unlink()
    os.close(both_ends)


def lock_of(folder: Path, *command: str, code: int = 0) -> bytes:
    run(folder, *command, code=code)
    return (folder / "dvc.lock").read_bytes()


def rewrite(folder: Path, old: str, new: str) -> None:
    """Change the commands of dvc.yaml."""
    content = (folder / "dvc.yaml").read_text(encoding="utf-8")
    assert old in content
    (folder / "dvc.yaml").write_text(content.replace(old, new), encoding="utf-8")


def again(folder: Path) -> None:
    """Forget everything that was made."""
    for path in (folder / "dvc.lock", *folder.glob("*-[ab].txt")):
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("jobs", ["1", "2", "5"])
def test_the_lock_is_that_of_dvc_after_a_first_run_and_after_a_change(pipeline, jobs):
    for change in ("another\n", "a third\n"):
        ours = lock_of(pipeline, "theragate", "repro", "--jobs", jobs)
        assert (pipeline / "register-b.txt").read_text() == "1\n", "what was made before is in dvc.lock"
        assert "Data and pipelines are up to date" in run(pipeline, "dvc", "status")
        again(pipeline)
        assert lock_of(pipeline, *DVCS) == ours
        (pipeline / "b.txt").write_text(change)
    assert lock_of(pipeline, *OURS) != ours


def test_nothing_to_do_writes_nothing(pipeline):
    run(pipeline, *OURS)
    before = (pipeline / "dvc.lock").stat().st_mtime_ns
    assert "Data and pipelines are up to date." in run(pipeline, *OURS)
    assert (pipeline / "dvc.lock").stat().st_mtime_ns == before


def test_a_study_that_fails_stops_no_other_and_what_was_made_is_in_the_lock(pipeline):
    (pipeline / "a.txt").write_text("")
    ours = lock_of(pipeline, *OURS, code=1)
    assert set(yaml.safe_load(ours)["stages"]) == {"make@a", "make@b", "double@b", "register@b"}
    again(pipeline)
    assert lock_of(pipeline, *DVCS, code=255) == ours
    (pipeline / "a.txt").write_text("mended\n")
    shown = run(pipeline, *OURS)
    assert "Running stage 'double@a'" in shown
    assert "Running stage 'double@b'" not in shown


def test_one_stage_with_what_it_needs(pipeline):
    assert set(yaml.safe_load(lock_of(pipeline, *OURS, "double@b"))["stages"]) == {"make@b", "double@b"}
    assert "nowhere@b" in run(pipeline, *OURS, "nowhere@b", code=1)


def test_one_at_a_time(pipeline):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        other = psutil.Process(process.pid)
        (pipeline / ".theragate").mkdir()
        claim = {"pid": other.pid, "started": other.create_time()}
        (pipeline / ".theragate" / "pipeline.json").write_text(json.dumps(claim))
        shown = run(pipeline, *OURS, code=1)
        assert f"runs at a time in a clone; received another one, process {other.pid}. Wait" in shown
        assert not (pipeline / "dvc.lock").exists()
        process.communicate(b"\n")
    run(pipeline, *OURS, "make@a")


def test_the_commands_of_two_studies_run_at_the_same_time_and_show_whole_lines(pipeline, pipe):
    meet = "if test ${item} = a; then echo hello > pipe; else cat pipe >&2; fi"
    rewrite(pipeline, "cmd: cp", f"cmd: printf '${{item}}, first '; {meet}; echo half; cp")
    done = subprocess.run(
        [*OURS],
        cwd=pipeline,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert {"a, first half", "b, first half"} <= set(done.stdout.splitlines())
    assert "hello" in done.stderr.splitlines()


@pytest.mark.parametrize(("targets", "cores"), [(["make@a", "make@b"], "3"), (["make@a"], "7")])
def test_the_cores_are_shared_among_as_many_as_there_are(pipeline, targets, cores):
    rewrite(pipeline, "cmd: cp", "cmd: echo $THERAGATE_JOBS cores; cp")
    shown = run(pipeline, "env", "THERAGATE_JOBS=7", *OURS, *targets)
    assert shown.splitlines().count(f"{cores} cores") == len(targets)


@pytest.mark.parametrize(
    ("jobs", "targets", "share"),
    [("2", ["make@a", "make@b"], 2**31), ("5", [], 2**31), ("2", ["double@a"], 2**32), ("1", [], 2**32)],
)
def test_a_limit_of_memory_is_shared_among_those_that_may_run_at_once(pipeline, jobs, targets, share):
    rewrite(pipeline, "cmd: cp", "cmd: echo $THERAGATE_MEMORY_LIMIT bytes; cp")
    shown = run(pipeline, "env", "THERAGATE_MEMORY_LIMIT=4GiB", "theragate", "repro", "--jobs", jobs, *targets)
    assert shown.splitlines().count(f"{share} bytes") == (1 if targets == ["double@a"] else 2)


def test_a_limit_is_no_longer_shared_with_studies_that_are_done(pipeline):
    rewrite(pipeline, "grep -c", "echo $THERAGATE_MEMORY_LIMIT bytes; grep -c")
    rewrite(pipeline, "cmd: test", "cmd: echo $THERAGATE_MEMORY_LIMIT bytes; test")
    run(pipeline, *OURS, "register@a")
    shown = run(pipeline, "env", "THERAGATE_MEMORY_LIMIT=4GiB", *OURS)
    assert shown.splitlines().count(f"{2**32} bytes") == 2, "the two stages of the other study"


def test_where_no_limit_is_set_no_stage_has_one(pipeline):
    rewrite(pipeline, "cmd: cp", "cmd: echo limit=$THERAGATE_MEMORY_LIMIT.; cp")
    assert run(pipeline, *OURS).splitlines().count("limit=.") == 2


def test_where_one_study_changed_it_has_all_cores(pipeline):
    rewrite(pipeline, "cmd: cp", "cmd: echo $THERAGATE_JOBS cores; cp")
    run(pipeline, *OURS)
    (pipeline / "b.txt").write_text("another\n")
    assert "7 cores" in run(pipeline, "env", "THERAGATE_JOBS=7", *OURS).splitlines()


def test_a_number_of_jobs_is_a_positive_one(pipeline):
    assert "a positive whole number" in run(pipeline, "theragate", "repro", "--jobs", "0", code=2)


@pytest.mark.parametrize("whom", ["all, as a terminal does", "the pipeline alone"])
def test_what_was_made_before_ctrl_c_is_in_the_lock_and_no_command_goes_on(pipeline, pipe, whom):
    rewrite(pipeline, "cmd: test", "cmd: echo $$ > pipe; cat pipe; test")  # a shell that waits for its child
    with subprocess.Popen(
        [*OURS],
        cwd=pipeline,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    ) as process:
        shell = psutil.Process(int(pipe.read_text().split()[0]))
        below = [shell, *shell.children(recursive=True)]
        if whom == "the pipeline alone":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)
        shown, _ = process.communicate(timeout=300)
    assert process.returncode == 130, shown
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in below)
    assert "Traceback" not in shown.decode()
    assert "make@a" in yaml.safe_load((pipeline / "dvc.lock").read_bytes())["stages"]
    assert "Data and pipelines are up to date" in run(pipeline, "dvc", "status", "make@a")


def test_what_a_command_has_left_running_is_not_waited_for(pipeline, pipe):
    rewrite(pipeline, "cmd: cp", "cmd: cat pipe & cp")  # holds the command's output until somebody writes
    run(pipeline, *OURS, "make@a", "make@b")
    pipe.write_text("done\n")


def test_whatever_error_one_study_ends_in_the_others_go_on(pipeline):
    name = "made-a.txt/$(printf 'name \\377')"  # which DVC does not expect
    rewrite(pipeline, "cmd: cp", f'cmd: if test ${{item}} = a; then mkdir made-a.txt; touch "{name}"; exit; fi; cp')
    shown = run(pipeline, *OURS, code=1)
    assert "failed to reproduce 'make@a'" in shown
    assert "Traceback" not in shown
    assert set(yaml.safe_load((pipeline / "dvc.lock").read_bytes())["stages"]) == {n for n in ALL if n.endswith("b")}


def test_every_file_of_stages_has_its_own_lock(pipeline):
    (pipeline / "sub").mkdir()
    stage = {"cmd": "cp ../a.txt first.txt", "deps": ["../a.txt"], "outs": ["first.txt"]}
    (pipeline / "sub" / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"first": stage}}), encoding="utf-8")
    rewrite(pipeline, "- ${item}.txt", "- sub/first.txt")
    made = {}
    for command in (OURS, DVCS):
        made[command[0]] = lock_of(pipeline, *command), (pipeline / "sub" / "dvc.lock").read_bytes()
        again(pipeline)
        for path in ("sub/dvc.lock", "sub/first.txt"):
            (pipeline / path).unlink()
    assert made["theragate"] == made["dvc"]


def test_files_that_dvc_tracks_and_several_commands_of_a_stage_are_dvcs_own_affair(pipeline):
    run(pipeline, "dvc", "add", "-q", "a.txt")
    half = "half-${item}.txt"
    commands = f"cmd:\n      - cp ${{item}}.txt {half}\n      - mv {half} made-${{item}}.txt"
    rewrite(pipeline, "cmd: cp ${item}.txt made-${item}.txt", commands)
    tracked, made = (pipeline / "a.txt.dvc").read_bytes(), {}
    for command in (OURS, DVCS):
        (pipeline / "a.txt").unlink()
        (pipeline / "a.txt").write_text("changed\n")
        (pipeline / "a.txt.dvc").write_bytes(tracked)
        made[command[0]] = lock_of(pipeline, *command), (pipeline / "a.txt.dvc").read_bytes()
        again(pipeline)
    assert made["theragate"] == made["dvc"]
    assert tracked not in made["dvc"]


def test_a_list_that_a_killed_dvc_left_half_written_is_made_anew(pipeline):
    (pipeline / ".dvc" / "tmp" / "rwlock").write_text('{"wri')
    run(pipeline, *OURS)


def test_what_a_killed_process_has_made_is_not_made_again(pipeline):
    rewrite(pipeline, "grep -c", "test -f go.txt || kill -9 $PPID; grep -c")
    killed = subprocess.run([*OURS], cwd=pipeline, env=environment(), capture_output=True, check=False)
    assert killed.returncode == -9
    (pipeline / "go.txt").write_text("")
    shown = run(pipeline, *OURS)
    assert "Running stage 'double@a'" not in shown
    assert set(yaml.safe_load((pipeline / "dvc.lock").read_bytes())["stages"]) == ALL
