"""One small matrix of expression in every form of file, and the source that reads it."""

import gzip
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from theragate.study import ExpressionSource

WORDS = {"citation": "A citation.", "licence": "A licence."}
SAMPLES = ["Ada-1", "Ben-2", "Cyd-3"]
GENES = ["TP53", "ESR1", "GAPDH", "BRCA1"]
VALUES = np.array([[0.0, 3.5, 0.0, 8.25], [1.0, 0.0, 0.0, 7.0], [0.0, 2.0, 4.0, 6.5]])
AGES, STATES = [61.0, np.nan, 47.5], ["relapse", "none", None]


def source(path: str, **keys: Any) -> ExpressionSource:
    given: dict[str, Any] = {"values": "as_they_are", "phenotype": ("age", "state"), "text": ("state",)} | keys
    if path.endswith((".csv", ".tsv", ".csv.gz")):
        given.setdefault("patients_in", "columns")
    return ExpressionSource(kind="expression", path=path, **WORDS, **given)


def expected() -> pd.DataFrame:
    known = {"sample": pd.Series(SAMPLES, dtype="str"), "age": AGES, "state": pd.Series(STATES, dtype="str")}
    return pd.DataFrame({**known, **{gene: VALUES[:, at] for at, gene in enumerate(GENES)}})


def text(value: object) -> str:
    return "" if value is None or value != value else f"{value}"


def in_columns(separator: str = ",", genes: list[str] = GENES, values: np.ndarray = VALUES) -> str:
    lines = [["name", *SAMPLES], ["age", *map(text, AGES)], ["state", *map(text, STATES)], ["plate", "x", "y", "x"]][:3]
    lines += [[gene, *map(str, values[:, at])] for at, gene in enumerate(genes)]
    return "".join(separator.join(line) + "\n" for line in lines)


def in_rows(separator: str = ",") -> str:
    lines = [["sample", "age", "state", *GENES]]
    lines += [[s, text(a), text(t), *map(str, v)] for s, a, t, v in zip(SAMPLES, AGES, STATES, VALUES, strict=True)]
    return "".join(separator.join(line) + "\n" for line in lines)


def series_matrix(genes: list[str] = GENES) -> str:
    def line(name: str, cells: list[str]) -> str:
        return "\t".join([name, *(f'"{cell}"' for cell in cells)]) + "\n"

    # As in GEO, a characteristic may stand in another line from sample to sample, or be left out.
    first = ["age: 61.0", "state: none", "age: 47.5"]
    second = ["state: relapse", "", "tissue: blood"]
    head = '!Series_title\t"A series"\n\n' + line("!Sample_title", ["one", "two", "three"])
    head += line("!Sample_geo_accession", SAMPLES) + line("!Sample_characteristics_ch1", first)
    head += line("!Sample_characteristics_ch1", second) + "!series_matrix_table_begin\n" + line('"ID_REF"', SAMPLES)
    rows = "".join("\t".join([f'"{gene}"', *map(str, VALUES[:, at])]) + "\n" for at, gene in enumerate(genes))
    return head + rows + "!series_matrix_table_end\n"


def write_h5ad(path: Path, form: str = "dense", *, symbols: list[str] | None = None, layer: str | None = None) -> None:
    with h5py.File(path, "w") as file:
        parent = file if layer is None else file.create_group("layers")
        name = layer or "X"
        if layer is not None:
            file["X"] = np.zeros(VALUES.shape)
        if form == "dense":
            parent[name] = VALUES.astype(np.float32)
        else:
            along = VALUES if form == "csr" else VALUES.T
            group = parent.create_group(name)
            group.attrs["encoding-type"] = f"{form}_matrix"
            group.attrs["shape"] = VALUES.shape
            rows = [np.flatnonzero(row) for row in along]
            group["indptr"] = np.cumsum([0, *map(len, rows)])
            group["indices"] = np.concatenate(rows)
            group["data"] = np.concatenate([row[own] for row, own in zip(along, rows, strict=True)])
        obs, var = file.create_group("obs"), file.create_group("var")
        obs.attrs["_index"] = var.attrs["_index"] = "_index"
        obs["_index"], var["_index"] = SAMPLES, GENES
        obs["age"] = AGES
        state = obs.create_group("state")
        state["categories"], state["codes"] = ["none", "relapse"], np.array([1, 0, -1], dtype=np.int8)
        if symbols is not None:
            var["symbol"] = symbols


def write_all(folder: Path) -> dict[str, ExpressionSource]:
    """Write the matrix in every form; return the sources by what they are."""
    (folder / "c.csv").write_text(in_columns())
    (folder / "c.tsv").write_text(in_columns("\t"))
    (folder / "r.csv.gz").write_bytes(gzip.compress(in_rows().encode()))
    (folder / "GSE1_series_matrix.txt.gz").write_bytes(gzip.compress(series_matrix().encode()))
    for form in ("dense", "csr", "csc"):
        write_h5ad(folder / f"{form}.h5ad", form)
    write_h5ad(folder / "layer.h5ad", "csr", layer="lognorm")
    return {
        "columns": source("c.csv"),
        "tabs": source("c.tsv"),
        "rows": source("r.csv.gz", patients_in="rows"),
        "geo": source("GSE1_series_matrix.txt.gz"),
        **{form: source(f"{form}.h5ad") for form in ("dense", "csr", "csc")},
        "layer": source("layer.h5ad", layer="lognorm"),
    }
