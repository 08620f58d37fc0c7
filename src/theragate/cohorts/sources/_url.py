"""A cohort from the web: fetched once, kept, and refused unless its SHA-256 is the declared one."""

import http.client
import os
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._formats import open_table_file
from theragate.cohorts.sources._raw_table import SourceTable
from theragate.digests import sha256_file
from theragate.errors import DataError
from theragate.study import UrlSource

__all__ = ["read_url"]

PIECE = 1 << 20
PATIENCE = 30  # seconds without a byte


def read_url(spec: UrlSource, context: SourceContext, scratch: Scratch) -> SourceTable:
    """Read the file at ``source.url``, from ``.theragate/downloads`` where it is there already.

    An interrupted download resumes where it ended, if the server can do that. Without a network, the file can be put
    there by hand, with its digest as its name.

    Raises
    ------
    DataError
        If the server cannot be reached or refuses, or the file is broken or not the one that ``source.sha256`` names.
    """
    context.downloads.mkdir(parents=True, exist_ok=True)
    kept = context.downloads / spec.sha256
    with FileLock(kept.with_suffix(".lock")):
        if not kept.is_file() or sha256_file(kept) != spec.sha256:
            _fetch(spec, kept)
    read = open_table_file(kept, spec, subject=_subject(spec), companions=context.companion, scratch=scratch)
    return SourceTable(read.columns, read.version, id_column=spec.id)


def _fetch(spec: UrlSource, kept: Path) -> None:
    """Fetch the file and keep it. A part from an earlier run may be of another edition, so that one may fail."""
    part = kept.with_suffix(".part")
    for resumed in dict.fromkeys([part.is_file(), False]):
        try:
            _download(spec.url, part)
        except (OSError, http.client.HTTPException) as error:  # URLError and HTTPError are OSErrors
            raise DataError(
                _subject(spec),
                rule="the file can be fetched",
                received=_reason(error),
                remedy=f"Run the same command again to resume, or put the file at `.theragate/downloads/{kept.name}`.",
            ) from None
        sha256 = sha256_file(part)
        if sha256 == spec.sha256:
            part.replace(kept)
            return
        part.unlink()
        if not resumed:
            raise DataError(
                _subject(spec),
                rule=f"the file has the SHA-256 {spec.sha256}",
                received=f"a file with {sha256}, which was discarded",
                remedy="Find out why it changed; if the new file is meant, write its digest into `source.sha256`.",
            )


def _subject(spec: UrlSource) -> str:
    """Name the source without what follows a question mark, which may be a signature that opens the file."""
    address, _, query = spec.url.partition("?")
    return f"source `{address}{'?…' if query else ''}`"


def _download(url: str, part: Path) -> None:
    """Fetch `url` into `part`, appending to what is there."""
    begun = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={begun}-"} if begun else {}
    try:
        # `source.url` begins with http:// or https://, see `theragate.study.sources`.
        answer = urlopen(Request(url, headers=headers), timeout=PATIENCE)  # noqa: S310
    except HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and begun:
            return  # all of it is there; its digest decides
        raise
    with answer, part.open("ab" if answer.status == http.HTTPStatus.PARTIAL_CONTENT else "wb") as stream:
        expected, received = answer.length, 0
        while piece := answer.read(PIECE):
            received += stream.write(piece)
        stream.flush()
        os.fsync(stream.fileno())
        if expected is not None and received < expected:
            raise http.client.IncompleteRead(b"", expected - received)


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the answer {error.code}"
    if isinstance(error, URLError) and isinstance(error.reason, OSError):
        error = error.reason
    if isinstance(error, TimeoutError):
        return f"no answer for {PATIENCE} seconds"
    if isinstance(error, http.client.IncompleteRead):
        return "a connection that broke off"
    return f"no connection ({getattr(error, 'strerror', None) or type(error).__name__})"
