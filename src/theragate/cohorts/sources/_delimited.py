"""Text files of separated values (CSV and its kin), plain or packed."""

import codecs
import csv
import lzma
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader, RawIOBase, StringIO, TextIOWrapper
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from theragate.cohorts.scratch import Kept, Scratch
from theragate.cohorts.sources._cells import Pieces, read_grid, stripped
from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._grid import Layout, named_columns
from theragate.cohorts.sources._packed import ZIP, most_unpacked, packing, too_large
from theragate.cohorts.table import Table
from theragate.errors import DataError
from theragate.study import TableFile, format_of

__all__ = ["csv_cells", "csv_names", "lines_of", "pieces_of", "read_csv", "rows_of", "text_of", "unpacked"]

_LONGEST_MARK = 6
_READ = 2**20  # bytes at once
_NOT_A_MEMBER = ("__MACOSX/", ".DS_Store")


def read_csv(path: Path, spec: TableFile, *, subject: str, companions: Companions, scratch: Scratch) -> Table:  # noqa: ARG001 - one form for all
    """Read a text file as declared, piece by piece.

    Raises
    ------
    DataError
        If it is in another encoding, packed otherwise, has lines of other lengths, or cells that do not fit.
    """
    with scratch.another() as cells:
        return read_grid(csv_cells(path, spec, subject=subject, scratch=cells), spec, subject=subject, scratch=scratch)


def csv_cells(path: Path, spec: TableFile, *, subject: str, scratch: Scratch) -> dict[str, Pieces]:
    """Return the cells of a text file by column, as they are written.

    Raises
    ------
    DataError
        If it is in another encoding, packed otherwise, or has lines of other lengths.
    """
    layout = Layout(spec, subject=subject)
    columns: list[list[Kept]] = []
    with lines_of(path, spec.encoding, spec.separator, subject=subject) as lines:
        for block in layout.blocks(_with_separator(lines, spec, subject)):
            columns = columns or [[] for _ in block]
            for kept, cells in zip(columns, block, strict=True):
                kept.append(scratch.keep(pa.array(cells, pa.large_string())))
    pieces = [Pieces(kept) for kept in columns or [[] for _ in layout.header]]
    return layout.named(pieces, is_blank=lambda cells: all(stripped(array).null_count == len(array) for array in cells))


def csv_names(path: Path, spec: TableFile, *, subject: str) -> list[str]:
    """Return the names of the columns of a text file, of which only the beginning is read.

    Raises
    ------
    DataError
        If there is no header, or the beginning is in another encoding or packed otherwise.
    """
    with lines_of(path, spec.encoding, spec.separator, subject=subject) as lines:
        return named_columns(_with_separator(lines, spec, subject), spec, subject=subject)


