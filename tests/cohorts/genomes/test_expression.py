"""Expression from every kind of file: the same table, chosen genes, and refusals that repeat no value."""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from cohorts.genomes.matrices import (
    GENES,
    SAMPLES,
    VALUES,
    expected,
    in_columns,
    in_rows,
    series_matrix,
    source,
    write_all,
    write_h5ad,
)
from cohorts.genomes.people import folder

from theragate.cohorts.sources import RawTable, read_later_records, read_source
from theragate.errors import ConfigurationError, DataError
from theragate.study import DuplicateGenes, ExpressionSource
from theragate.study.spec import as_tuples
from theragate.testing import check_source

FORMS = ("columns", "tabs", "rows", "geo", "dense", "csr", "csc", "layer")
MEAN = DuplicateGenes(rule="mean", reason="Probes of one gene measure the same.")


def read(root: Path, spec: ExpressionSource) -> RawTable:
    return read_source(spec, root, study="study")


def refusal(root: Path, spec: ExpressionSource, content: str | bytes | None = None) -> str:
    if content is not None:
        (folder(root) / spec.path).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read(root, spec)
    said = str(caught.value)
    assert "\n" not in said
    assert not any(secret in said for secret in (*SAMPLES, "61.0", "8.25"))
    return said


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_table_and_keeps_the_contract(tmp_path, form):
    spec = write_all(folder(tmp_path))[form]
    raw = check_source(spec, tmp_path, study="study")
    pd.testing.assert_frame_equal(raw.frame, expected(), check_exact=True)
    assert raw.id_column == "sample"
    assert not any(sample in raw.version for sample in SAMPLES)


@pytest.mark.parametrize("form", FORMS)
def test_genes_are_chosen_by_a_list_and_are_in_its_order(tmp_path, form):
    (folder(tmp_path) / "genes.txt").write_text("BRCA1\nTP53\n")
    spec = write_all(folder(tmp_path))[form].model_copy(update={"genes": "genes.txt", "phenotype": (), "text": ()})
    frame = read(tmp_path, spec).frame
    assert list(frame) == ["sample", "BRCA1", "TP53"]
    np.testing.assert_array_equal(frame["BRCA1"], VALUES[:, 3])
    (folder(tmp_path) / "genes.txt").write_text("BRCA1\nTP35\n")
    said = refusal(tmp_path, spec)
    assert "it has every gene that `source.genes` lists; received 1 that are not there, such as `TP35`" in said
    (folder(tmp_path) / "genes.txt").write_text("BRCA1\nBRCA1\n")
    assert "a gene in each line, each of them once" in refusal(tmp_path, spec)


@pytest.mark.parametrize("form", ["columns", "geo"])
def test_genes_that_are_there_twice_are_refused_or_put_together_as_declared(tmp_path, form):
    genes = ["TP53", "ESR1", "TP53", "BRCA1"]
    spec = {"columns": source("c.csv"), "geo": source("x_series_matrix.txt")}[form]
    content = {"columns": in_columns(genes=genes), "geo": series_matrix(genes)}[form]
    said = refusal(tmp_path, spec, content)
    assert "received 1 gene more than once (TP53)" in said
    raw = read(tmp_path, spec.model_copy(update={"duplicates": MEAN, "values": "log2_plus_1"}))
    np.testing.assert_allclose(raw.frame["TP53"], np.log2(VALUES[:, [0, 2]] + 1).mean(axis=1))
    assert raw.notes == ("1 gene with several rows: the mean of each patient.",)


def test_probes_become_genes_by_the_platform_and_those_without_are_told(tmp_path):
    probes = ["1_at", "2_at", "3_at", "4_at"]
    (folder(tmp_path) / "platform.csv").write_text("probe,symbol\n1_at,TP53\n2_at,\n3_at,TP53\n5_at,MYC\n")
    (folder(tmp_path) / "x_series_matrix.txt").write_text(series_matrix(probes))
    (folder(tmp_path) / "genes.txt").write_text("TP53\n")
    median = DuplicateGenes(rule="median", reason="Probes of one gene measure the same.")
    keys = {"platform": "platform.csv", "gene_names": "symbol", "duplicates": median}
    for genes in ("genes.txt", None):
        raw = read(tmp_path, source("x_series_matrix.txt", genes=genes, **keys))
        assert list(raw.frame) == ["sample", "age", "state", "TP53"]
        np.testing.assert_allclose(raw.frame["TP53"], np.median(VALUES[:, [0, 2]], axis=1))
        assert "2 rows without the name of a gene left out." in raw.notes
    said = refusal(tmp_path, source("x_series_matrix.txt", **keys | {"gene_names": "Symbol"}))
    assert "platform `platform.csv`: it is a CSV file of probes with the column `Symbol`" in said


