"""Stores are named by URL; without any setting everything lies in the project's folder."""

import psutil
import pytest

from theragate.errors import ConfigurationError
from theragate.settings import read_settings, written_bytes
from theragate.workers.choice import backend_of
from theragate.workers.cluster import Cluster
from theragate.workers.processes import Processes


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


@pytest.mark.parametrize(
    ("text", "amount"),
    [("4GiB", 2**32), ("4 gib", 2**32), ("1.5GB", 1_500_000_000), ("512MiB", 2**29), ("100000000", 100_000_000)],
)
def test_the_memory_of_a_stage_is_an_amount_with_its_unit(text, amount, tmp_path):
    settings = read_settings({"THERAGATE_MEMORY_LIMIT": text}, tmp_path)
    assert (settings.memory, settings.memory_is_set) == (amount, True)


def test_without_a_limit_a_stage_has_nearly_what_the_machine_has(tmp_path):
    settings = read_settings({}, tmp_path)
    assert not settings.memory_is_set
    assert 2**28 < settings.memory < psutil.virtual_memory().total


@pytest.mark.parametrize("text", ["4", "0GiB", "-1GiB", "GiB", "4 GiBs", "much", "10MiB", "٤GiB", "nan", "1e3GiB"])
def test_a_limit_that_is_no_amount_of_memory_is_refused(text, tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"THERAGATE_MEMORY_LIMIT.*such as `4GiB`, of 64 MiB or more; received"
    ):
        read_settings({"THERAGATE_MEMORY_LIMIT": text}, tmp_path)


@pytest.mark.parametrize(
    ("amount", "text"), [(2**32, "4 GiB"), (2**29, "512 MiB"), (1_500_000_000, "1.4 GiB"), (2**51, "2,097,152 GiB")]
)
def test_memory_is_written_as_people_do(amount, text):
    assert written_bytes(amount) == text


def test_work_is_done_here_unless_a_cluster_is_named(tmp_path):
    here = read_settings({}, tmp_path)
    assert (here.cluster, here.shared, backend_of(here)) == ("", "", Processes(here.jobs))
    named = {"THERAGATE_CLUSTER": "tls://scheduler:8786", "THERAGATE_SHARED": "s3://bucket/folder"}
    there = read_settings(named, tmp_path)
    assert backend_of(there) == Cluster("tls://scheduler:8786", "s3://bucket/folder", there.state, there.timeout)
    assert read_settings({"THERAGATE_CLUSTER": "slurm:cluster.yaml"}, tmp_path).cluster == "slurm:cluster.yaml"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THERAGATE_CLUSTER", "scheduler:8786"),
        ("THERAGATE_CLUSTER", "tcp://scheduler"),
        ("THERAGATE_CLUSTER", "http://scheduler:8786"),
        ("THERAGATE_CLUSTER", "tcp://user@scheduler:8786"),
        ("THERAGATE_CLUSTER", "ray:cluster.yaml"),
        ("THERAGATE_SHARED", "/mnt/shared"),
    ],
)
def test_what_is_no_cluster_and_no_place_is_refused(tmp_path, name: str, value: str):
    with pytest.raises(ConfigurationError, match=f"environment variable {name}: .*; received `{value}`"):
        read_settings({name: value}, tmp_path)
