"""Every command on every page is one that exists: of Theragate, of make, of DVC, of our own modules."""

import argparse
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from documentation.pages import ROOT, Page, commands, pages

from theragate import cli

EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
THERAGATE = cli._parser()
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))

# What a page writes for what a reader fills in.
FILLED_IN = {"YYYY-MM-DD": "2026-12-31", "CODE": "TG003", "VERSION": "3", "PORT": "5000", "N": "2", "…": "2026-12-31"}


def calls(page: Page, program: str) -> Iterator[tuple[list[str], bool]]:
    """The calls of a program on a page, and whether each is whole: in a block of code it is, within text it may not."""
    for words in commands(tuple(page.lines_of_code()), program):
        yield words, True
    for words in commands(page.spans, program):
        yield words, False


def walk(parser: argparse.ArgumentParser, words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """Go down into the commands that `words` name; return the last parser and the words that are left."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words and not words[0].startswith("-"):
            if words[0] == "…":  # any of them
                return parser, words[1:]
            assert words[0] in action.choices, f"{parser.prog} has no command `{words[0]}`"
            return walk(action.choices[words[0]], words[1:])
    return parser, words


@EVERY_PAGE
def test_commands_of_theragate_parse(page, capsys):
    for words, whole in calls(page, "theragate"):
        parser, left = walk(THERAGATE, words)
        for word in left:
            if word.startswith("--"):
                assert word.partition("=")[0] in parser._option_string_actions, f"{shlex.join(words)}: no `{word}`"
        if whole:
            try:
                THERAGATE.parse_args([FILLED_IN.get(word, word) for word in words])
            except SystemExit:
                raise AssertionError(f"{shlex.join(words)}: {capsys.readouterr().err}") from None


def test_every_command_of_theragate_is_on_a_page():
    written = {words[0] for page in pages() for words, _ in calls(page, "theragate") if words}
    every = next(action for action in THERAGATE._actions if isinstance(action, argparse._SubParsersAction))
    assert set(every.choices) - written == set()


@EVERY_PAGE
def test_targets_of_make_exist(page):
    for words, _ in calls(page, "make"):
        asked = [word for word in words if "=" not in word]
        assert set(asked) <= TARGETS, f"make {shlex.join(words)}"


def test_every_target_of_make_is_on_a_page():
    written = {word for page in pages() for words, _ in calls(page, "make") for word in words}
    assert TARGETS - written - {"help", "clean"} == set()


@EVERY_PAGE
def test_modules_that_are_run_exist(page):
    for words, _ in calls(page, "python"):
        if words[:1] == ["-m"]:
            assert find_spec(words[1]), f"python -m {words[1]}"


@EVERY_PAGE
def test_tests_that_are_run_exist(page):
    for words, _ in calls(page, "pytest"):
        for name in (word for word in words if "/" in word):
            assert (ROOT / name).exists(), f"pytest {shlex.join(words)}"
        if "-k" in words:
            tests = (ROOT / words[0]).read_text(encoding="utf-8")
            assert re.search(rf"def test_\w*{words[words.index('-k') + 1]}", tests), f"pytest {shlex.join(words)}"


@EVERY_PAGE
@pytest.mark.filterwarnings("ignore")  # DVC's own
def test_commands_of_dvc_exist(page):
    from dvc.cli.parser import get_main_parser

    for words, _ in calls(page, "dvc"):
        if words:
            parser, left = walk(get_main_parser(), words)
            for word in left:
                if re.match(r"--?[a-z]", word):
                    assert word.partition("=")[0] in parser._option_string_actions, f"dvc {shlex.join(words)}"
