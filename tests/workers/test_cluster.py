from pathlib import Path

import pandas as pd
import pytest
from dask_processes import DaskProcesses, dask_processes

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.parquet import read_table, write_table
from theragate.digests import sha256_file
from theragate.learning.training import Trained, train
from theragate.testing.cohorts import problem as make_problem
from theragate.workers.cluster import Cluster
from theragate.workers.processes import Processes
from theragate.workers.site import SharedFile

pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    with dask_processes(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


def trained(task: str, folder: Path, backend) -> Trained:
    cohort, _, study = make_problem(task)
    path = folder / "cohort.parquet"
    write_table(path, cohort)
    cohort = read_table(path, remedy="")
    file = SharedFile(path, sha256_file(path))
    return train(
        cohort,
        read_outcome(cohort, study),
        study,
        seed=9,
        backend=backend,
        storage=folder / "state",
        progress=lambda *_: None,
        file=file,
    )


@pytest.mark.parametrize("task", ["binary", "survival"])
def test_a_cluster_gives_what_this_machine_gives(running: DaskProcesses, tmp_path: Path, task: str) -> None:
    there = trained(task, tmp_path, Cluster(running.address, "", tmp_path / "state", 60))
    here = trained(task, tmp_path, Processes(1))
    pd.testing.assert_frame_equal(there.predictions, here.predictions)
    assert there.record == here.record
