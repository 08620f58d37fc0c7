"""The official tests of SQL on FHIR, where a folder of them is given: all that are shareable pass.

They are not part of this repository: `git clone https://github.com/FHIR/sql-on-fhir-v2`, then
`SQL_ON_FHIR_TESTS=sql-on-fhir-v2/tests pytest tests/cohorts/fhir/test_official_suite.py`.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from theragate.cohorts.fhir import ViewError, compile_view

FOLDER = os.environ.get("SQL_ON_FHIR_TESTS")


def shareable() -> Iterator[Any]:
    for file in sorted(Path(FOLDER).glob("*.json")) if FOLDER else []:
        suite = json.loads(file.read_text(encoding="utf-8"))
        for test in suite["tests"]:
            if "shareable" in test["tags"]:
                yield pytest.param(suite["resources"], test, id=f"{file.stem}: {test['title']}")


CASES = list(shareable())


def run(resources: list[dict[str, Any]], definition: Any) -> tuple[list[str], list[dict[str, Any]]]:
    view = compile_view(definition)
    names = [column.name for column in view.columns]
    return names, [dict(zip(names, row, strict=True)) for resource in resources for row in view.rows(resource)]


def sorted_rows(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.mark.skipif(not FOLDER, reason="SQL_ON_FHIR_TESTS names no folder of the official tests")
def test_the_folder_holds_the_official_tests():
    assert len(CASES) >= 123


@pytest.mark.parametrize(("resources", "test"), CASES)
def test_a_shareable_view(resources, test):
    if test.get("expectError"):
        with pytest.raises(ViewError):
            run(resources, test["view"])
        return
    names, rows = run(resources, test["view"])
    assert sorted_rows(rows) == sorted_rows(test["expect"])
    assert names == test.get("expectColumns", names)
