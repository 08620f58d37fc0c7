"""Fixtures that several rooms share."""

from pathlib import Path

import pytest
from support import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder with the small study, without DVC or git."""
    return Project(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: the groups of tests that share a clone."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
