"""Fixtures that several rooms share."""

from pathlib import Path

import pytest
from browsers import Pictures
from hypothesis import settings
from support import Project

pytest_plugins = ["clones", "distribution", "made_extensions", "made_projects", "wheels"]

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


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of MLflow's database without an entry: creating one takes a second, copying one nothing."""
    from theragate.tracking.store import Stores, prepare  # MLflow takes seconds to import

    path = tmp_path_factory.mktemp("fresh") / "mlflow.db"
    prepare(Stores(f"sqlite:///{path}", f"sqlite:///{path}", ""))
    return path.read_bytes()
