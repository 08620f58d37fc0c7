"""What the workers of a Dask cluster are worth: pieces that only wait, and pieces of a real training."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from theragate.cohorts.parquet import read_table, write_table
from theragate.digests import sha256_file
from theragate.learning.features import read_features
from theragate.learning.patients import PatientsOfFile
from theragate.learning.refit_work import FitWork, fit_and_predict
from theragate.testing.cohorts import make_cohort, make_study
from theragate.workers.cluster import Cluster
from theragate.workers.site import SharedFile

_WAITING, _SECONDS = 40, 0.5
_FITS, _PATIENTS = 24, 4_000


def cluster_speedup() -> dict[str, float]:
    """Compare four workers with one on pieces that wait, and two with one on fits; workers have been warmed up."""
    waits = [_SECONDS] * _WAITING
    with tempfile.TemporaryDirectory() as folder:
        fits = _fits(Path(folder))
        return {
            "cluster_waiting_speedup": _WAITING * _SECONDS / _seconds(4, _wait, waits, Path(folder)),
            "cluster_speedup": _seconds(1, fit_and_predict, fits, Path(folder))
            / _seconds(2, fit_and_predict, fits, Path(folder)),
        }


def _wait(seconds: float) -> None:
    time.sleep(seconds)


def _fits(folder: Path) -> list[FitWork]:
    """Refits of a boosted model."""
    path = folder / "cohort.parquet"
    write_table(path, make_cohort("binary", patients=_PATIENTS))
    cohort, study = read_table(path, remedy=""), make_study("binary")
    schema, rows = read_features(cohort, study), np.arange(len(cohort), dtype=np.intp)
    return [
        FitWork(
            position=number,
            name=f"refit {number}",
            patients=PatientsOfFile(SharedFile(path, sha256_file(path)), study, schema),
            rows=rows,
            task="binary",
            family="xgboost",
            params={"rounds": 400, "depth": 4, "rows": 0.8, "columns": 0.8, "penalty": 3.0},
            schema=schema,
            seed=number,
            predicted=rows,
            resampled=True,
        )
        for number in range(_FITS)
    ]


def _seconds(workers: int, do: Callable[[Any], Any], works: Sequence[Any], folder: Path) -> float:
    from distributed import LocalCluster

    local = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, local_directory=str(folder))
    with local, Cluster(local.scheduler_address, "", folder, 60).workers(of="the benchmark") as there:
        list(there.run(do, works[:workers] if len(works) > workers else works))
        started = time.monotonic()
        list(there.run(do, works))
        return time.monotonic() - started
