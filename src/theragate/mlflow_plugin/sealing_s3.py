"""Sealed copies of models in a bucket: written once, each object on the condition that there is none yet.

A bucket cannot rename. A copy is therefore complete when its ``MLmodel`` is there, which is written last, and what has
none is found by nobody.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from theragate.errors import StoreError
from theragate.mlflow_plugin.buckets import Bucket, no_such_object, reaching, refused_condition
from theragate.mlflow_plugin.sealing import Vault, damaged
from theragate.package_form import DESCRIPTION
from theragate.release.model_files import Package, inspect_package
from theragate.release.package_rules import META, check_listed
from theragate.release.refusals import Refusal

__all__ = ["BucketVault"]

_ATTEMPTS, _PAUSE = 5, 0.2  # how often an object is written that another server is writing, and seconds in between


@dataclass(frozen=True)
class BucketVault:
    """A place in a bucket with the objects of each sealed package below its digest.

    Each object is written with ``If-None-Match: *``, so that no server, whatever goes wrong with it, replaces one. A
    store that does not know the condition is found out before a copy is complete, and refused. A server that dies
    leaves an unfinished copy, which the next one to seal the same package completes.
    """

    bucket: Bucket
    environ: Mapping[str, str]

    def find(self, sha256: str) -> Package | None:
        """Return the sealed package with this digest, fetched and hashed again; None where there is none.

        Raises
        ------
        StoreError
            If the copy has changed, or the bucket cannot be read.
        """
        with reaching(self.bucket.uri, self.environ):
            if not self.is_complete(sha256):
                return None
            with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
                return self._fetched(sha256, Path(folder))

    def seal(self, source: Path, *, expected: str) -> Package:
        """Copy the package at `source`, and complete the copy if its digest is the expected one.

        Raises
        ------
        Refusal
            If the files are not those that were attested, or a package may not contain them.
        StoreError
            If the copy cannot be written, an existing copy has changed, or the bucket would let it be replaced.
        """
        sealed = self.find(expected)
        if sealed is not None:
            return sealed
        with tempfile.TemporaryDirectory(prefix="theragate-") as folder:
            copies = Vault(Path(folder, "copies"))
            package = copies.seal(source, expected=expected)
            copy = copies.path(expected)
            with reaching(self.bucket.uri, self.environ):
                before = sorted((file.size, file.path) for file in package.files if file.path != DESCRIPTION)
                written = [self._put(copy / path, f"{expected}/{path}") for _, path in before]
                # One that was refused shows that the condition counts here; otherwise the smallest is sent once more.
                if all(written) and self._put(copy / before[0][1], f"{expected}/{before[0][1]}"):
                    raise self._replaceable()
                self._put(copy / DESCRIPTION, f"{expected}/{DESCRIPTION}")
        sealed = self.find(expected)
        if sealed is None:
            raise damaged(expected, "one that somebody removes while it is written")
        return sealed

    def is_complete(self, sha256: str) -> bool:
        """Return whether the copy with this digest has everything that belongs to it."""
        return self._is_there(f"{sha256}/{DESCRIPTION}")

    def _put(self, file: Path, path: str) -> bool:
        """Write an object where there is none; return whether there was none."""
        more = S3ArtifactRepository.get_s3_file_upload_extra_args() or {}
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt * _PAUSE)
            with file.open("rb") as content:
                try:
                    self._client.put_object(**self._object(path), Body=content, IfNoneMatch="*", **more)
                except self._client.exceptions.ClientError as raised:
                    if not refused_condition(raised):
                        raise
                    if self._is_there(path):
                        return False
                else:
                    return True
        raise StoreError(
            f"sealed models, the bucket `{self.bucket.name}`",
            rule="one server at a time seals a model",
            received="another one that has begun and not ended",
            remedy="Promote again in a minute; nothing has changed.",
        )

    def _is_there(self, path: str) -> bool:
        try:
            self._client.head_object(**self._object(path))
        except self._client.exceptions.ClientError as raised:
            if not no_such_object(raised):
                raise
            return False
        return True

    def _fetched(self, sha256: str, folder: Path) -> Package:
        """Fetch a copy into a folder, and inspect it there."""
        try:
            for path in self._listed(sha256):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                self._repository._download_file(f"{sha256}/{path}", str(target))
            package = inspect_package(folder)
        except Refusal as error:
            raise damaged(sha256, f"one whose {error.subject} may not be in a model ({error.received})") from error
        beside = (folder / META).exists()
        if package.sha256 != sha256 or beside:
            raise damaged(sha256, "a copy with a file beside it" if beside else "a copy that has changed")
        return package

    def _listed(self, sha256: str) -> Iterator[str]:
        """Give the paths of a copy's objects, as long as they are those of files and no more than a model may have."""
        total, number, below = 0, 0, self.bucket.key(f"{sha256}/")
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket.name, Prefix=below, **self._repository._bucket_owner_params
        )
        for item in (item for page in pages for item in page.get("Contents", [])):
            path, number, total = item["Key"].removeprefix(below), number + 1, total + item["Size"]
            if {"", ".", ".."} & {*path.split("/")}:
                raise damaged(sha256, "a copy with an object that is no file")
            check_listed(path, item["Size"], total, number)
            yield path

    @property
    def _repository(self) -> S3ArtifactRepository:
        return S3ArtifactRepository(self.bucket.uri)

    @property
    def _client(self) -> Any:
        return self._repository._get_s3_client()

    def _object(self, path: str) -> dict[str, str]:
        return {
            "Bucket": self.bucket.name,
            "Key": self.bucket.key(path),
            **self._repository._bucket_owner_params,
        }

    def _replaceable(self) -> StoreError:
        return StoreError(
            f"sealed models, the bucket `{self.bucket.name}`",
            rule="it refuses to replace an object that is written with `If-None-Match: *`",
            received="a store that replaces it all the same",
            remedy="Name a bucket of a store that has conditional writes in THERAGATE_SEALED, or a folder.",
        )
