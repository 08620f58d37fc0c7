"""Expression from ``.h5ad`` files (https://anndata.readthedocs.io, on-disk format 0.1.0), read by h5py."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from theragate.cohorts.genomes.expression import Expression, Values, Wanted, wrong
from theragate.errors import ConfigurationError, DataError
from theragate.study import ExpressionSource

__all__ = ["read_h5ad"]

_ROWS = 512  # samples that are made dense at once


def read_h5ad(path: Path, spec: ExpressionSource, wanted: Wanted, *, subject: str) -> Expression:
    """Read the matrix ``X`` (dense, CSR or CSC) or a layer, the names of genes, and the declared columns of ``obs``.

    Raises
    ------
    ConfigurationError
        If the extra ``expression`` is not installed.
    DataError
        If the file is broken, or lacks what is declared.
    """
    try:
        import h5py
    except ModuleNotFoundError:
        raise ConfigurationError(
            subject,
            rule="an .h5ad file is read by the package h5py",
            received="an installation without it",
            remedy="Run `pip install 'theragate[expression]'`.",
        ) from None
    try:
        with h5py.File(path, "r") as file:
            return _read(file, spec, wanted, subject)
    except DataError:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        raise wrong(
            subject,
            "it is a whole .h5ad file",
            f"one that cannot be read ({type(error).__name__})",
            "Write it again with a present version of anndata, or copy it again.",
        ) from None


def _read(file: Any, spec: ExpressionSource, wanted: Wanted, subject: str) -> Expression:
    obs, var = file["obs"], file["var"]
    samples = [str(name) for name in _index(obs)]
    names = _column(var, spec.gene_names) if spec.gene_names else pd.Series(_index(var))
    if names is None:
        raise wrong(
            subject,
            f"its `var` has the column `{spec.gene_names}` that `source.gene_names` names",
            "no such column",
            "Correct `source.gene_names`.",
        )
    genes = ["" if pd.isna(name) else str(name).strip() for name in names]
    if spec.layer is not None and spec.layer not in file.get("layers", {}):
        raise wrong(subject, f"it has the layer `{spec.layer}`", "no such layer", "Correct `source.layer`.")
    matrix = file["X"] if spec.layer is None else file["layers"][spec.layer]
    places = np.array([place for place, gene in enumerate(genes) if gene and wanted.has(gene)], dtype=np.intp)
    values = _values(matrix, places, shape=(len(samples), len(genes)))
    described = [*spec.phenotype, *([spec.id] if spec.id else [])]
    phenotype = {name: column for name in described if (column := _column(obs, name)) is not None}
    return Expression(samples, [genes[place] for place in places], values, phenotype)


def _values(matrix: Any, places: Any, *, shape: tuple[int, int]) -> Values:
    """Return some columns of a matrix, a piece of its rows at a time."""
    values = np.empty((shape[0], len(places)), dtype=np.float64)
    if hasattr(matrix, "dtype"):
        if matrix.shape != shape:
            raise ValueError("another shape")
        for first in range(0, shape[0], _ROWS):
            values[first : first + _ROWS] = matrix[first : first + _ROWS][:, places]
        return values
    kind = matrix.attrs["encoding-type"]
    stored = tuple(int(size) for size in matrix.attrs["shape"])
    if stored != shape or kind not in ("csr_matrix", "csc_matrix"):
        raise ValueError("another shape or form")
    bounds = matrix["indptr"][...].astype(np.int64)
    across = shape[1] if kind == "csr_matrix" else shape[0]
    data, indices = matrix["data"], matrix["indices"]
    if kind == "csr_matrix":
        for first in range(0, shape[0], _ROWS):
            last = min(first + _ROWS, shape[0])
            dense = np.zeros((last - first, across))
            low, high = bounds[first], bounds[last]
            row = np.repeat(np.arange(last - first), np.diff(bounds[first : last + 1]))
            np.add.at(dense, (row, indices[low:high]), data[low:high])
            values[first:last] = dense[:, places]
        return values
    values[...] = 0.0
    for at, place in enumerate(places):
        low, high = bounds[place], bounds[place + 1]
        np.add.at(values[:, at], indices[low:high], data[low:high])
    return values


def _index(group: Any) -> Any:
    name = group.attrs.get("_index", "_index")
    return _texts(group[name if isinstance(name, str) else name.decode()])


def _column(group: Any, name: str | None) -> pd.Series | None:
    """Return a column of a table: numbers, texts, categories by their words, or values with a mask."""
    if name is None or name not in group:
        return None
    item = group[name]
    if hasattr(item, "dtype"):
        if item.dtype.kind in "OSU":
            return pd.Series(_texts(item), dtype="str")
        labels = item.attrs.get("categories")  # of files before version 0.1.0
        if labels is None:
            return pd.Series(item[...].astype(np.float64))
        return _categories(item[...], group[labels])
    if "categories" in item:
        return _categories(item["codes"][...], item["categories"])
    values = _texts(item["values"]) if item["values"].dtype.kind in "OSU" else item["values"][...].astype(np.float64)
    return pd.Series(values).mask(item["mask"][...].astype(bool))


def _categories(codes: Any, labels: Any) -> pd.Series:
    words = _texts(labels) if labels.dtype.kind in "OSU" else labels[...]
    return pd.Series([None if code < 0 else str(words[code]) for code in codes], dtype="str")


def _texts(item: Any) -> Any:
    return item.asstr()[...] if item.dtype.kind == "O" else item[...].astype(str)
