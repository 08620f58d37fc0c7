"""The worlds of `patients`, as a fixture."""

from collections.abc import Callable

import pytest
from patients import World, make_world


@pytest.fixture(scope="session")
def world() -> Callable[..., World]:
    """Make a world, once per session for each task, family and size."""
    return make_world
