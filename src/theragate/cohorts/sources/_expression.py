"""A cohort from expression: a row per sample, its declared phenotype, and a column for each gene."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from theragate.cohorts.genomes.expression import (
    Expression,
    Wanted,
    check_samples,
    gene_columns,
    phenotype_column,
    wrong,
)
from theragate.cohorts.genomes.expression_texts import read_platform, read_series_matrix, read_wide_table
from theragate.cohorts.genomes.h5ad import read_h5ad
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._raw_table import SourceTable, check_names_differ
from theragate.cohorts.sources._steady import edition, steady
from theragate.cohorts.table import Table
from theragate.files import read_bytes
from theragate.settings import for_experiments
from theragate.study import ExpressionSource, expression_format

__all__ = ["read_expression"]

_SAMPLE = "sample"  # the column of the source's own ids, where the study does not name another


def read_expression(spec: ExpressionSource, context: SourceContext, scratch: Scratch) -> SourceTable:
    """Read ``source.path``.

    Returns
    -------
    A row per sample in the order of the file: what names it, ``source.phenotype``, and the genes in the order of their
    list, or of the file. Nothing else that the file says of samples is read.

    Raises
    ------
    ConfigurationError
        If what reads an .h5ad file is not installed.
    DataError
        If a file is missing, broken or changes meanwhile, or does not fit what is declared; see `gene_columns`,
        `phenotype_column` and the readers. No message names a sample or repeats a value.
    """
    subject, later = f"source `{context.named(spec.path)}`", context.elsewhere is not None
    path = context.records(spec.path)
    listed = context.companion(spec.genes) if spec.genes else None
    platform = context.companion(spec.platform) if spec.platform else None
    brought = "" if later else for_experiments(context.folder, context.folder.name)
    for each, key in ((path, "path"), (listed, "genes"), (platform, "platform")):
        if each is not None and not each.is_file():
            raise wrong(
                subject if each == path else f"{subject}, `{each.name}`",
                "the file exists",
                "no such file",
                f"{brought}Put it there (a symbolic link will do), or correct `source.{key}`.",
            )
    with steady([file for file in (path, listed, platform) if file is not None], subject):
        wanted = Wanted(None if listed is None else _listed(listed, subject))
        found = _read(path, spec, wanted, platform, subject)
        version = edition([path], {"genes": listed, "platform": platform})
    named = spec.id or _SAMPLE
    ids = pd.Series(found.samples, dtype="str") if spec.id is None else _ids(found, spec.id, subject)
    check_samples(ids.tolist(), subject=subject)
    genes, notes = gene_columns(found, spec, wanted, subject=subject, later=later)

    def columns() -> Iterator[tuple[str, pd.Series]]:
        yield named, ids
        for name in spec.phenotype:
            yield name, phenotype_column(found, name, spec, subject=subject, later=later)
        yield from genes

    names = list(wanted.names) if wanted.names is not None else list(dict.fromkeys(filter(None, found.genes)))
    check_names_differ([named, *spec.phenotype, *names], subject=subject)
    return SourceTable(Table.read(columns(), scratch), version, id_column=named, notes=notes)


def _read(path: Path, spec: ExpressionSource, wanted: Wanted, platform: Path | None, subject: str) -> Expression:
    kind = expression_format(path.name)
    if kind == "h5ad":
        return read_h5ad(path, spec, wanted, subject=subject)
    names = read_platform(platform, spec.gene_names, subject=subject) if platform and spec.gene_names else None
    reader = read_series_matrix if kind == "series_matrix" else read_wide_table
    return reader(path, spec, wanted, names, subject=subject)


def _ids(found: Expression, name: str, subject: str) -> pd.Series:
    if name not in found.phenotype:
        raise wrong(
            subject, f"it has `{name}`, which `source.id` names", "nothing of that name", "Correct `source.id`."
        )
    return found.phenotype[name].fillna("").astype("str").str.strip()


def _listed(path: Path, subject: str) -> tuple[str, ...]:
    try:
        genes = [line.strip() for line in read_bytes(path).decode("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        genes = []
    if not genes or len({*genes}) < len(genes):
        raise wrong(
            f"{subject}, genes `{path.name}`",
            "it has a gene in each line, each of them once",
            "one that is there twice" if genes else "no text in UTF-8",
            "Correct the list.",
        )
    return tuple(genes)
