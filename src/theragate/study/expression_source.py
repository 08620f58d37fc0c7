"""Expression of thousands of genes: a matrix of samples and genes, and what else is known of the samples."""

import operator
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from theragate.study.origins import PathBelow, RecordsSource
from theragate.study.spec import Sentence, Spec, unfit

__all__ = ["DuplicateGenes", "ExpressionFormat", "ExpressionSource", "expression_format"]

ExpressionFormat = Literal["h5ad", "series_matrix", "table"]
_TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")


def expression_format(name: str) -> ExpressionFormat | None:
    """Return what a file is by how its name ends; None for none of expression."""
    small = PurePosixPath(name).name.lower()
    if small.endswith(".h5ad"):
        return "h5ad"
    if small.endswith(("series_matrix.txt", "series_matrix.txt.gz")):
        return "series_matrix"
    return "table" if small.endswith(_TABLES) else None


class DuplicateGenes(Spec):
    """What becomes of several rows of one gene, such as the probes of a microarray."""

    rule: Literal["mean", "median"] = Field(
        description="of each patient by itself: a choice by all patients would be another one for the next patient"
    )
    reason: Sentence


class ExpressionSource(RecordsSource):
    """A matrix of expression, a patient per sample: ``.h5ad``, a series matrix of GEO, or a wide table."""

    endings: ClassVar[tuple[str, ...]] = (".h5ad", *_TABLES)

    kind: Literal["expression"]
    values: Literal["as_they_are", "log2", "log2_plus_1", "ln_plus_1"] = Field(
        description="what is taken of each value: itself, where it is a logarithm already, or its logarithm"
    )
    patients_in: Literal["rows", "columns"] | None = Field(
        default=None, exclude_if=operator.not_, description="of a table: whether a row or a column is a patient's"
    )
    id: str | None = Field(
        default=None, exclude_if=operator.not_, description="what names a patient; else the sample's own name"
    )
    layer: str | None = Field(
        default=None, exclude_if=operator.not_, description="of an .h5ad file, such as `counts`; `X`, if not given"
    )
    genes: PathBelow | None = Field(
        default=None, exclude_if=operator.not_, description="a file with a gene in each line; all genes, if not given"
    )
    gene_names: str | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="the column of `platform`, or of `var`, with the genes' names",
    )
    platform: PathBelow | None = Field(
        default=None, exclude_if=operator.not_, description="CSV: the genes of probes, which its first column names"
    )
    duplicates: DuplicateGenes | None = Field(
        default=None, exclude_if=operator.not_, description="several rows of one gene are refused, if nothing is said"
    )
    phenotype: tuple[str, ...] = Field(default=(), description="what else is read of a sample; nothing but these")
    text: tuple[str, ...] = Field(default=(), description="those of `phenotype` that are categories and not numbers")
    missing: tuple[str, ...] = Field(
        default=("",), description="cells of `phenotype` and of genes which mean that nothing is known"
    )

    def takes(self, path: Path) -> bool:
        """Return whether a later file is one of expression: of the same kind, since any other table may be read so."""
        return path.is_file() and expression_format(path.name) == expression_format(self.path)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        kind = expression_format(self.path)
        if kind is None:
            raise unfit(f"expression is in files whose names end in {', '.join(self.endings)}", f"`{self.path}`")
        if (self.patients_in is not None) != (kind == "table"):
            raise unfit("`patients_in` is said of a table, and of nothing else", f"`{self.path}`")
        other = next((name for name in self.text if name not in (*self.phenotype, self.id)), None)
        if other is not None:
            raise unfit("`text` names columns of `phenotype`", f"`{other}`")
        if self.id in self.phenotype:
            raise unfit("what names a patient is no feature", f"`{self.id}` under `phenotype`")
        if self.layer is not None and kind != "h5ad":
            raise unfit("a `layer` is of an .h5ad file", f"`{self.path}`")
        if self.platform is not None and kind == "h5ad":
            raise unfit("an .h5ad file names its genes itself, in `var`", "`platform`")
        if self.platform is not None and self.gene_names is None:
            raise unfit("`gene_names` says which column of `platform` has the names of genes", "none")
        return self
