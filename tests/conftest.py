"""Fixtures that several rooms share."""

from pathlib import Path

import pytest
from support import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder with the small study, without DVC or git."""
    return Project(tmp_path)
