"""The pipeline with a cluster and a bucket for all: the lock is that of one machine."""

import os
import shutil
from pathlib import Path

import pytest
from buckets import store_of_buckets
from dask_processes import dask_processes, kernels
from support import STUDY, run

from theragate.digests import sha256_file
from theragate.errors import StoreError
from theragate.workers.place import Place
from theragate.workers.site import SharedFile

pytestmark = pytest.mark.xdist_group("dask")


def test_the_lock_is_that_of_one_machine(judged_clone: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(judged_clone, clone, symlinks=True)
    with store_of_buckets(tmp_path) as store:
        place = store.make("hospital") + "/shared"
        env = {**kernels(), **store.environ, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "info"}
        with dask_processes(tmp_path / "dask", env=env) as processes:
            far = {"THERAGATE_CLUSTER": processes.address, "THERAGATE_SHARED": place, **store.environ}
            run(clone, "dvc", "repro", "--force", f"gate@{STUDY}", **far)
            assert "function 'as_seen_here'" in processes.log()
        assert store.keys("hospital") == set()
    assert run(clone, "git", "status", "--porcelain", "dvc.lock") == ""


def test_a_place_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cohort.parquet"
    path.write_bytes(os.urandom(10_000))
    file = SharedFile(path, sha256_file(path))
    with store_of_buckets(tmp_path) as store:
        for name, value in store.environ.items():
            monkeypatch.setenv(name, value)
        place = Place(store.make("hospital") + "/shared/")
        assert place.put(file)
        assert not place.put(file)
        assert store.keys("hospital") == {f"shared/{file.sha256}"}
        assert place.fetch(file, tmp_path / "worker").read_bytes() == path.read_bytes()
        place.take_away(file)
        assert store.keys("hospital") == set()
        with pytest.raises(StoreError, match=r"shared place s3://hospital/shared: it can be read; received FileNot"):
            place.fetch(file, tmp_path / "another")
        assert list((tmp_path / "another").iterdir()) == []
        with pytest.raises(StoreError, match=r"shared place s3://nowhere: it can be written; received"):
            Place("s3://nowhere").put(file)
    with pytest.raises(StoreError, match=r"shared place nonsense://x: it is the URL of a folder; received ValueError"):
        Place("nonsense://x")
