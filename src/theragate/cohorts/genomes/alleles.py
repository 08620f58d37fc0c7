"""The alleles of one line of a file as those of a declared site: the same variant is found however it is written."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theragate.study import VariantSite

__all__ = ["ABSENT", "OTHER", "SECOND_ABSENT", "UNKNOWN", "Match", "match", "smallest"]

# What stands for one of a person's two alleles besides 0, the reference, and 1 …, the alternates that are declared.
UNKNOWN = -1  # not called
SECOND_ABSENT = -2  # there is only one, as on a man's X chromosome
OTHER = -3  # an allele that is not asked about
ABSENT = -4  # the file says nothing

_ANY = {"<NON_REF>", "<*>", "<X>"}  # alternates of lines that say: nothing was seen here


@dataclass(frozen=True)
class Match:
    """What a line says of a site.

    ``codes`` turns the numbers of its alleles, (alleles,), into those of the site; ``informative`` is False where it
    only says who has another allele, such as a deletion of the whole region; ``reference_only`` where it has no
    alternate allele; ``ref_agrees`` is False where its reference has other letters than the declared one.
    """

    codes: NDArray[np.int16]
    informative: bool
    reference_only: bool
    ref_agrees: bool
    found: frozenset[int]


def smallest(pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Write a variant with as few letters as can be, without moving it: ``(5, CAG, CG)`` is ``(5, CA, C)``."""
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt


def match(site: VariantSite, pos: int, ref: str, alts: Sequence[str], *, end: int) -> Match | None:
    """Return what a line says of a site; None where it says nothing.

    Parameters
    ----------
    site
        The declared site.
    pos, ref, alts, end
        The line's: its letters in capitals, and the last position that it is about.
    """
    if pos > site.pos or end < site.pos:
        return None  # a line whose anchor lies behind the site cannot be written with fewer letters and be the site
    wanted = {(site.pos, site.ref, alt): code for code, alt in enumerate(site.alt, start=1)}
    codes, informative, found = [0], False, set[int]()
    for alt in alts:
        code = OTHER
        if set(alt) <= set("ACGTN"):
            own = smallest(pos, ref, alt)
            code = wanted.get(own, OTHER if _touches(site, own) else 0)
            informative |= code != 0 and own[0] == site.pos
        found |= {code} if code > 0 else set()
        codes.append(code)
    reference_only = not alts or {*alts} <= _ANY
    if not (informative or reference_only or OTHER in codes):
        return None
    return Match(
        np.array(codes, dtype=np.int16),
        informative or reference_only,
        reference_only,
        _agrees(site, pos, ref),
        frozenset(found),
    )


def _touches(site: VariantSite, other: tuple[int, str, str]) -> bool:
    """Whether two variants cannot lie on one chromosome side by side."""
    first, last = _changed(other)
    for alt in site.alt:
        low, high = _changed((site.pos, site.ref, alt))
        if (first <= high and low <= last) or (low > high and first > last and low == first):
            return True
    return False


def _changed(variant: tuple[int, str, str]) -> tuple[int, int]:
    """Return the first and the last position whose letters change; an insertion ends before it begins."""
    pos, ref, alt = variant
    anchored = int(len(ref) != len(alt) and ref[0] == alt[0])
    return pos + anchored, pos + len(ref) - 1


def _agrees(site: VariantSite, pos: int, ref: str) -> bool:
    here = ref[site.pos - pos : site.pos - pos + len(site.ref)]
    return all(letter in (own, "N") for letter, own in zip(here, site.ref, strict=False))
