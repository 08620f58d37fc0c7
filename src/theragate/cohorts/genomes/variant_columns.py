"""Genotypes as columns of a table: numbers of alternate alleles, or letters; missing where they are not known."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.genomes.alleles import SECOND_ABSENT
from theragate.cohorts.genomes.genotypes import Genotypes
from theragate.study import VariantSite

__all__ = ["counts", "letters"]

_OPPOSITE = str.maketrans("ACGT", "TGCA")


def counts(genotypes: Genotypes) -> pd.Series:
    """Return the number of declared alternate alleles of each person, 0 to 2; NaN where it is not known."""
    number: NDArray[np.float64] = (genotypes.alleles > 0).sum(axis=1).astype(np.float64)
    return pd.Series(np.where(genotypes.known, number, np.nan))


def letters(genotypes: Genotypes, site: VariantSite) -> pd.Series:
    """Return each person's alleles as letters in the order of the alphabet, ``A/G``, or ``A`` of one alone.

    They are those of the gene's strand where the site says so.
    """
    own = [site.ref, *site.alt]
    words = [word[::-1].translate(_OPPOSITE) for word in own] if site.strand == "-" else own
    texts = np.full(len(genotypes.alleles), None, dtype=object)
    for first, second in np.unique(genotypes.alleles[genotypes.known], axis=0):
        pair = [words[first]] + ([] if second == SECOND_ABSENT else [words[second]])
        rows = genotypes.known & (genotypes.alleles == (first, second)).all(axis=1)
        texts[rows] = "/".join(sorted(pair))
    return pd.Series(texts, dtype="str")
