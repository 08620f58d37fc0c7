"""What every source promises."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from theragate.cohorts.sources import RawTable, read_source
from theragate.testing.promise import expect

__all__ = ["check_source"]


def check_source(spec: Any, root: Path, *, study: str, environ: Mapping[str, str] | None = None) -> RawTable:
    """Check all that a source promises, and return its table.

    Parameters
    ----------
    spec
        The source, with its keys.
    root
        A project, with ``sources/<study>/``.
    study
        The name of the study.
    environ
        Environment variables.

    Raises
    ------
    AssertionError
        With the promise that is broken.
    TheragateError
        What the source raises.
    """
    raw = read_source(spec, root, study=study, environ=environ)
    frame = raw.frame
    expect(list(frame.index) == list(range(len(frame))), "the rows are numbered from 0")
    expect(all(isinstance(column, str) for column in frame.columns), "the names of columns are texts")
    expect(not any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes), "no column is of categories")
    expect(raw.version, "the table has a version")
    expect(raw.simulated == raw.version.startswith("SIMULATED"), "simulated patients, and no others, are marked")
    expect(raw.id_column is None or raw.id_column in frame.columns, "the column of ids is in the table")
    again = read_source(spec, root, study=study, environ=environ)
    expect(again.version == raw.version and again.frame.equals(frame), "read again, it is the same table and version")
    return raw
