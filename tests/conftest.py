"""Fixtures that several rooms share."""

from pathlib import Path

import pytest
from browsers import Pictures
from hypothesis import settings
from support import Project

# How long an example takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the pictures of the docs be taken by the tests that see them."""
    parser.addoption("--screenshots", metavar="FOLDER", type=Path, help="write the pictures of the docs to FOLDER")


@pytest.fixture
def pictures(request: pytest.FixtureRequest) -> Pictures:
    """The pictures of the docs; none are kept unless they were asked for."""
    return Pictures(request.config.getoption("--screenshots"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder with the small study, without DVC or git."""
    return Project(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: the groups of tests that share a clone."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
