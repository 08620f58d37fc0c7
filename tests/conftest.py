"""Fixtures that several rooms share."""

from pathlib import Path

import pytest
from hypothesis import settings
from support import Project

# How long an example takes says more about the machine than about the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder with the small study, without DVC or git."""
    return Project(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: the groups of tests that share a clone."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
