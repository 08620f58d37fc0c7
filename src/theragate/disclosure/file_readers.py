"""Any file bound for MLflow, as the tables and lists in it. A kind of file that cannot be searched is refused."""

import csv
import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import pandas as pd

from theragate.disclosure.tables import Table, tables_of
from theragate.errors import DataError

__all__ = ["read_content"]


def read_content(path: Path) -> list[Table]:
    """Return all tables and lists in a file.

    Raises
    ------
    DataError
        If it is of a kind that cannot be searched, or is not a whole file of its kind.
    """
    try:
        return list(_read(path.suffix, path.read_bytes()))
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        RecursionError,
        csv.Error,
        zipfile.BadZipFile,
        struct.error,
    ) as error:
        raise _unsearchable(path.name, f"one that cannot be read ({type(error).__name__})") from error


_BLANKS = 64  # of which some may come first
# How files of patients' own measurements begin, whatever they are called.
_MEASUREMENTS: Final = {
    b"##fileformat=VCF": "genotypes",
    b"BCF\x02": "genotypes",
    b"\x89HDF\r\n": "expression",
    b"!Series_": "expression",
}


def _read(suffix: str, content: bytes, where: str = "") -> Iterator[Table]:
    for begins, what in _MEASUREMENTS.items():
        if content[:_BLANKS].lstrip().startswith(begins):
            raise _unsearchable(f"*{suffix}", f"a file of {what}")
    if suffix not in READERS:
        raise _unsearchable(f"*{suffix}", "a kind of file that cannot be searched")
    yield from READERS[suffix](content, where)


def _json(content: bytes, where: str) -> Iterator[Table]:
    yield from tables_of(json.loads(content), where)


def _csv(content: bytes, where: str) -> Iterator[Table]:
    lines = [row for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]
    if len({len(row) for row in lines}) > 1:  # of longer lines pandas would take the first cells for names of rows
        raise ValueError("lines of other lengths")
    yield _framed(where, pd.read_csv(io.BytesIO(content)))


def _parquet(content: bytes, where: str) -> Iterator[Table]:
    yield _framed(where, pd.read_parquet(io.BytesIO(content)))


def _framed(where: str, frame: pd.DataFrame) -> Table:
    return Table(where, {str(name): frame[name].to_numpy() for name in frame.columns}, named=True)


def _markdown(content: bytes, where: str) -> Iterator[Table]:
    rows: list[list[str]] = []
    for line in [*content.decode().splitlines(), ""]:
        if line.lstrip().startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            yield from _rows(rows, where)
            rows = []


class _Rows(HTMLParser):
    """Collects the cells of every row of every table of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        if tag == "table" or (tag == "tr" and not self.tables):
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th") and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.tables[-1][-1][-1] += data.strip()


def _html(content: bytes, where: str) -> Iterator[Table]:
    parser = _Rows()
    parser.feed(content.decode())
    for rows in parser.tables:
        yield from _rows([row for row in rows if row], where)


def _rows(rows: list[list[str]], where: str) -> Iterator[Table]:
    """Yield a table of texts whose first row may be a header."""
    if len(rows) < 2:
        return
    width = max(map(len, rows))
    filled = [[*row, *[""] * (width - len(row))] for row in rows]
    names = [name or str(position) for position, name in enumerate(filled[0])]
    unique = [name if names.index(name) == position else f"{name} {position}" for position, name in enumerate(names)]
    yield Table(where, dict(zip(unique, map(list, zip(*filled[1:], strict=True)), strict=True)), named=True)


def _array(content: bytes, where: str) -> Iterator[Table]:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names:
        yield Table(where, {name: np.ravel(array[name]) for name in array.dtype.names}, named=True)
    elif array.size:
        flat = array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(-1, 1)
        yield Table(where, {str(column): flat[:, column] for column in range(flat.shape[1])}, named=False)


def _archive(content: bytes, where: str) -> Iterator[Table]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.namelist():
            yield from _read(PurePosixPath(member).suffix, archive.read(member), f"{where}/{member}")


def _booster(content: bytes, where: str) -> Iterator[Table]:
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise ValueError("not a booster") from error
    yield from tables_of(json.loads(bytes(booster.save_raw("json"))), where)


def _picture(content: bytes, where: str) -> Iterator[Table]:
    """Yield the texts that a PNG file carries beside its pixels."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG")
    texts, offset = [], 8
    while offset < len(content):
        size, chunk = struct.unpack(">I4s", content[offset : offset + 8])
        if chunk in (b"tEXt", b"iTXt", b"zTXt", b"eXIf"):
            texts.append(content[offset + 8 : offset + 8 + size].decode("latin-1"))
        offset += size + 12
    if texts:
        yield Table(where, {"0": texts}, named=False)


def _text(content: bytes, where: str) -> Iterator[Table]:
    yield Table(where, {"0": content.decode().split()}, named=False)


READERS: dict[str, Callable[[bytes, str], Iterator[Table]]] = {
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
    ".md": _markdown,
    ".html": _html,
    ".npy": _array,
    ".npz": _archive,
    ".skops": _archive,
    ".ubj": _booster,
    ".png": _picture,
    ".txt": _text,
}


def _unsearchable(name: str, received: str) -> DataError:
    return DataError(
        f"file `{name}`",
        rule="what goes to MLflow can be searched for patients' rows",
        received=received,
        remedy=f"Only {', '.join(READERS)} can; leave the file out, or add a reader for its kind.",
    )
