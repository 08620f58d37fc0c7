"""Reading the declared sites from VCF and BCF files: by their index where there is one, else line by line."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.genomes.alleles import OTHER, SECOND_ABSENT, UNKNOWN, Match, match, smallest
from theragate.cohorts.genomes.chromosomes import plain_chromosome
from theragate.cohorts.genomes.genotypes import Genotypes, Line, absent_everywhere, combined
from theragate.cohorts.genomes.vcf_header import VcfHeader
from theragate.errors import DataError
from theragate.study import VariantSite, VcfSource

__all__ = ["read_genotypes"]

_HAPLOID = ("X", "Y", "MT")
_NEAR = 100  # bases, within which the same insertion or deletion may be written at another place
_INDEXES = (".csi", ".tbi")


def read_genotypes(path: Path, header: VcfHeader, spec: VcfSource, *, subject: str) -> dict[str, Genotypes]:
    """Return what a file says of its samples, in its order, at each declared site, by the site's name.

    Raises
    ------
    DataError
        If it is not sorted or is broken; if it is of another build by the letters of its reference, writes a site
        twice, lacks a field that a limit is about, or has more than two alleles of a person; if an absent site would
        mean the reference though the file has nothing of its chromosome.
    """
    _check_fields(header, spec, subject)
    _check_chromosomes(header, spec, subject)
    reader = _Reader(header, spec, subject)
    lines = reader.read(path)
    people, found = len(header.samples), {}
    for name, site in spec.variants.items():
        haploid = plain_chromosome(site.chrom) in _HAPLOID
        own = lines.get(name)
        genotypes = combined(own, people=people, haploid=haploid) if own else absent_everywhere(people)
        if spec.absent is not None and spec.absent.means == "reference":
            reader.check_seen(name, site)
            genotypes = genotypes.as_reference(alone=plain_chromosome(site.chrom) in ("Y", "MT"))
        found[name] = genotypes
    return found


def _check_fields(header: VcfHeader, spec: VcfSource, subject: str) -> None:
    for key in ("gq", "dp"):
        if getattr(spec.least, key) is not None and key.upper() not in header.formats:
            raise DataError(
                subject,
                rule=f"it has the field {key.upper()} that `source.least.{key}` is about",
                received="a header without it",
                remedy=f"Export the genotypes with {key.upper()}, or remove `source.least.{key}`.",
            )


def _check_chromosomes(header: VcfHeader, spec: VcfSource, subject: str) -> None:
    for site in spec.variants.values():
        names = header.called(site.chrom)
        if len(names) > 1:
            raise DataError(
                subject,
                rule="a chromosome has one name",
                received=f"{' and '.join(f'`{name}`' for name in names)} for the same one",
                remedy="Give it one name with `bcftools annotate --rename-chrs`.",
            )


@dataclass(frozen=True)
class _Window:
    """Where the lines of a site may be."""

    name: str
    site: VariantSite
    first: int
    last: int

    @classmethod
    def of(cls, name: str, site: VariantSite) -> "_Window":
        around = _NEAR if any(len(alt) != len(site.ref) for alt in site.alt) else 0
        return cls(name, site, max(site.pos - around, 1), site.pos + len(site.ref) - 1 + around)


class _Reader:
    """Collects the lines of declared sites from one file."""

    def __init__(self, header: VcfHeader, spec: VcfSource, subject: str) -> None:
        self._header, self._spec, self._subject = header, spec, subject
        self._lines: dict[str, list[Line]] = defaultdict(list)
        self._moved: dict[str, list[Line]] = defaultdict(list)
        self._seen = {plain_chromosome(name) for name in header.contigs}
        self._windows: dict[str, list[_Window]] = defaultdict(list)
        for name, site in spec.variants.items():
            self._windows[plain_chromosome(site.chrom)].append(_Window.of(name, site))

    def read(self, path: Path) -> dict[str, list[Line]]:
        """Return the lines by the name of their site."""
        from cyvcf2 import VCF
        from cyvcf2.cyvcf2 import set_htslib_log_level

        set_htslib_log_level(0)  # what it would say to the terminal may name a sample
        index = next(
            (Path(f"{path}{ending}") for ending in _INDEXES if _is_current(Path(f"{path}{ending}"), path)), None
        )
        try:
            file = VCF(os.fspath(path))
            if index is not None:
                file.set_index(os.fspath(index))
                self._by_index(file)
            else:
                self._line_by_line(file)
            file.close()
        except DataError:
            raise
        except Exception as error:  # noqa: BLE001 - the library raises plain exceptions, whose words may quote a line
            raise DataError(
                self._subject,
                rule="every line can be read as VCF",
                received=f"one that cannot, or an end in the middle ({type(error).__name__})",
                remedy="Run `bcftools view` on it, which says what is wrong; or copy it again.",
            ) from None
        for name, lines in self._moved.items():
            if not any(line.match.informative for line in self._lines[name]):
                self._lines[name] += lines
        return self._lines

    def check_seen(self, name: str, site: VariantSite) -> None:
        """Refuse to take what is absent for the reference where the file has nothing of the chromosome."""
        if plain_chromosome(site.chrom) not in self._seen:
            raise DataError(
                f"{self._subject}, variant `{name}`",
                rule="what is absent is the reference only in a file that has the chromosome",
                received=f"no contig {site.chrom}, with `chr` or without",
                remedy="Correct the chromosome, or `source.absent`.",
            )

    def _by_index(self, file: Any) -> None:
        for chromosome, windows in self._windows.items():
            called = [name for name in file.seqnames if plain_chromosome(name) == chromosome]
            for window in windows if called else ():
                for variant in file(f"{called[0]}:{window.first}-{window.last}"):
                    self._take(variant, window)

    def _line_by_line(self, file: Any) -> None:
        begun, chromosome, last = set[str](), None, 0
        windows: list[_Window] = []
        furthest = 0
        for variant in file:
            if chromosome != variant.CHROM:
                chromosome, last = variant.CHROM, 0
                self._check_sorted(chromosome not in begun)
                begun.add(chromosome)
                self._seen.add(plain_chromosome(chromosome))
                windows = self._windows.get(plain_chromosome(chromosome), [])
                furthest = max((window.last for window in windows), default=0)
            position = variant.POS
            self._check_sorted(position >= last)
            last = position
            if position <= furthest:
                for window in windows:
                    if position <= window.last and variant.end >= window.first:
                        self._take(variant, window)

    def _check_sorted(self, sorted_: bool) -> None:
        if not sorted_:
            raise DataError(
                self._subject,
                rule="its lines are sorted by chromosome and position",
                received="lines that are not",
                remedy="Sort it with `bcftools sort`.",
            )

    def _take(self, variant: Any, window: _Window) -> None:
        ref, alts = variant.REF.upper(), [alt.upper() for alt in variant.ALT]
        found = match(window.site, variant.POS, ref, alts, end=max(variant.end, variant.POS + len(ref) - 1))
        moved = _moved(window.site, variant.POS, ref, alts)
        if found is None:
            if moved is not None:
                self._moved[window.name].append(self._line(variant, moved, window.name))
            return
        if not found.ref_agrees:
            raise DataError(
                f"{self._subject}, variant `{window.name}`",
                rule=f"the reference at {window.site.chrom}:{window.site.pos} is {window.site.ref}, as declared",
                received="other letters: another build, or a wrong position",
                remedy="Correct the variant's `pos`, `ref` or the build in params.yaml.",
            )
        if any(found.found & line.match.found for line in self._lines[window.name]):
            raise DataError(
                f"{self._subject}, variant `{window.name}`",
                rule="an allele of a site has one line",
                received="two",
                remedy="Remove one of them, with `bcftools norm --rm-dup exact` where they say the same.",
            )
        self._lines[window.name].append(self._line(variant, found, window.name))

    def _line(self, variant: Any, found: Match, name: str) -> Line:
        people = len(self._header.samples)
        alleles, phase = _alleles(variant, people)
        if alleles is None:
            raise DataError(
                f"{self._subject}, variant `{name}`",
                rule="a person has one or two alleles of a site",
                received="more",
                remedy="Call the genotypes with a ploidy of 2.",
            )
        if alleles.max(initial=0) >= len(found.codes):
            raise DataError(
                f"{self._subject}, variant `{name}`",
                rule="genotypes name alleles of their line",
                received="the number of an allele that it does not have",
                remedy="Export the file again, with `bcftools view --trim-alt-alleles` where alleles were removed.",
            )
        filters = variant.FILTERS or ["."]
        return Line(
            found,
            alleles,
            phase,
            self._poor(variant, found, people),
            filtered=not {*filters} <= {*self._spec.filters},
        )

    def _poor(self, variant: Any, found: Match, people: int) -> NDArray[np.bool_]:
        least, poor = self._spec.least, np.zeros(people, dtype=bool)
        if least.qual is not None and not found.reference_only:  # where nothing was seen there is no such quality
            poor[:] = variant.QUAL is None or least.qual > variant.QUAL
        for key, limit in (("GQ", least.gq), ("DP", least.dp)):
            if limit is not None:
                values = variant.format(key)  # a missing whole number is the least of all
                poor |= True if values is None else ~(np.asarray(values, dtype=np.float64)[:, 0] >= limit)
        return poor


def _alleles(variant: Any, people: int) -> tuple[NDArray[np.int16] | None, NDArray[np.int64]]:
    """Return the two alleles of each person and their phase; None where somebody has three."""
    nobody = np.full((people, 2), UNKNOWN, dtype=np.int16), np.zeros(people, dtype=np.int64)
    if "GT" not in (variant.FORMAT or ()):
        return nobody
    table = np.asarray(variant.genotype.array())
    own, is_phased = table[:, :-1].astype(np.int16), table[:, -1].astype(bool)
    if own.shape[1] > 2:
        if (own[:, 2:] != SECOND_ABSENT).any():
            return None, nobody[1]
        own = own[:, :2]
    if own.shape[1] == 1:
        own = np.column_stack([own, np.full(people, SECOND_ABSENT, dtype=np.int16)])
    sets = variant.format("PS") if "PS" in variant.FORMAT else None
    phase = np.full(people, -1, dtype=np.int64)  # one set for the whole chromosome, where no other is said
    if sets is not None and np.asarray(sets).dtype.kind == "i":
        numbers = np.asarray(sets)[:, 0].astype(np.int64)
        phase = np.where(numbers > 0, numbers, phase)
    return own, np.where(is_phased & (own[:, 1] != SECOND_ABSENT), phase, 0)


def _moved(site: VariantSite, pos: int, ref: str, alts: list[str]) -> Match | None:
    """Return who has the insertion or deletion of a site as it might be written at another place nearby; else None.

    Without the reference's letters in between nobody can tell whether it is the same, so it is another allele.
    """
    codes = [0, *(OTHER if _may_be_moved(site, pos, ref, alt) else 0 for alt in alts)]
    return Match(np.array(codes, dtype=np.int16), False, False, True, frozenset()) if any(codes) else None


def _may_be_moved(site: VariantSite, pos: int, ref: str, alt: str) -> bool:
    if not set(alt) <= set("ACGT"):
        return False
    _, *other = smallest(pos, ref, alt)
    for own in site.alt:
        size = len(own) - len(site.ref)
        if size and len(other[1]) - len(other[0]) == size:
            declared, here = (max(texts, key=len)[-abs(size) :] for texts in ((site.ref, own), other))
            if here in declared * 2:
                return True
    return False


def _is_current(index: Path, path: Path) -> bool:
    """Whether an index is there and was written after the file: an older one may point to the wrong places."""
    try:
        return index.stat().st_mtime_ns >= path.stat().st_mtime_ns
    except FileNotFoundError:
        return False
