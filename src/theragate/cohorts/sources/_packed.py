"""Packed files, of which a small one may hold more than the disk or the memory does."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from theragate.errors import DataError

__all__ = ["ZIP", "check_unpacked", "most_unpacked", "packing", "too_large"]

ZIP = b"PK\x03\x04"
_PACKED = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\x00": lzma}
_MOST_UNPACKED = 1 << 30
_MOST_TIMES = 100  # as large as when it was packed: tables of texts and numbers are 5 to 20 times
_PIECE = 1 << 20


def packing(begin: bytes) -> Any:
    """Return the module that unpacks a file with these first bytes, 6 or more; None where none does."""
    return next((module for mark, module in _PACKED.items() if begin.startswith(mark)), None)


def most_unpacked(path: Path) -> int:
    """Return how many bytes a packed file may hold: 1 GiB, or a hundred times its own size."""
    return max(_MOST_UNPACKED, _MOST_TIMES * path.stat().st_size)


def check_unpacked(path: Path, *, subject: str) -> None:
    """Refuse a packed file that holds too much, without unpacking all of it or keeping any of it.

    Raises
    ------
    DataError
        If it does.
    """
    total = 0
    try:
        most = most_unpacked(path)
        for stream in _contents(path):
            with stream:
                while piece := stream.read(_PIECE):
                    total += len(piece)
                    if total > most:
                        raise too_large(subject, most)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return  # whoever reads the table says what is wrong with it


def too_large(subject: str, most: int) -> DataError:
    """Return what to say of a file that holds more than `most` bytes."""
    return DataError(
        subject,
        rule=f"a packed file holds {most:,} bytes at most",
        received="more",
        remedy="Unpack it where there is room for it, and divide it, or save it as Parquet.",
    )


def _contents(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        begin = stream.read(8)
    module = packing(begin)
    if module is not None:
        yield module.open(path, "rb")
    elif begin.startswith(ZIP):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield archive.open(entry)