def test_an_h5ad_file_names_its_genes_as_asked(tmp_path):
    write_h5ad(folder(tmp_path) / "x.h5ad", symbols=["p53", "er", "gapdh", "brca"])
    assert list(read(tmp_path, source("x.h5ad", gene_names="symbol")).frame)[3:] == ["p53", "er", "gapdh", "brca"]
    assert "`var` has the column `name`" in refusal(tmp_path, source("x.h5ad", gene_names="name"))
    assert "it has the layer `raw`; received no such layer" in refusal(tmp_path, source("x.h5ad", layer="raw"))


@pytest.mark.parametrize(
    ("values", "function"),
    [("log2_plus_1", lambda x: np.log2(x + 1)), ("ln_plus_1", np.log1p), ("as_they_are", lambda x: x)],
)
def test_the_logarithm_is_that_which_is_declared(tmp_path, values, function):
    (folder(tmp_path) / "c.csv").write_text(in_columns())
    found = read(tmp_path, source("c.csv", values=values)).frame[GENES]
    np.testing.assert_allclose(found, function(VALUES))


def test_there_is_no_logarithm_of_nothing_and_counts_are_told(tmp_path):
    said = refusal(tmp_path, source("c.csv", values="log2"), in_columns())
    assert "values of which `source.values: log2` is taken lie above 0; received some that do not" in said
    (folder(tmp_path) / "c.csv").write_text(in_columns(values=VALUES * 1000))
    (note,) = read(tmp_path, source("c.csv")).notes
    assert "as high as counts" in note
    assert read(tmp_path, source("c.csv", values="log2_plus_1")).notes == ()


def test_only_what_is_declared_is_read_and_ids_may_be_another_name(tmp_path):
    write_all(folder(tmp_path))
    geo = source("GSE1_series_matrix.txt.gz", id="title", phenotype=("tissue",), text=("tissue",))
    frame = read(tmp_path, geo).frame
    assert list(frame)[:2] == ["title", "tissue"]
    assert frame["title"].tolist() == ["one", "two", "three"]
    assert frame["tissue"].tolist()[2] == "blood"
    assert "it has `donor`, which `source.id` names" in refusal(tmp_path, source("dense.h5ad", id="donor"))
    said = refusal(tmp_path, source("dense.h5ad", phenotype=("stat",), text=()))
    assert "it has `stat`, which `source.phenotype` names; received nothing of that name. There are age" not in said
    assert "received nothing of that name" in said


def test_words_that_mean_that_nothing_is_known_are_declared(tmp_path):
    content = in_columns().replace("47.5", "unknown").replace("8.25", "NA")
    spec = source("c.csv")
    assert "the expression of a gene is a number; received cells that are none" in refusal(tmp_path, spec, content)
    spec = source("c.csv", missing=("", "NA"))
    assert "`age`: it holds numbers, unless it is under `source.text`; received 1 cell" in refusal(
        tmp_path, spec, content
    )
    frame = read(tmp_path, source("c.csv", missing=("", "NA", "unknown"))).frame
    assert frame["age"].isna().tolist() == [False, True, True]
    assert frame["BRCA1"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("path", "change", "received"),
    [
        ("c.csv", lambda text: text.replace("0.0,1.0,0.0", "0.0,1.0"), "as many cells as the first, 4; received 3"),
        ("c.csv", lambda text: text.replace("Ben-2", "Ada-1"), "each sample has a name of its own; received 1"),
        ("c.csv", lambda text: text.replace("Ben-2", ""), "each sample has a name of its own; received 1 without"),
        ("c.csv", lambda text: text.replace("8.25", '"8,25"'), "cells that are none"),
        ("c.csv", lambda text: text.replace("8.25", '"8.25'), "an open quotation mark"),
        ("c.csv", lambda text: text.replace("8.25", "nan"), "cells that are none"),
        ("c.csv", lambda text: text.replace("8.25", "inf"), "values are finite; received infinite ones"),
        ("c.csv", lambda text: text.replace("TP53", "2-Sep"), "1 name that a spreadsheet has turned into dates"),
        ("c.csv", lambda text: text.replace("TP53", "sample"), "every column has a name of its own"),
        ("c.csv", lambda text: "", "received no sample"),
        ("c.csv", lambda text: text.encode("utf-16"), "no text in UTF-8"),
        ("c.csv.gz", lambda text: gzip.compress(text.encode())[:-20], "one that was cut off"),
        ("x_series_matrix.txt", lambda text: text, "a file without the beginning of one"),
    ],
)  # fmt: skip
def test_a_broken_table_is_refused_without_a_value(tmp_path, path, change, received):
    assert received in refusal(tmp_path, source(path), change(in_columns()))


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda text: text.rpartition("!")[0], "received one without the end of its table"),
        (lambda text: text[:-40], "an open quotation mark"),
        (lambda text: text.replace("state: none", "age: 50"), ""),
        (
            lambda text: text.replace("state: relapse", "age: 50"),
            "a characteristic has one value; received two of `age`",
        ),
        (lambda text: text.replace('"ID_REF"\t"Ada-1"', '"ID_REF"'), "it has as many cells as the first"),
        (lambda text: text.replace('"one"\t', ""), "each line describes all samples"),
    ],
)
def test_a_series_matrix_is_whole(tmp_path, change, received):
    spec = source("x_series_matrix.txt")
    content = change(series_matrix())
    if received:
        assert received in refusal(tmp_path, spec, content)
    else:
        (folder(tmp_path) / spec.path).write_text(content)
        assert read(tmp_path, spec).frame["age"].tolist() == [61.0, 50.0, 47.5]


