"""What is known of each person's alleles at each site, and why it is not known where it is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.genomes.alleles import ABSENT, OTHER, SECOND_ABSENT, UNKNOWN, Match

__all__ = ["Genotypes", "Line", "Why", "absent_everywhere", "combined", "joined"]

Alleles = NDArray[np.int16]


class Why(IntEnum):
    """Why a genotype is not known; the first that applies."""

    CALLED = 0
    NOT_IN_FILE = 1
    FILTERED = 2
    LOW_QUALITY = 3
    NOT_CALLED = 4
    PARTLY_CALLED = 5
    OTHER_ALLELE = 6
    CONTRADICTORY = 7


@dataclass(frozen=True)
class Line:
    """What one line of a file says of n people at a site, by the numbers of its own alleles.

    ``alleles`` are (n, 2), ``phase`` (n,) is 0 where it is not known which of the two chromosomes has which allele, and
    else the same number for all sites of which it is; ``poor`` (n,) says whose quality is too low.
    """

    match: Match
    alleles: Alleles
    phase: NDArray[np.int64]
    poor: NDArray[np.bool_]
    filtered: bool


@dataclass(frozen=True)
class Genotypes:
    """The alleles of n people at one site: 0, the number of a declared alternate allele, or one of the codes below 0.

    ``alleles`` are (n, 2), ``phase`` and ``why`` (n,).
    """

    alleles: Alleles
    phase: NDArray[np.int64]
    why: NDArray[np.int8]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whose genotype is known, shape (n,)."""
        return np.asarray(self.why == Why.CALLED)

    def as_reference(self, *, alone: bool) -> "Genotypes":
        """Return them with two reference alleles, or one `alone`, for whom the file says nothing."""
        rows = self.why == Why.NOT_IN_FILE
        alleles, why = self.alleles.copy(), self.why.copy()
        alleles[rows] = (0, SECOND_ABSENT) if alone else (0, 0)
        why[rows] = Why.CALLED
        return Genotypes(alleles, self.phase, why)


def absent_everywhere(people: int) -> Genotypes:
    """Return what is known of `people` at a site of which their file says nothing."""
    why = np.full(people, Why.NOT_IN_FILE, dtype=np.int8)
    return Genotypes(np.full((people, 2), ABSENT, dtype=np.int16), np.zeros(people, dtype=np.int64), why)


def combined(lines: Sequence[Line], *, people: int, haploid: bool) -> Genotypes:
    """Put together what the lines of a file say of one site.

    A site with several alternate alleles may be written as a line for each; a chromosome has one allele all the same.

    Parameters
    ----------
    haploid
        Whether a person may have one allele alone there; elsewhere such a call is only half of one.
    """
    telling = [line for line in lines if line.match.informative]
    if any(not line.match.reference_only for line in telling):  # a line that lists alleles says more than a block
        telling = [line for line in telling if not line.match.reference_only]
    found = absent_everywhere(people)
    for count, line in enumerate(telling):
        own = _of(line, haploid=haploid)
        found = own if count == 0 else _both(found, own)
    for line in lines:
        if not line.match.informative:
            carries = (line.match.codes[np.maximum(line.alleles, 0)] == OTHER) & (line.alleles >= 0)
            why = found.why.copy()
            why[carries.any(axis=1)] = Why.OTHER_ALLELE
            alleles = np.where(carries.any(axis=1)[:, None], np.int16(OTHER), found.alleles)
            found = Genotypes(alleles, found.phase, why)
    return found


def joined(parts: Sequence[Mapping[str, Genotypes]]) -> dict[str, Genotypes]:
    """Put the people of several files below each other, by site."""
    return {
        name: Genotypes(
            np.concatenate([part[name].alleles for part in parts]),
            np.concatenate([part[name].phase for part in parts]),
            np.concatenate([part[name].why for part in parts]),
        )
        for name in (parts[0] if parts else ())
    }


def _of(line: Line, *, haploid: bool) -> Genotypes:
    own = line.alleles
    alleles = np.where(own >= 0, line.match.codes[np.maximum(own, 0)], own).astype(np.int16)
    return _told(alleles, line.phase, haploid=haploid, filtered=line.filtered, poor=line.poor)


def _told(
    alleles: Alleles, phase: NDArray[np.int64], *, haploid: bool, filtered: bool, poor: NDArray[np.bool_]
) -> Genotypes:
    """Say why those are missing who are: what was not called first, then what was but does not count."""
    people = len(alleles)
    unknown = alleles == UNKNOWN
    if not haploid:
        unknown |= alleles == SECOND_ABSENT
    why = np.full(people, Why.CALLED, dtype=np.int8)
    why[(alleles == OTHER).any(axis=1)] = Why.OTHER_ALLELE
    why[unknown.any(axis=1)] = Why.PARTLY_CALLED
    why[(unknown | (alleles == SECOND_ABSENT)).all(axis=1)] = Why.NOT_CALLED
    why[poor & (why == Why.CALLED)] = Why.LOW_QUALITY
    if filtered:
        why[:] = Why.FILTERED
    return Genotypes(alleles, phase, why)


def _both(one: Genotypes, other: Genotypes) -> Genotypes:
    """Put two lines for one site together, by chromosome where both tell it apart."""
    slots, fits = _merged(one.alleles, other.alleles)
    turned, fits_turned = _merged(one.alleles, other.alleles[:, ::-1])
    may_turn = ~fits & fits_turned & ((one.phase == 0) | (other.phase == 0))
    alleles = np.where(may_turn[:, None], turned, slots)
    why = np.where((one.why != Why.CALLED) & (one.why != Why.PARTLY_CALLED), one.why, other.why)
    partly = np.isin(one.why, (Why.CALLED, Why.PARTLY_CALLED)) & np.isin(other.why, (Why.CALLED, Why.PARTLY_CALLED))
    whole = np.where((alleles == UNKNOWN).any(axis=1), Why.PARTLY_CALLED, Why.CALLED)
    why = np.where(partly, np.where(fits | may_turn, whole, Why.CONTRADICTORY), why)
    phase = np.where(one.phase == other.phase, one.phase, 0)
    return Genotypes(alleles.astype(np.int16), phase, why.astype(np.int8))


def _merged(one: Alleles, other: Alleles) -> tuple[Alleles, NDArray[np.bool_]]:
    """Return the allele of each chromosome by two lines, and for whom these do not contradict each other.

    Beside an allele of the one line the other says reference, or that it does not know.
    """
    silent = (0, UNKNOWN)
    alleles = np.where(np.isin(one, silent), other, one)
    alleles = np.where((one == UNKNOWN) & (other == 0) | (one == 0) & (other == UNKNOWN), UNKNOWN, alleles)
    fits = (np.isin(one, silent) | np.isin(other, silent) | (one == other)).all(axis=1)
    fits &= ((one == SECOND_ABSENT) == (other == SECOND_ABSENT)).all(axis=1)
    same = (one > 0) & (one == other)
    return alleles.astype(np.int16), fits & ~same.any(axis=1)
