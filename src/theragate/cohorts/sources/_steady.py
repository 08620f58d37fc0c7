"""Files of records stay as they are while they are read, and say by their digests which edition they are."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from theragate.digests import sha256_file, sha256_json
from theragate.errors import DataError

__all__ = ["edition", "steady"]


@contextmanager
def steady(files: Sequence[Path], subject: str) -> Iterator[None]:
    """Refuse files that are written to, replaced or removed in the block, whatever else that may have led to.

    Raises
    ------
    DataError
        Once the block has ended.
    """
    before = _state(files)
    try:
        yield
    except DataError:
        _check(files, subject, before)
        raise
    _check(files, subject, before)


def edition(files: Sequence[Path], others: Mapping[str, Path | None]) -> str:
    """Return the version that records have by their content; no name of a file is told by it.

    Parameters
    ----------
    files
        Those of the records, in their order.
    others
        Files of the recipe, by what they are; None for one that there is not.
    """
    digests = [sha256_file(path) for path in files]
    own = digests[0] if len(digests) == 1 else f"{sha256_json(digests)} of the digests of {len(digests):,} files"
    rest = "".join(f", {what} sha256:{sha256_file(path)}" for what, path in others.items() if path is not None)
    return f"sha256:{own}{rest}"


def _state(files: Sequence[Path]) -> list[tuple[int, ...] | None]:
    found: list[tuple[int, ...] | None] = []
    for path in files:
        try:
            stat = path.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return found


def _check(files: Sequence[Path], subject: str, before: list[tuple[int, ...] | None]) -> None:
    if _state(files) != before:
        raise DataError(
            subject,
            rule="it stays as it is while it is read",
            received="one that was changed meanwhile",
            remedy="Wait until whoever writes it is done, then run the same command again.",
        ) from None
