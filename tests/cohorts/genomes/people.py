"""Small VCF files, written line by line so that a test shows what it is about."""

from pathlib import Path
from typing import Any

from theragate.cohorts.genomes.chromosomes import chromosome_lengths
from theragate.study import Absent, VariantSite, VcfSource

WORDS = {"citation": "A citation.", "licence": "A licence."}
SNV = VariantSite(chrom="10", pos=1000, ref="C", alt=("T",))
REASON = "The caller was asked about every site."
REFERENCE = Absent(means="reference", reason=REASON)
SAMPLES = ("Ada", "Ben", "Cyd", "Dov")


def source(path: str = "g.vcf", **more: Any) -> VcfSource:
    keys: dict[str, Any] = {"build": "GRCh38", "variants": {"snv": SNV}, **WORDS} | more
    return VcfSource(kind="vcf", path=path, **keys)


def text(
    *lines: str,
    samples: tuple[str, ...] = SAMPLES,
    build: Any = "GRCh38",
    prefix: str = "chr",
    head: tuple[str, ...] = (),
    contigs: bool = True,
) -> str:
    """Lines are written with spaces between their fields."""
    lengths = chromosome_lengths(build) if contigs else {}
    return "\n".join(
        [
            "##fileformat=VCFv4.3",
            '##FILTER=<ID=q10,Description="Low quality">',
            *(f"##contig=<ID={prefix}{name},length={length}>" for name, length in lengths.items()),
            '##INFO=<ID=END,Number=1,Type=Integer,Description="End">',
            *(
                f'##FORMAT=<ID={key},Number=1,Type={kind},Description="{key}">'
                for key, kind in {"GT": "String", "GQ": "Integer", "DP": "Integer", "PS": "Integer"}.items()
            ),
            *head,
            "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]),
            *("\t".join(line.split()) for line in lines),
            "",
        ]
    )


def snv(*genotypes: str, alt: str = "T", qual: str = "50", filters: str = "PASS", fields: str = "GT") -> str:
    """The line of the site `SNV`."""
    return f"chr10 1000 . C {alt} {qual} {filters} . {fields} {' '.join(genotypes)}"


def folder(root: Path) -> Path:
    made = root / "sources" / "study"
    made.mkdir(parents=True, exist_ok=True)
    return made
