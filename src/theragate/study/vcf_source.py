"""Variants of VCF and BCF files: which sites become which columns of a patient, and what an absent site means."""

import operator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from theragate.study.origins import PathBelow, RecordsSource
from theragate.study.spec import Sentence, Spec, unfit

__all__ = ["Absent", "Build", "LeastQuality", "StarAlleles", "VariantSite", "VcfSource"]

Build = Literal["GRCh37", "GRCh38"]
Bases = Annotated[str, Field(pattern=r"^[ACGT]+$")]
_CHROMOSOME = r"^(chr)?([1-9]|1[0-9]|2[0-2]|X|Y|M|MT)$"


class VariantSite(Spec):
    """One site, by the alleles that are asked about there; any other allele is none of them, and so is missing."""

    chrom: Annotated[str, Field(pattern=_CHROMOSOME)] = Field(description="with or without `chr`: both are found")
    pos: Annotated[int, Field(gt=0)] = Field(description="the position in the declared build, from 1")
    ref: Bases
    alt: Annotated[tuple[Bases, ...], Field(min_length=1)]
    rsid: Annotated[str, Field(pattern=r"^rs[0-9]+$")] | None = Field(default=None, description="for people to read")
    coding: Literal["count", "letters", "none"] = Field(
        default="count",
        description="the number of alternate alleles; the letters, `C/T`; or no column, where star alleles need it",
    )
    strand: Literal["+", "-"] = Field(default="+", description="of the letters; `-` turns them into those of the gene")

    @model_validator(mode="after")
    def _smallest(self) -> Self:
        if len({self.ref, *self.alt}) <= len(self.alt):
            raise unfit("`ref` and each of `alt` differ", f"ref {self.ref}, alt {', '.join(self.alt)}")
        for alt in self.alt:
            common = self.ref[-1] == alt[-1] and min(len(self.ref), len(alt)) > 1
            longer = len(self.ref) > 1 and len(alt) > 1 and self.ref[0] == alt[0]
            if common or longer:
                raise unfit(
                    "a variant is written with as few letters as can be, as `bcftools norm` does",
                    f"ref {self.ref}, alt {alt}",
                )
        return self


class LeastQuality(Spec):
    """What a call has to have at least; one that has less, or of which it is not known, is missing."""

    qual: Annotated[float, Field(ge=0)] | None = Field(default=None, description="QUAL of the site")
    gq: Annotated[int, Field(ge=0)] | None = Field(default=None, description="GQ of the patient's genotype")
    dp: Annotated[int, Field(ge=0)] | None = Field(default=None, description="DP, reads of the patient at the site")


class Absent(Spec):
    """What it means that a file has no line for a site: nothing is known, or the caller would have seen a variant."""

    means: Literal["missing", "reference"]
    reason: Sentence


class StarAlleles(Spec):
    """Star alleles by a table of their definitions; several possible diplotypes are never one of them."""

    table: PathBelow = Field(description="CSV: gene, allele, variant, base; a row without variant is the reference")
    phenotypes: PathBelow | None = Field(
        default=None, exclude_if=operator.not_, description="CSV: gene, activity, phenotype"
    )
    several: Literal["indeterminate", "missing"] = Field(
        default="indeterminate", description="what is said where several diplotypes are possible"
    )


class VcfSource(RecordsSource):
    """Genotypes at declared sites from a VCF or BCF file of many people, or a folder of files of one person each."""

    endings: ClassVar[tuple[str, ...]] = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")
    named_in: ClassVar[str | None] = "sample"

    kind: Literal["vcf"]
    build: Build
    build_known_by: Sentence | None = Field(
        default=None, exclude_if=operator.not_, description="how it is known, where the files do not say their build"
    )
    variants: Annotated[dict[str, VariantSite], Field(min_length=1)]
    least: LeastQuality = LeastQuality()
    filters: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        default=("PASS",), description="values of FILTER of sites that count; `.` is a site to which none was applied"
    )
    absent: Absent | None = Field(default=None, exclude_if=operator.not_, description="missing, if nothing is said")
    star_alleles: StarAlleles | None = Field(default=None, exclude_if=operator.not_)
    people: PathBelow | None = Field(
        default=None, exclude_if=operator.not_, description="CSV: sample, patient; of samples that are used"
    )
    named_by: Literal["sample", "file"] = Field(
        default="sample", description="whether a sample is named by its column or, in a folder, by its file"
    )

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        sites: dict[tuple[str, int, str], str] = {}
        for name, site in self.variants.items():
            for alt in site.alt:
                key = (f"{site.chrom.removeprefix('chr')}:{site.ref}", site.pos, alt)
                if key in sites:
                    raise unfit("an alternate allele is asked about once", f"`{sites[key]}` and `{name}`")
                sites[key] = name
        if self.star_alleles is None and all(site.coding == "none" for site in self.variants.values()):
            raise unfit("some variant becomes a column, or star alleles do", "`coding: none` of all variants")
        return self
