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