def test_a_broken_h5ad_file_is_refused(tmp_path, monkeypatch):
    write_h5ad(folder(tmp_path) / "x.h5ad", "csr")
    whole = (folder(tmp_path) / "x.h5ad").read_bytes()
    for content in (b"junk", whole[: len(whole) // 2]):
        assert "it is a whole .h5ad file; received one that cannot be read" in refusal(
            tmp_path, source("x.h5ad"), content
        )
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'theragate\[expression\]'"):
        read(tmp_path, source("x.h5ad"))


def test_what_is_not_there_is_said(tmp_path):
    folder(tmp_path)
    assert "the file exists; received no such file" in refusal(tmp_path, source("c.csv"))
    (folder(tmp_path) / "c.csv").write_text(in_columns())
    assert "`genes.txt`: the file exists" in refusal(tmp_path, source("c.csv", genes="genes.txt"))


def test_a_change_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from theragate.cohorts.sources import _expression

    read_as_ever: Callable[..., Any] = _expression.read_wide_table

    def changed(path: Path, *rest: Any, **keys: Any) -> Any:
        found = read_as_ever(path, *rest, **keys)
        path.write_text(in_rows())
        return found

    monkeypatch.setattr(_expression, "read_wide_table", changed)
    assert "received one that was changed meanwhile" in refusal(tmp_path, source("c.csv"), in_columns())


def test_later_patients_are_read_by_the_same_recipe_and_lack_what_they_lack(tmp_path):
    (folder(tmp_path) / "genes.txt").write_text("BRCA1\nTP53\nMYC\n")
    spec = source("cohort.csv", genes="genes.txt", values="log2_plus_1", patients_in="columns")
    (tmp_path / "elsewhere").mkdir()
    one = tmp_path / "elsewhere" / "one.csv"
    one.write_text("gene,Eve\nTP53,3\nBRCA1,7\nOTHER,1\n")
    frame = read_later_records(spec, one, folder(tmp_path), environ={}).frame
    assert list(frame) == ["sample", "age", "state", "BRCA1", "TP53", "MYC"]
    assert frame[["BRCA1", "TP53"]].to_numpy().tolist() == [[3.0, 2.0]]
    assert frame[["age", "state", "MYC"]].isna().all(axis=None)
    assert spec.takes(one)
    assert not spec.takes(tmp_path / "one.h5ad")


@pytest.mark.parametrize(
    ("path", "keys", "rule"),
    [
        ("x.xlsx", {}, "expression is in files whose names end in"),
        ("c.csv", {"patients_in": None}, "`patients_in` is said of a table"),
        ("x.h5ad", {"patients_in": "rows"}, "`patients_in` is said of a table"),
        ("c.csv", {"text": ("other",)}, "`text` names columns of `phenotype`"),
        ("c.csv", {"id": "age"}, "what names a patient is no feature"),
        ("c.csv", {"platform": "p.csv"}, "`gene_names` says which column"),
        ("c.csv", {"layer": "counts"}, "a `layer` is of an .h5ad file"),
        ("x.h5ad", {"platform": "p.csv", "gene_names": "s"}, "an .h5ad file names its genes itself"),
        ("c.csv", {"values": "log"}, "Input should be"),
    ],
)
def test_keys_that_do_not_fit_are_refused(path, keys, rule):
    with pytest.raises(ValueError, match=rule):
        source(path, **keys)


def test_the_example_of_the_page_is_read_as_it_says(tmp_path):
    page = (Path(__file__).resolve().parents[3] / "docs" / "sources" / "expression.md").read_text(encoding="utf-8")
    entry, table = (page.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("yaml", "csv"))
    spec = ExpressionSource.model_validate(as_tuples(yaml.safe_load(entry)["source"]), strict=True)
    (folder(tmp_path) / spec.path).write_text(table)
    frame = check_source(spec, tmp_path, study="study").frame
    assert list(frame) == ["sample", "age", "relapse", "plate", "TP53", "ESR1"]
    assert frame["TP53"].tolist() == [0, 2.5, 2]
    assert frame["ESR1"].tolist() == [3, 1, 0]
