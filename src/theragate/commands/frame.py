"""What a command of `theragate` is made of: its words, its arguments, its function, and what the function is given."""

import argparse
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from theragate.errors import nearest
from theragate.settings import Settings

__all__ = ["STUDY", "Argument", "Call", "Command", "MisuseError", "Parser", "add_commands", "argument", "count", "day"]


@dataclass(frozen=True)
class Call:
    """One run of a command: the parsed command line, and all that the command may know of the world around it."""

    parsed: argparse.Namespace
    root: Path
    settings: Settings
    environ: MutableMapping[str, str]
    today: date


@dataclass(frozen=True)
class Argument:
    """An argument as `argparse` takes it."""

    names: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Command:
    """A command, or a group of them.

    ``run`` imports what it needs when it is called, and returns its exit code, or a text to print after which the code
    is 0. A group has ``actions`` in its place. ``stays`` says that it runs in the current folder, and not in the root
    of the project around it.
    """

    name: str
    help: str
    run: Callable[[Call], int | str] | None = None
    arguments: Sequence[Argument] = ()
    actions: Sequence["Command"] = ()
    epilog: str = ""
    stays: bool = False


class MisuseError(Exception):
    """A command line that `argparse` accepts and the command does not; exit code 2."""


def argument(*names: str, **options: Any) -> Argument:
    """Return an argument; see `argparse.ArgumentParser.add_argument`."""
    return Argument(names, options)


STUDY = argument("study", metavar="STUDY")


class Parser(argparse.ArgumentParser):
    """A parser that asks about the command, the choice or the option that may be meant."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            message = f"{error.message}{_meant(str(value), action.choices or ())}"
            raise argparse.ArgumentError(action, message) from error

    def unknown(self, words: Sequence[str]) -> None:
        """Refuse words that no argument takes."""
        option = next((word for word in words if word.startswith("--")), "")
        known = [name for name in self._option_string_actions if name.startswith("--")]
        self.error(f"unrecognized arguments: {' '.join(words)}{_meant(option, known) if option else ''}")


def _meant(received: str, known: Iterable[Any]) -> str:
    near = nearest(received, known)
    return f". Did you mean `{near}`?" if near else ""


def add_commands(parser: Parser, commands: Sequence[Command], *, metavar: str = "COMMAND") -> None:
    """Let `parser` read one of `commands`; the parsed line then has their ``run`` and its own ``parser``."""
    subparsers = parser.add_subparsers(required=True, metavar=metavar)
    for command in commands:
        own = subparsers.add_parser(command.name, help=command.help, epilog=command.epilog or None)
        for each in command.arguments:
            own.add_argument(*each.names, **each.options)
        if command.run is None:
            add_commands(own, command.actions, metavar="ACTION")
        else:
            own.set_defaults(run=command.run, parser=own, stays=command.stays)


def day(text: str) -> date:
    """Read a day of the calendar from the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a day is written as 2026-12-31") from error


def count(text: str) -> int:
    """Read a positive number from the command line."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError("a positive whole number, such as 2")
    return int(text)
