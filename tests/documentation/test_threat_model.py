"""The threat model claims nothing that no test tries."""

import ast
import re
from functools import cache

import pytest
from documentation.pages import ROOT

PAGE = ROOT / "docs" / "threat-model.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def tables() -> list[list[list[str]]]:
    """Return the rows of each table, without its head, cell by cell."""
    found: list[list[list[str]]] = []
    inside = False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("|---"):
            found.append([])
            inside = True
        elif not line.startswith("| "):
            inside = False
        elif inside:
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


@cache
def functions_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


ROWS = [row for table in tables() for row in table]
EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2])[:60])


@EVERY_ROW
def test_a_row_names_tests_that_exist(row):
    *_, tests = row
    assert len(row) == 4
    assert tests == "–" or re.fullmatch(rf"{NAMED.pattern}(, {NAMED.pattern})*", tests), tests
    for file, name in NAMED.findall(tests):
        assert name in functions_in(file), f"tests/{file} has no {name}"


def test_whatever_is_tried_through_the_server_is_a_test():
    through_the_server, *_ = tables()
    assert len(through_the_server) > 20
    assert [row for row in through_the_server if row[-1] == "–"] == []
