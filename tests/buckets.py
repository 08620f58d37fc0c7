"""A store of buckets as S3 is one, in a process of its own; and how programs are told of it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests
from support import free_port

_SERVE = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"


@dataclass(frozen=True)
class Store:
    """A store that runs."""

    address: str
    empty: Path

    @property
    def environ(self) -> dict[str, str]:
        """What a server, DVC or the AWS client reads."""
        return {
            "AWS_ACCESS_KEY_ID": "hospital",
            "AWS_SECRET_ACCESS_KEY": "a secret for tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.address,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.empty),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.empty),
            "MLFLOW_S3_ENDPOINT_URL": self.address,
        }

    @property
    def client(self) -> Any:
        """A client with all rights."""
        return boto3.Session().client(
            "s3",
            endpoint_url=self.address,
            aws_access_key_id="administrator",
            aws_secret_access_key="of the bucket",  # noqa: S106 - of a store for tests
            region_name="us-east-1",
        )

    def make(self, name: str, *, lock_days: int = 0) -> str:
        """Make a bucket; with days, nothing in it can be deleted for so long."""
        client = self.client
        client.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if lock_days else {}))
        if lock_days:
            rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": lock_days}}
            client.put_object_lock_configuration(
                Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
            )
        return f"s3://{name}"

    def keys(self, name: str, prefix: str = "") -> set[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
        return {item["Key"] for page in pages for item in page.get("Contents", [])}


@contextlib.contextmanager
def store_of_buckets(folder: Path) -> Iterator[Store]:
    """Run a store until the block ends."""
    port = free_port()
    with (folder / "store.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", _SERVE, str(port)], stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{address}/moto-api/data.json", timeout=5).ok:
                    (folder / "aws").touch()
                    yield Store(address, folder / "aws")
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
        raise AssertionError((folder / "store.log").read_text()[-3000:])
    finally:
        process.kill()
        process.wait()
