"""Any file bound for MLflow as the tables and lists in it. A kind that nobody can look into is refused."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import DataError

__all__ = ["Table", "read_content", "tables_of", "words_of"]

Column: TypeAlias = Sequence[Any] | NDArray[Any]

_SCALAR = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Table:
    """Columns of one length, or one list as the only column; ``named`` says whether the columns have names."""

    where: str
    columns: Mapping[str, Column]
    named: bool


def read_content(path: Path) -> list[Table]:
    """Return all tables and lists in a file.

    Raises
    ------
    DataError
        If it is of a kind that cannot be looked into, or is no whole file of its kind.
    """
    try:
        return list(_read(path.suffix, path.read_bytes()))
    except (ValueError, KeyError, OSError, EOFError, RecursionError, zipfile.BadZipFile, struct.error) as error:
        raise _closed(path.name, "one that cannot be read") from error


def tables_of(value: Any, where: str = "") -> Iterator[Table]:
    """Return the tables and lists in what JSON gives, at any depth.

    A table is a list of objects, an object of equally long lists, a list of equally long lists, or an object of plain
    values, which is one row.
    """
    if isinstance(value, Mapping):
        yield from _of_object(value, where)
    elif _is_list(value):
        if value:
            yield Table(where, {"0": value}, named=False)
    elif isinstance(value, list | tuple):
        yield from _of_list(value, where)


def words_of(value: Any, where: str = "") -> Iterator[Table]:
    """Return all words of all texts in what JSON gives, names of entries included, as one list."""
    words = list(_words(value))
    if words:
        yield Table(where, {"0": words}, named=False)


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from str(key).split()
            yield from _words(entry)
    elif isinstance(value, str):
        yield from value.split()
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _words(entry)


def _of_object(value: Mapping[Any, Any], where: str) -> Iterator[Table]:
    plain = {str(key): [entry] for key, entry in value.items() if isinstance(entry, _SCALAR)}
    if plain:
        yield Table(where, plain, named=True)
    lists = {str(key): entry for key, entry in value.items() if _is_list(entry)}
    for size in {len(entry) for entry in lists.values()} - {0}:
        same = {key: entry for key, entry in lists.items() if len(entry) == size}
        if len(same) > 1:
            yield Table(where, same, named=True)
    for key, entry in value.items():
        yield from tables_of(entry, f"{where}/{key}")


def _of_list(value: Sequence[Any], where: str) -> Iterator[Table]:
    if all(isinstance(entry, Mapping) for entry in value):
        names = {str(key): key for entry in value for key, cell in entry.items() if isinstance(cell, _SCALAR)}
        yield Table(where, {name: [_plain(entry, key) for entry in value] for name, key in names.items()}, named=True)
    elif len(value) > 1 and all(map(_is_list, value)) and len(set(map(len, value))) == 1:
        columns = {str(place): list(column) for place, column in enumerate(zip(*value, strict=True))}
        yield Table(where, columns, named=False)
    for place, entry in enumerate(value):
        yield from tables_of(entry, f"{where}/{place}")


def _plain(entry: Mapping[Any, Any], key: Any) -> Any:
    value = entry.get(key)
    return value if isinstance(value, _SCALAR) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(entry, _SCALAR) for entry in value)


def _read(suffix: str, content: bytes, where: str = "") -> Iterator[Table]:
    if suffix not in READERS:
        raise _closed(f"*{suffix}", "a kind of file that nobody can look into")
    yield from READERS[suffix](content, where)


def _json(content: bytes, where: str) -> Iterator[Table]:
    yield from tables_of(json.loads(content), where)


def _csv(content: bytes, where: str) -> Iterator[Table]:
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
    """Return a table of texts, the first row of which may be a header."""
    if len(rows) < 2:
        return
    width = max(map(len, rows))
    filled = [[*row, *[""] * (width - len(row))] for row in rows]
    names = [name or str(place) for place, name in enumerate(filled[0])]
    unique = [name if names.index(name) == place else f"{name} {place}" for place, name in enumerate(names)]
    yield Table(where, dict(zip(unique, map(list, zip(*filled[1:], strict=True)), strict=True)), named=True)


def _array(content: bytes, where: str) -> Iterator[Table]:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names:
        yield Table(where, {name: np.ravel(array[name]) for name in array.dtype.names}, named=True)
    elif array.size:
        flat = array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(-1, 1)
        yield Table(where, {str(place): flat[:, place] for place in range(flat.shape[1])}, named=False)


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
        raise ValueError("no booster") from error
    yield from tables_of(json.loads(bytes(booster.save_raw("json"))), where)


def _picture(content: bytes, where: str) -> Iterator[Table]:
    """Return the texts that a PNG file carries beside its pixels."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    texts, place = [], 8
    while place < len(content):
        size, kind = struct.unpack(">I4s", content[place : place + 8])
        if kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf"):
            texts.append(content[place + 8 : place + 8 + size].decode("latin-1"))
        place += size + 12
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


def _closed(name: str, received: str) -> DataError:
    return DataError(
        f"file `{name}`",
        rule="what goes to MLflow can be searched for patients' rows",
        received=received,
        remedy=f"Only {', '.join(READERS)} can; leave the file out, or add its kind.",
    )
