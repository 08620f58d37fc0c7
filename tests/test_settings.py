"""Stores are named by URL; without any setting everything lies in the project's folder."""

import pytest

from theragate.errors import ConfigurationError
from theragate.settings import read_settings


def test_defaults_need_nothing(tmp_path):
    settings = read_settings({}, tmp_path)
    assert settings.tracking == f"sqlite:///{tmp_path / 'mlflow-store' / 'mlflow.db'}"
    assert settings.registry == f"gated+{settings.tracking}"
    assert settings.artifacts == (tmp_path / "mlflow-store" / "artifacts").as_uri()
    assert settings.jobs >= 1


def test_under_dvc_the_stores_stay_in_the_project(tmp_path):
    settings = read_settings({"DVC_ROOT": str(tmp_path)}, tmp_path / "elsewhere")
    assert settings.home == tmp_path
    assert str(tmp_path / "mlflow-store") in settings.tracking


def test_urls_are_taken_as_given_and_a_server_chooses_its_own_artifact_location(tmp_path):
    settings = read_settings({"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "THERAGATE_JOBS": "3"}, tmp_path)
    assert (settings.tracking, settings.registry, settings.artifacts) == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:1",
        "",
    )
    assert settings.jobs == 3


@pytest.mark.parametrize(
    ("tracking", "registry"),
    [
        ("postgresql://host/db", "gated+postgresql://host/db"),
        ("postgresql+psycopg://host/db", "gated+postgresql+psycopg://host/db"),
        ("mysql://host/db", "mysql://host/db"),
    ],
)
def test_the_registry_of_a_database_is_guarded_where_that_is_possible(tracking, registry, tmp_path):
    assert read_settings({"MLFLOW_TRACKING_URI": tracking}, tmp_path).registry == registry
    named = {"MLFLOW_TRACKING_URI": tracking, "MLFLOW_REGISTRY_URI": tracking}
    assert read_settings(named, tmp_path).registry == tracking


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5", "²", "３"])
def test_jobs_is_a_positive_number(jobs, tmp_path):
    with pytest.raises(ConfigurationError, match=f"THERAGATE_JOBS.*1 or above; received `{jobs}`"):
        read_settings({"THERAGATE_JOBS": jobs}, tmp_path)
