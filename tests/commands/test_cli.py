"""One dispatch for all commands: how a line is read, and what becomes of an error."""

import os
import subprocess

import pytest
from support import STUDY, environment

from theragate import cli
from theragate.commands.frame import Command
from theragate.commands.table import COMMANDS
from theragate.errors import ConfigurationError


def all_commands(commands=COMMANDS) -> list[Command]:
    return [each for command in commands for each in (command, *all_commands(command.actions))]


def test_every_command_does_something_or_holds_commands_and_says_what():
    for command in all_commands():
        assert (command.run is None) == bool(command.actions), command.name
        assert command.help[0].islower(), command.name
        assert not command.help.endswith("."), command.name


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["waive", STUDY, "TG003"], "a waiver needs --reason, --by, --expires; see `theragate waive --help`"),
        (
            ["waive", STUDY, "TG003", "--withdraw", "--by", "Ada"],
            "--withdraw goes without --reason, --by and --expires",
        ),
    ],
)
def test_a_command_line_that_contradicts_itself_is_one_line(line, message, project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    assert cli.main(line) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert len(shown.err.splitlines()) == 1


def test_an_error_of_any_command_is_one_line_with_its_exit_code(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)

    class RefusedError(ConfigurationError):
        exit_code = 3

    def refuse(call):
        raise RefusedError("a line", rule="it is right", received="another one", remedy="Write it again.")

    monkeypatch.setattr(cli, "COMMANDS", (Command("refuse", "always refuse", refuse),))
    assert cli.main(["refuse"]) == 3
    assert capsys.readouterr().err == "error: a line: it is right; received another one. Write it again.\n"


@pytest.mark.parametrize("setting", ["THERAGATE_JOBS"])
def test_a_wrong_setting_is_one_line_whatever_the_command(setting, project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    monkeypatch.setenv(setting, "many")
    assert cli.main(["check"]) == 1
    assert setting in capsys.readouterr().err


@pytest.mark.parametrize("command", [["policy", STUDY], ["policy", STUDY, "--json"], ["check"]])
def test_output_that_nobody_reads_ends_the_command_without_a_word(command, project):
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does once it has its lines
    try:
        done = subprocess.run(
            ["theragate", *command],
            cwd=project.root,
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_error_that_nobody_reads_has_its_exit_code_and_no_traceback(project):
    assert cut_off(project, "stderr", "verdict", "nobody") == 1


def test_a_help_that_nobody_reads_ends_without_a_word(project):
    assert cut_off(project, "stdout", "--help") in (0, 1)


def cut_off(project, stream: str, *command: str) -> int:
    """Run a command of which nobody reads one stream; return its exit code, after the other was found empty."""
    reading, writing = os.pipe()
    os.close(reading)
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    try:
        done = subprocess.run(
            ["theragate", *command],
            cwd=project.root,
            env=environment(),
            text=True,
            check=False,
            **{stream: writing, other: subprocess.PIPE},
        )
    finally:
        os.close(writing)
    assert getattr(done, other) == ""
    return done.returncode


def test_an_interrupted_command_says_so_in_one_line(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)

    def interrupt(call):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "COMMANDS", (Command("wait", "wait for ever", interrupt),))
    assert cli.main(["wait"]) == 130
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.strip() == "interrupted; run the same command again, since no file was left half-written"


def test_a_current_folder_that_is_gone_is_one_line(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert cli.main(["check"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: the current folder: it exists; received one that was removed")
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verdict", "--accept-waivers"), "--accept-waivers goes with --require-pass"),
        (("server", "--clean", "--check"), "--clean goes alone"),
        (("server", "--clean", "9", "--embedded"), "--clean goes alone"),
        (("server", "--check", "--embedded"), "goes without --embedded"),
        (("release", "verify", "a_study", "--saved", "folder", "--as", "Ada"), "--as is for a registry"),
    ],
)
def test_an_option_that_would_be_ignored_is_a_wrong_command_line(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    assert told in capsys.readouterr().err
