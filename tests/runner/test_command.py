"""What a user gets from a stage's script: one line and an exit code, never a traceback for an error that is theirs."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from theragate import cli
from theragate.errors import DataError
from theragate.runner.command import run_stage


def run(stage, *arguments, monkeypatch, folder):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["stage.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_stage(stage)
    return ended.value.code


def test_a_stage_ends_with_one_line(tmp_path, monkeypatch, capsys):
    assert run(lambda call: "did it", "a_study", monkeypatch=monkeypatch, folder=tmp_path) == 0
    assert capsys.readouterr().out == "a_study: did it\n"


def test_an_error_of_the_user_is_one_line(tmp_path, monkeypatch, capsys):
    def stage(call):
        raise DataError("a file", rule="it exists", received="none", remedy="Make it.")

    assert run(stage, "a_study", monkeypatch=monkeypatch, folder=tmp_path) == 1
    assert capsys.readouterr().err == "error: a file: it exists; received none. Make it.\n"


def test_a_wrong_command_line_is_one_line(tmp_path, monkeypatch, capsys):
    assert run(lambda call: "", monkeypatch=monkeypatch, folder=tmp_path) == 1
    assert "it names one study; received 0 arguments" in capsys.readouterr().err


def test_an_interrupt_is_not_an_error_message(tmp_path, monkeypatch, capsys):
    def stage(call):
        raise KeyboardInterrupt

    assert run(stage, "a_study", monkeypatch=monkeypatch, folder=tmp_path) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_mistake_of_ours_keeps_its_traceback(tmp_path, monkeypatch):
    def stage(call):
        raise ZeroDivisionError

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stage.py", "a_study"])
    with pytest.raises(ZeroDivisionError):
        run_stage(stage)


def test_work_that_is_done_counts_even_if_nobody_reads_the_line():
    code = "import sys; from theragate.runner.reporting import reported; sys.exit(reported(lambda: 'done'))"
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_while_libraries_are_imported_is_one_line():
    # Whoever runs the tests in the background may have told all their processes to ignore the signal.
    listen = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"import _source, signal; {listen}; signal.raise_signal(signal.SIGINT)"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "pipelines")}
    ended = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert ended.stderr == "interrupted; run the same command to go on\n"
    broken = subprocess.run(
        [sys.executable, "-c", "import _source; 1 / 0"], env=environ, capture_output=True, text=True, check=False
    )
    assert "ZeroDivisionError" in broken.stderr


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_disk_that_refuses_is_one_line_wherever_it_does(number, tmp_path, monkeypatch, capsys):
    def stage(call):
        raise OSError(number, os.strerror(number), "some/file")

    assert run(stage, "a_study", monkeypatch=monkeypatch, folder=tmp_path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: some/file: ")
    assert os.strerror(number) in line


def test_a_command_in_a_read_only_project_is_one_line(project, monkeypatch, capsys):
    def claim(root):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(root / "pipeline.lock"))

    monkeypatch.chdir(project.root)
    monkeypatch.setattr("theragate.commands.repro.claim_pipeline", claim)
    assert cli.main(["repro"]) == 1
    assert "Read-only file system" in capsys.readouterr().err
