"""Text files of separated values (CSV and its kin), plain or packed."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path

import pandas as pd

from theragate.cohorts.sources._cells import read_grid
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._grid import lay_out
from theragate.errors import DataError
from theragate.study import TableFile, format_of

__all__ = ["read_csv", "rows_of", "text_of", "unpacked"]

_PACKED = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ\x00": lzma}
_ZIP = b"PK\x03\x04"
_NOT_A_MEMBER = ("__MACOSX/", ".DS_Store")


def read_csv(path: Path, spec: TableFile, *, subject: str, companions: Companions) -> pd.DataFrame:  # noqa: ARG001 - one form for all
    """Read a text file as declared.

    Raises
    ------
    DataError
        If it is in another encoding, packed otherwise, has lines of other lengths, or cells that do not fit.
    """
    text = text_of(unpacked(path, subject=subject), spec.encoding, subject=subject)
    rows = rows_of(text, spec.separator)
    _check_separator(rows, spec, subject)
    return read_grid(lay_out(rows, spec, subject=subject), spec, subject=subject)


def unpacked(path: Path, *, subject: str) -> bytes:
    """Return what a file holds; whether and how it is packed is seen in its first bytes.

    Raises
    ------
    DataError
        If the archive is broken, or holds several files.
    """
    content = path.read_bytes()
    try:
        if content.startswith(_ZIP):
            return _only_member(content, subject)
        module = next((module for magic, module in _PACKED.items() if content.startswith(magic)), None)
        return module.decompress(content) if module else content
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise DataError(
            subject,
            rule="the packed file can be unpacked",
            received=f"one that cannot ({type(error).__name__})",
            remedy="Pack the file again, without a password, or unpack it first.",
        ) from None


def _only_member(content: bytes, subject: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        names = [name for name in names if not name.startswith(_NOT_A_MEMBER) and not name.endswith(_NOT_A_MEMBER)]
        if len(names) != 1:
            raise DataError(
                subject,
                rule="a packed table is one file",
                received=f"an archive of {len(names)}",
                remedy="Unpack it, and name the one that is meant.",
            )
        if format_of(names[0]) not in ("csv", None):
            raise DataError(
                subject,
                rule="what is packed is a text file",
                received=f"an archive with a file `*{Path(names[0]).suffix}`",
                remedy="Unpack it, and name the file in it.",
            )
        return archive.read(names[0])


def text_of(content: bytes, encoding: str, *, subject: str) -> str:
    """Decode a file; a byte order mark at its start is no part of the first name.

    Raises
    ------
    DataError
        If it is in another encoding.
    """
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError) as error:
        unknown = isinstance(error, LookupError)
        raise DataError(
            subject,
            rule=f"the file is text in the encoding `{encoding}`",
            received="a name that Python does not know" if unknown else "bytes that are not",
            remedy="Name its encoding (such as `cp1252`) by `source.encoding` in params.yaml, or by --encoding.",
        ) from None


def rows_of(text: str, separator: str, *, strict: bool = True) -> list[list[str]]:
    """Split a text into lines and cells; a cell in quotes may hold the separator.

    Parameters
    ----------
    strict
        Whether to refuse quotes that are opened and not closed, or closed in the middle of a cell.

    Raises
    ------
    ValueError
        If a line cannot be split. The message must not be shown.
    """
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict))
    except (csv.Error, TypeError) as error:  # the latter of a separator that is no single character
        raise ValueError("not separated values") from error


def _check_separator(rows: list[list[str]], spec: TableFile, subject: str) -> None:
    header = rows[spec.header - 1] if len(rows) >= spec.header else []
    other = next((mark for mark in (";", "\t", "|", ",") if len(header) == 1 and mark in header[0]), None)
    if other:
        raise DataError(
            subject,
            rule=f"the cells are separated by {_named(spec.separator)} (`source.separator`)",
            received=f"a header without any, but with {_named(other)}",
            remedy="Correct `source.separator` in params.yaml, or give --separator.",
        )


def _named(separator: str) -> str:
    return {"\t": "tabs", " ": "spaces"}.get(separator, f"`{separator}`")
