"""Expression from text: wide tables with patients in rows or columns, and the series matrices of GEO."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd

from theragate.cohorts.genomes.expression import Expression, Values, Wanted, wrong
from theragate.errors import DataError
from theragate.files import read_bytes
from theragate.study import ExpressionSource

__all__ = ["read_platform", "read_series_matrix", "read_wide_table"]

_BEGIN, _END = "!series_matrix_table_begin", "!series_matrix_table_end"
_LONGEST = 2**27  # signs of a cell: none is as long, but a line with an open quotation mark would be

Genes = dict[str, str]


def read_wide_table(
    path: Path, spec: ExpressionSource, wanted: Wanted, names: Genes | None, *, subject: str
) -> Expression:
    """Read a table of genes and whatever else it says of patients.

    Parameters
    ----------
    names
        The gene of each probe, where a platform tells it.

    Raises
    ------
    DataError
        If a line is of another length than the first, a value is no number, or it is not said where patients are.
    """
    with _lines(path, subject) as lines:
        if spec.patients_in == "columns":
            return _patients_in_columns(lines, spec, wanted, names, subject)
        if spec.patients_in == "rows":
            return _patients_in_rows(lines, spec, wanted, names, subject)
    raise wrong(subject, "`source.patients_in` says where its patients are", "nothing said", "Say `rows` or `columns`.")


def read_series_matrix(
    path: Path, spec: ExpressionSource, wanted: Wanted, names: Genes | None, *, subject: str
) -> Expression:
    """Read a series matrix of GEO; characteristics are told by their own names, whatever line they stand in.

    Raises
    ------
    DataError
        If it is cut off, or is no series matrix; or as `read_wide_table`.
    """
    phenotype: dict[str, list[str]] = {}
    count = 0
    with _lines(path, subject) as lines:
        for line in lines:
            if line[:1] == [_BEGIN]:
                break
            if line and line[0].startswith("!Sample_"):
                count = count or len(line) - 1
                _add_characteristics(phenotype, line, count, subject)
        else:
            raise wrong(
                subject, "it is a series matrix", "a file without the beginning of one", "Download it from GEO again."
            )
        matrix = _until_end(lines, subject)
        found = _patients_in_columns(matrix, spec, wanted, names, subject, only_genes=True)
    if count != len(found.samples):
        raise wrong(
            subject, "its table has the samples that are described", "another number", "Download it from GEO again."
        )
    series = {name: pd.Series(cells, dtype="str") for name, cells in phenotype.items()}
    return Expression(found.samples, found.genes, found.values, series)


def read_platform(path: Path, column: str, *, subject: str) -> Genes:
    """Return the gene of each probe, by the first column of a CSV file and the one that is named.

    Raises
    ------
    DataError
        If it is no such file.
    """
    try:
        table = pd.read_csv(io.BytesIO(read_bytes(path)), dtype="str", keep_default_na=False)
    except (OSError, ValueError):
        table = pd.DataFrame()
    if column not in table.columns or table.empty:
        raise wrong(
            f"{subject}, platform `{path.name}`",
            f"it is a CSV file of probes with the column `{column}`",
            "another file",
            "Correct `source.platform` or `source.gene_names`.",
        )
    return dict(zip(table.iloc[:, 0], table[column].str.strip(), strict=True))


def _add_characteristics(phenotype: dict[str, list[str]], line: list[str], count: int, subject: str) -> None:
    name, cells = line[0].removeprefix("!Sample_"), line[1:]
    if len(cells) != count:
        raise wrong(subject, "each line describes all samples", "one of another length", "Download it from GEO again.")
    if not name.startswith("characteristics"):
        phenotype.setdefault(name, cells)
        return
    for place, cell in enumerate(cells):
        key, mark, value = cell.partition(":")
        if not mark:
            continue
        column = phenotype.setdefault(key.strip(), [""] * count)
        if column[place] not in ("", value.strip()):
            raise wrong(
                subject, "a characteristic has one value", f"two of `{key.strip()}`", "Remove one of them in the file."
            )
        column[place] = value.strip()


def _until_end(lines: Iterator[list[str]], subject: str) -> Iterator[list[str]]:
    for line in lines:
        if line[:1] == [_END]:
            return
        yield line
    raise wrong(subject, "the file is whole", "one without the end of its table", "Copy or download it again.")


def _patients_in_columns(
    lines: Iterator[list[str]],
    spec: ExpressionSource,
    wanted: Wanted,
    names: Genes | None,
    subject: str,
    *,
    only_genes: bool = False,
) -> Expression:
    header = next(lines, [])
    samples = [cell.strip() for cell in header[1:]]
    genes: list[str] = []
    rows: list[Values] = []
    phenotype: dict[str, pd.Series] = {}
    described = set() if only_genes else {*spec.phenotype, *([spec.id] if spec.id else [])}
    for number, line in enumerate(lines, start=2):
        _check_length(line, header, number, subject)
        name = line[0].strip()
        if name in described:
            phenotype[name] = pd.Series(line[1:], dtype="str")
            continue
        gene = name if names is None else names.get(name, "")
        if wanted.has(gene) or not gene:
            genes.append(gene)
            rows.append(_numbers(line[1:], spec, f"{subject}, row `{name}`"))
    values = np.array(rows).T if rows else np.empty((len(samples), 0))
    return Expression(samples, genes, np.ascontiguousarray(values), phenotype)


def _patients_in_rows(
    lines: Iterator[list[str]], spec: ExpressionSource, wanted: Wanted, names: Genes | None, subject: str
) -> Expression:
    header = next(lines, [])
    columns = [cell.strip() for cell in header]
    described = {*spec.phenotype, *([spec.id] if spec.id else [])}
    own = [name if names is None else names.get(name, "") for name in columns]
    places = [
        place
        for place, name in enumerate(columns)
        if place > 0 and name not in described and (wanted.has(own[place]) or not own[place])
    ]
    samples: list[str] = []
    rows: list[Values] = []
    cells: dict[str, list[str]] = {name: [] for name in columns if name in described}
    for number, line in enumerate(lines, start=2):
        _check_length(line, header, number, subject)
        samples.append(line[0].strip())
        for name, column in cells.items():
            column.append(line[columns.index(name)])
        rows.append(_numbers([line[place] for place in places], spec, f"{subject}, line {number:,}"))
    values = np.array(rows) if rows else np.empty((0, len(places)))
    phenotype = {name: pd.Series(column, dtype="str") for name, column in cells.items()}
    return Expression(samples, [own[place] for place in places], values, phenotype)


def _numbers(cells: Sequence[str], spec: ExpressionSource, subject: str) -> Values:
    """Return cells as numbers; NaN for those that mean that nothing is known, and for no other."""
    texts = np.array(cells, dtype=object)
    known = ~np.isin(texts, spec.missing)
    values = np.full(len(texts), np.nan)
    with suppress(ValueError):
        values[known] = texts[known].astype(np.float64)
    bad = int(np.isnan(values[known]).sum())
    if bad:
        raise wrong(
            subject,
            "the expression of a gene is a number",
            "cells that are none",
            "Name other columns or rows under `source.phenotype`, list the genes under `source.genes`, or say under "
            "`source.missing` what means that nothing is known.",
        )
    return values


def _check_length(line: list[str], header: list[str], number: int, subject: str) -> None:
    if len(line) != len(header):
        raise wrong(
            f"{subject}, line {number:,} of its table",
            f"it has as many cells as the first, {len(header):,}",
            f"{len(line):,}",
            "Export the file again.",
        )


@contextmanager
def _lines(path: Path, subject: str) -> Iterator[Iterator[list[str]]]:
    """Yield the cells of each line that is not empty; a file that is broken ends in words."""
    small = path.name.lower()
    separator = "\t" if small.removesuffix(".gz").endswith((".tsv", ".txt")) else ","
    csv.field_size_limit(_LONGEST)
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8", newline="")
            if small.endswith(".gz")
            else path.open(encoding="utf-8", newline="") as file
        ):
            yield (line for line in csv.reader(file, delimiter=separator, strict=True) if line)
    except DataError:
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile):
        received, remedy = "one that was cut off or is not packed by gzip", "Copy or download it again."
    except (UnicodeDecodeError, csv.Error):
        received, remedy = "bytes that are no text in UTF-8, or an open quotation mark", "Export it again as UTF-8."
    else:
        return
    raise wrong(subject, "the file can be read", received, remedy) from None
