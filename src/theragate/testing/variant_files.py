"""VCF files of people who do not exist, the same bytes for the same people: for tests, and to try a study with."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from theragate.cohorts.genomes.chromosomes import chromosome_lengths, plain_chromosome
from theragate.files import whole_file
from theragate.study import Build, VariantSite

__all__ = ["WARFARIN_SITES", "WARFARIN_STARS", "packed", "vcf_header", "warfarin_genotypes", "write_vcf"]

# dbSNP build 156, positions in GRCh38. VKORC1 lies on the other strand: its -1639G>A is C>T here.
WARFARIN_SITES: Mapping[str, VariantSite] = {
    "vkorc1": VariantSite(
        chrom="16", pos=31096368, ref="C", alt=("T",), rsid="rs9923231", coding="letters", strand="-"
    ),
    "cyp2c9_2": VariantSite(chrom="10", pos=94942290, ref="C", alt=("T",), rsid="rs1799853", coding="none"),
    "cyp2c9_3": VariantSite(chrom="10", pos=94981296, ref="A", alt=("C",), rsid="rs1057910", coding="none"),
    "rs12777823": VariantSite(chrom="10", pos=94645745, ref="G", alt=("A",), rsid="rs12777823"),
}
# The definitions by PharmVar of what the common panel types; activities by CPIC (Theken et al., Clin Pharmacol Ther
# 2020;108:191).
WARFARIN_STARS = "gene,allele,variant,base,activity\ncyp2c9,*1,,,1\ncyp2c9,*2,cyp2c9_2,T,0.5\ncyp2c9,*3,cyp2c9_3,C,0\n"

_BLOCK = 65_280  # bytes of text in a block of bgzip
_HEAD = bytes.fromhex("1f8b08040000000000ff060042430200")
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def warfarin_genotypes(world: pd.DataFrame) -> dict[str, list[str]]:
    """Return the genotypes, as VCF writes them, of people of the world ``iwpc_warfarin``, by the name of the site."""
    vkorc1 = world["vkorc1"].map({"G/G": "0/0", "A/G": "0/1", "A/A": "1/1"}).fillna("./.")
    stars = world["cyp2c9"].fillna("./.").str.replace("*", "", regex=False).str.split("/", expand=True)

    def site(star: str) -> list[str]:
        codes = stars.map(lambda one: "." if one == "." else str(int(one == star)))
        return [f"{min(pair)}/{max(pair)}" for pair in zip(codes[0], codes[1], strict=True)]

    marker = np.array(["0/0", "0/1", "1/1"])[world["rs12777823"].to_numpy()]
    return {"vkorc1": vkorc1.tolist(), "cyp2c9_2": site("2"), "cyp2c9_3": site("3"), "rs12777823": marker.tolist()}


def write_vcf(
    path: Path,
    sites: Mapping[str, VariantSite],
    genotypes: Mapping[str, Sequence[str]],
    samples: Sequence[str],
    *,
    build: Build = "GRCh38",
    simulated: bool = True,
) -> None:
    """Write people's genotypes as a sorted VCF file, packed as bgzip does where the name ends in ``.gz``.

    Parameters
    ----------
    sites
        By name; those without genotypes are absent from the file.
    genotypes
        By the name of the site, one per sample as VCF writes it, such as ``0/1``; what follows, such as ``0/1:30``,
        is quality (GQ).
    simulated
        Whether the header says so; a cohort from such a file is labelled.
    """
    order = [*chromosome_lengths(build)]
    known = sorted(genotypes, key=lambda name: (order.index(plain_chromosome(sites[name].chrom)), sites[name].pos))
    lines = [vcf_header(samples, build=build, simulated=simulated)]
    for name in known:
        site = sites[name]
        fields = (f"chr{plain_chromosome(site.chrom)}", str(site.pos), site.rsid or ".", site.ref, ",".join(site.alt))
        calls = (genotype if ":" in genotype else f"{genotype}:99" for genotype in genotypes[name])
        lines.append("\t".join([*fields, "100", "PASS", ".", "GT:GQ", *calls]) + "\n")
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.writelines(packed(lines) if path.name.endswith(".gz") else (line.encode() for line in lines))


def vcf_header(samples: Sequence[str], *, build: Build, simulated: bool) -> str:
    """Return the lines before the first site."""
    lines = ["##fileformat=VCFv4.3", *(["##SIMULATED=These people do not exist."] if simulated else [])]
    lines += ['##FILTER=<ID=PASS,Description="All filters passed">', f"##reference={build}"]
    lines += [f"##contig=<ID=chr{name},length={length}>" for name, length in chromosome_lengths(build).items()]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += ['##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality of the genotype">']
    lines += ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])]
    return "\n".join([*lines, ""])


def packed(texts: Iterable[str], *, level: int = 6) -> Iterator[bytes]:
    """Pack texts in the blocks of bgzip (SAMv1.pdf, section 4.1), one after the other."""
    waiting = b""
    for text in texts:
        waiting += text.encode()
        while len(waiting) >= _BLOCK:
            yield _block(waiting[:_BLOCK], level)
            waiting = waiting[_BLOCK:]
    if waiting:
        yield _block(waiting, level)
    yield _END


def _block(part: bytes, level: int) -> bytes:
    squeezer = zlib.compressobj(level, zlib.DEFLATED, -15)
    squeezed = squeezer.compress(part) + squeezer.flush()
    size = struct.pack("<H", len(_HEAD) + 2 + len(squeezed) + 8 - 1)
    return _HEAD + size + squeezed + struct.pack("<II", zlib.crc32(part), len(part))
