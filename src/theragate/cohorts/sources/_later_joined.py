"""Later patients of a joined cohort: a file of the base, and what is at hand of each part."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from theragate.cohorts.sources._companions import Companions
from theragate.cohorts.sources._formats import read_table_file
from theragate.cohorts.sources._joined import LACKING, ids_of, index_days, join, part_table
from theragate.cohorts.sources._later_patients import later_file, names_of, read_later_patients
from theragate.cohorts.sources._raw_table import RawTable, SourceTable, as_plain
from theragate.cohorts.table import Table
from theragate.errors import ConfigurationError, DataError, did_you_mean
from theragate.study import HAS, Format, JoinedSource, RecordsSource, SingleSource, SqlSource, TableFile, format_of

__all__ = ["read_later_joined"]

ReadRecords: TypeAlias = Callable[[RecordsSource, Path], RawTable]


def read_later_joined(
    spec: JoinedSource,
    base: Path,
    parts: Mapping[str, Path],
    *,
    features: Sequence[str],
    texts: Sequence[str],
    read_records: ReadRecords,
    companions: Companions,
) -> tuple[pd.DataFrame, str | None]:
    """Read later patients as the cohort was read and joined.

    Parameters
    ----------
    spec
        The study's ``source``.
    base
        A file of the base: records, or a table with the base's id, its index day and those of its columns that the
        model learned from.
    parts
        By name, the file or folder of each part that is at hand. Of the others, nothing is known of anybody.
    features, texts
        The model's features; those of them that are categories.
    read_records
        Makes rows of records.
    companions
        Where the recipe's own files lie.

    Returns
    -------
    One row per patient of the base, with what is known; the column with the base's own ids.

    Raises
    ------
    ConfigurationError
        If a part is none of the study's.
    DataError
        As `theragate.cohorts.sources.read_source`, but that a part may know of few patients or of none.
    """
    subject = f"`{base.name}`"
    for name in parts:
        if name not in spec.parts:
            raise ConfigurationError(
                f"--part {name}",
                rule=f"a part of the study is one of {', '.join(spec.parts)}",
                received=f"`{name}`",
                remedy=f"{did_you_mean(name, spec.parts)}Correct the name.",
            )
    wanted = [*features, *([spec.index] if spec.index else [])]
    read = _base(spec.base, base, wanted=wanted, texts=texts, read_records=read_records, companions=companions)
    rows = read.columns
    known = {}
    for name, path in parts.items():
        declared, part_subject = spec.parts[name], f"`{path.name}`, part `{name}`"
        known[name] = part_table(_part(declared.source, path, read_records, companions), declared, part_subject)
    dated = any(part.dates is not None for part in known.values())
    index = index_days(rows, spec.index, subject) if spec.index and dated else None
    joined, _ = join(rows, ids_of(rows, read.id_column, subject), index, known, spec, subject=subject, enough=False)
    frame = joined.frame()
    lacking = [name for name in spec.parts if name not in known]
    frame = frame.assign(**{f"{HAS}{name}": LACKING for name in lacking})
    unknown = [name for name in features if name not in frame] if lacking else []
    return frame.assign(**dict.fromkeys(unknown, np.nan)), read.id_column


def _base(
    spec: SingleSource,
    path: Path,
    *,
    wanted: Sequence[str],
    texts: Sequence[str],
    read_records: ReadRecords,
    companions: Companions,
) -> SourceTable:
    subject = f"`{path.name}`"
    if isinstance(spec, RecordsSource) and spec.takes(path):
        return SourceTable.of(read_records(spec, path), subject=subject)
    declared, id_column = _table_of(spec)
    kind = _kind(path)
    later = later_file(declared, "redcap" if declared and declared.table_format == "redcap" else kind)
    there = set(names_of(path, later, subject=subject))
    frame = read_later_patients(
        path,
        later,
        features=[name for name in dict.fromkeys(wanted) if name in there],
        texts=texts,
        years=(),
        id_column=id_column,
        companions=companions,
    )
    return SourceTable(Table.of(as_plain(frame, subject=subject)), "later patients", id_column)


def _part(spec: SingleSource, path: Path, read_records: ReadRecords, companions: Companions) -> SourceTable:
    subject = f"`{path.name}`"
    if not path.exists():
        raise DataError(subject, rule="what a part is read from exists", received="nothing", remedy="Correct the path.")
    if isinstance(spec, RecordsSource) and spec.takes(path):
        return SourceTable.of(read_records(spec, path), subject=subject)
    declared, id_column = _table_of(spec)
    text = declared.text if declared else (spec.text if isinstance(spec, SqlSource) else ())
    later = later_file(declared, _kind(path), id=id_column, text=text)
    frame = read_table_file(path, later, subject=subject, companions=companions)
    return SourceTable(Table.of(as_plain(frame, subject=subject)), "later patients", id_column)


def _table_of(spec: SingleSource) -> tuple[TableFile | None, str | None]:
    """Return how a source's table is read, where it is one, and the column of its ids."""
    declared = spec if isinstance(spec, TableFile) else None
    return declared, spec.id if isinstance(spec, TableFile | SqlSource) else None


def _kind(path: Path) -> Format:
    kind = format_of(path.name)
    if kind is None:
        raise DataError(
            f"`{path.name}`",
            rule="it is a table, or records of the kind that the study declares, by how its name ends",
            received=f"`{path.suffix}`" if path.suffix else "no ending",
            remedy="Rename it, or give another file.",
        )
    return kind