@contextmanager
def lines_of(path: Path, encoding: str, separator: str, *, subject: str) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Yield the lines of a text file, cut into cells, each with the number of the text's line that it ends with.

    Raises
    ------
    DataError
        If it is in another encoding or packed otherwise.
    ValueError
        If a line cannot be split. The message must not be shown.
    """
    with (
        _opened(path, subject=subject) as stream,
        _decodable(encoding, subject),
        TextIOWrapper(stream, encoding, newline="") as text,
    ):
        yield _lines(_without_mark(text), separator)


def unpacked(path: Path, *, subject: str) -> bytes:
    """Return what a file holds; whether and how it is packed is seen in its first bytes.

    Raises
    ------
    DataError
        If the archive is broken, or holds several files, or too much.
    """
    with _opened(path, subject=subject) as stream:
        return stream.read()


def pieces_of(path: Path, *, subject: str) -> Generator[bytes, None, None]:
    """Yield what a file holds, packed or not, a MiB at a time; raises as `unpacked`."""
    with _opened(path, subject=subject) as stream:
        while piece := stream.read(_READ):
            yield piece


@contextmanager
def _opened(path: Path, *, subject: str) -> Iterator[IO[bytes]]:
    """Open what a file holds, packed or not; raises as `unpacked`, also while it is read."""
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        begin = file.read(_LONGEST_MARK)
        file.seek(0)
        module = packing(begin)
        if not (begin.startswith(ZIP) or module):
            yield file
            return
        with _can_be_unpacked(subject):
            packed: Any = module.open(file) if module else _only_member(file, stack, subject)
        unpacking = _Unpacking(stack.enter_context(packed), subject, most=most_unpacked(path))
        yield BufferedReader(unpacking, _READ)


class _Unpacking(RawIOBase):
    def __init__(self, stream: IO[bytes], subject: str, *, most: int) -> None:
        self._stream, self._subject, self._most, self._read = stream, subject, most, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _can_be_unpacked(self._subject):
            content = self._stream.read(len(buffer))
        self._read += len(content)
        if self._read > self._most:
            raise too_large(self._subject, self._most)
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def _can_be_unpacked(subject: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise DataError(
            subject,
            rule="the packed file can be unpacked",
            received=f"one that cannot ({type(error).__name__})",
            remedy="Pack the file again, without a password, or unpack it first.",
        ) from None


def _only_member(file: IO[bytes], stack: ExitStack, subject: str) -> IO[bytes]:
    archive = stack.enter_context(zipfile.ZipFile(file))
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
    return archive.open(names[0])


def text_of(content: bytes, encoding: str, *, subject: str, cut: bool = False) -> str:
    """Decode a file; a byte order mark at its start is no part of the first name.

    Parameters
    ----------
    cut
        Whether this is only how the file begins, which may end within a letter.

    Raises
    ------
    DataError
        If it is in another encoding.
    """
    with _decodable(encoding, subject):
        decoder = codecs.getincrementaldecoder(encoding)()
        return decoder.decode(content, final=not cut).removeprefix("\ufeff")


@contextmanager
def _decodable(encoding: str, subject: str) -> Iterator[None]:
    try:
        codecs.lookup(encoding)
        yield
    except (UnicodeDecodeError, LookupError) as error:
        if not isinstance(error, UnicodeDecodeError) and type(error) is not LookupError:
            raise  # of the block, and no matter of the encoding
        raise DataError(
            subject,
            rule=f"the file is text in the encoding `{encoding}`",
            received="bytes that are not"
            if isinstance(error, UnicodeDecodeError)
            else "a name that Python does not know",
            remedy="Name its encoding (such as `cp1252`) by `source.encoding` in params.yaml, or by --encoding.",
        ) from None


def _without_mark(lines: Iterator[str]) -> Iterator[str]:
    yield next(lines, "").removeprefix("\ufeff")
    yield from lines


def _lines(text: Iterator[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    with _separated():
        reader = csv.reader(text, delimiter=separator, strict=True)
        for row in reader:
            yield reader.line_num, row


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
    with _separated():
        return list(csv.reader(StringIO(text, newline=""), delimiter=separator, strict=strict))


@contextmanager
def _separated() -> Iterator[None]:
    try:
        yield
    except (csv.Error, TypeError) as error:  # the latter of a separator that is no single character
        raise ValueError("not separated values") from error


def _with_separator(
    lines: Iterator[tuple[int, list[str]]], spec: TableFile, subject: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines, unless the header shows that another mark separates the cells."""
    for at, (number, row) in enumerate(lines, start=1):
        if at == spec.header and len(row) == 1:
            other = next((mark for mark in (";", "\t", "|", ",") if mark in row[0]), None)
            if other:
                raise DataError(
                    subject,
                    rule=f"the cells are separated by {_named(spec.separator)} (`source.separator`)",
                    received=f"a header without any, but with {_named(other)}",
                    remedy="Correct `source.separator` in params.yaml, or give --separator.",
                )
        yield number, row


def _named(separator: str) -> str:
    return {"\t": "tabs", " ": "spaces"}.get(separator, f"`{separator}`")
