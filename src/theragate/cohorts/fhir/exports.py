"""The resources of an export, one after the other: of NDJSON line by line, of Bundles file by file.

Every file is read once; its digest is that of the bytes that were read. Messages name a file by the type of its
resources, or by its place: names of files, such as those of Bundles of one patient each, may be patients' names.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn, TypeAlias

from pydantic_core import from_json

from theragate.cohorts.fhir.releases import another_release
from theragate.digests import sha256_json
from theragate.errors import DataError

__all__ = ["Export", "Resource"]

Resource: TypeAlias = dict[str, Any]

_PIECE = 1 << 20
_LARGEST = 1 << 30  # bytes of a Bundle, which is read whole
_LINES, _WHOLE = (".ndjson", ".ndjson.gz"), (".json", ".json.gz")
_SEARCHED = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)(?:\?|$)")  # the type that a search was for
_TYPE = re.compile(r"[A-Z][A-Za-z]+")  # with which the name of a file of NDJSON begins
_NO_PART = ("_", ".")


class Export:
    """A folder of NDJSON files and Bundles, or one such file.

    Parameters
    ----------
    path
        The file or folder.
    subject
        How messages name it.
    """

    def __init__(self, path: Path, *, subject: str) -> None:
        self._path, self._subject = path, subject
        self._digests: list[list[str]] = []
        self.types: set[str] = set()  # of which resources were sent, or said to be none
        self.errors = 0  # resources that say what the server could not export

    def resources(self) -> Iterator[Resource]:
        """Yield every resource, files in the order of their names.

        Raises
        ------
        DataError
            If the folder holds something else, a file is truncated, of mixed types, not of R4 or changed meanwhile.
        """
        self._digests.clear()
        files = self._files()
        for place, path in enumerate(files, start=1):
            where = (
                f"{self._subject}, file {place:,} of {len(files):,} by name" if self._path.is_dir() else self._subject
            )
            before = _state(path)
            with path.open("rb", buffering=0) as stream:
                raw = _Hashed(stream)
                yield from self._read(path, raw, where)
                while raw.read(_PIECE):  # what follows the end of what is packed belongs to the file
                    pass
            if _state(path) != before:
                self._refuse(where, "it stays as it is while it is read", "one that was changed meanwhile")
            self._digests.append([path.name, raw.digest])

    @property
    def version(self) -> str:
        """The digest of all that was read."""
        if not self._path.is_dir():
            return f"sha256:{self._digests[0][1]}"
        return f"sha256:{sha256_json(self._digests)} of the names and digests of {len(self._digests):,} files"

    def _files(self) -> list[Path]:
        if not self._path.is_dir():
            return [self._path]
        rule = "a folder of FHIR holds NDJSON files (`*.ndjson`) or Bundles (`*.json`), which gzip may have packed"
        parts = sorted(part for part in self._path.iterdir() if not part.name.startswith(_NO_PART))
        others = [part for part in parts if part.is_dir() or not part.name.lower().endswith((*_LINES, *_WHOLE))]
        if others:
            what = "a folder" if others[0].is_dir() else "a file whose name ends otherwise"
            self._refuse(self._subject, rule, f"{what} in it", "Leave nothing else in it; unpack archives.")
        if not parts:
            self._refuse(self._subject, rule, "an empty folder", "Put the export there.")
        return parts

    def _read(self, path: Path, raw: "_Hashed", where: str) -> Iterator[Resource]:
        name = path.name.lower()
        named = _TYPE.match(path.name)
        if name.endswith(_LINES) and named is not None and path.stat().st_size == 0:
            self.types.add(named[0])  # which says that there are none
        buffered = io.BufferedReader(raw, _PIECE)
        packed = name.endswith(".gz")
        stream: IO[bytes] = io.BufferedReader(gzip.GzipFile(fileobj=buffered), _PIECE) if packed else buffered
        try:
            yield from self._lines(stream, where) if name.endswith(_LINES) else self._bundle(stream, where)
        except (OSError, EOFError, zlib.error):
            self._refuse(where, "it can be read to its end", "a file that is truncated or damaged")

    def _lines(self, stream: IO[bytes], where: str) -> Iterator[Resource]:
        kind = None
        for number, line in enumerate(stream, start=1):
            try:
                resource = from_json(line, allow_inf_nan=False, cache_strings="keys")
            except ValueError:
                if not line.strip():
                    continue
                end = "" if line.endswith(b"\n") else ", the last, which has no end"
                self._refuse(where, "every line is one resource in JSON", f"another line {number:,}{end}")
            found = self._checked(resource, f"{where}, line {number:,}")
            if kind is None:
                kind, where = found, f"{where} (`{found}`)"
            elif found != kind:
                rule = "a file of NDJSON holds resources of one type"
                self._refuse(where, rule, f"a `{_shown(found)}` in line {number:,}", "Write a file for each type.")
            yield resource

    def _bundle(self, stream: IO[bytes], where: str) -> Iterator[Resource]:
        content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            self._refuse(where, f"a Bundle has {_LARGEST:,} bytes at most", "more", "Export NDJSON.")
        try:
            bundle = from_json(content, allow_inf_nan=False)
        except ValueError:
            self._refuse(where, "a file `.json` is one Bundle", "what is no JSON, or is truncated")
        if self._checked(bundle, where) != "Bundle":
            self._refuse(where, "a file `.json` is one Bundle", f"a `{_shown(bundle['resourceType'])}`")
        names: dict[str, str] = {}
        resources = list(self._entries(bundle, names, where))
        for resource in resources:
            _resolve(resource, names)
            yield resource

    def _entries(self, bundle: Resource, names: dict[str, str], where: str) -> Iterator[Resource]:
        """Yield the resources of a Bundle and of those in it; note by which names they refer to each other."""
        links = bundle.get("link")
        for link in links if isinstance(links, list) else []:
            asked = (
                re.search(r"(?:^|/)([A-Z][A-Za-z]+)(?:\?|$)", str(link.get("url", "")))
                if isinstance(link, dict)
                else None
            )
            if asked is not None:
                self.types.add(asked[1])
        entries = bundle.get("entry", [])
        for number, entry in enumerate(entries if isinstance(entries, list) else [], start=1):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if resource is None:
                continue
            kind, full = self._checked(resource, f"{where}, entry {number:,}"), entry.get("fullUrl")
            if kind == "Bundle":
                yield from self._entries(resource, names, where)
                continue
            if isinstance(full, str) and full.startswith("urn:"):
                resource.setdefault("id", full.rsplit(":", 1)[-1])
                names[full] = f"{kind}/{resource['id']}"
            yield resource

    def _checked(self, resource: Any, where: str) -> str:
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(kind, str) or not kind:
            self._refuse(where, "it is a resource of FHIR, with a `resourceType`", "something else")
        if kind not in self.types and kind != "Bundle":
            self.types.add(kind)
        self.errors += kind == "OperationOutcome"
        other = another_release(resource)
        if other is not None:
            self._refuse(where, "the records are of FHIR R4", other, "Export R4, or convert the records.")
        return kind

    def _refuse(self, where: str, rule: str, received: str, remedy: str = "Export the records again.") -> NoReturn:
        raise DataError(where, rule=rule, received=received, remedy=remedy) from None


class _Hashed(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, stream: io.FileIO) -> None:
        self._stream, self._hash = stream, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer)
        self._hash.update(memoryview(buffer)[:count])
        return count

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _resolve(value: Any, names: Mapping[str, str]) -> None:
    """Replace references by the names that entries of a Bundle have in it."""
    if isinstance(value, dict):
        named = names.get(value["reference"]) if isinstance(value.get("reference"), str) else None
        if named is not None:
            value["reference"] = named
        for each in value.values():
            _resolve(each, names)
    elif isinstance(value, list):
        for each in value:
            _resolve(each, names)


def _state(path: Path) -> tuple[int, ...]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _shown(kind: str) -> str:
    """Return a type as a message may show it."""
    return kind if re.fullmatch(r"[A-Z][A-Za-z]{2,40}", kind) else "type that is none"
