"""The world ``iwpc_warfarin``: the weekly dose of warfarin that holds a patient's INR in its range.

The dose is that of the published algorithm with its coefficients (International Warfarin Pharmacogenetics Consortium,
NEJM 2009;360:753), with normal errors on its scale, the square root of mg per week. One thing is not the algorithm's.
Its term for Black patients stood for variants that it did not know. Here the variants themselves act, and the term is
left out:

* CYP2C9*5, *6, *8 and *11 each lower the dose by a fifth (within the 15 to 30% of the guideline: Johnson et al.,
  Clin Pharmacol Ther 2017;102:397). The common panel does not type them and reports them as *1.
* Where ancestry is African, A alleles at rs12777823 lower it by 6.92 (one) or 9.34 mg (two) (Perera et al., Lancet
  2013;382:790). Elsewhere the variant marks nothing, so that it is recorded in these patients only.

Frequencies of alleles are those of the ancestries (CYP2C9 drawn by haplotype). Shares of the ancestries are about
those of the consortium. For 3 to 4% a genotype is unknown, at random.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["warfarin"]

Numbers = NDArray[np.float64]
Counts = NDArray[np.intp]

# The last are those whose ancestry is mixed or was not recorded; their frequencies are those of the Americas.
ANCESTRIES = ("White", "Asian", "Black", "unknown")
_SHARES = (0.56, 0.30, 0.10, 0.04)
_VKORC1_A = np.array([0.388, 0.885, 0.054, 0.411])
_RS12777823_A = np.array([0.151, 0.314, 0.251, 0.107])
_HAPLOTYPES = ("*2", "*3", "*5", "*6", "*8", "*11")
_FREQUENCIES = np.array(
    [
        [0.124, 0.073, 0.000, 0.000, 0.002, 0.002],
        [0.001, 0.034, 0.000, 0.000, 0.000, 0.000],
        [0.008, 0.024, 0.017, 0.008, 0.053, 0.024],
        [0.099, 0.037, 0.001, 0.000, 0.001, 0.001],
    ]
)
_ON_THE_PANEL = 2  # of the haplotypes: *2 and *3

# The published coefficients, on the square root of mg per week.
_INTERCEPT, _DECADE, _HEIGHT, _WEIGHT = 5.6044, -0.2614, 0.0087, 0.0128
_VKORC1 = np.array([0.0, -0.8677, -1.6974])
_CYP2C9 = {"*1/*1": 0.0, "*1/*2": -0.5211, "*1/*3": -0.9357, "*2/*2": -1.0616, "*2/*3": -1.9206, "*3/*3": -2.3312}
_ANCESTRY = np.array([0.0, -0.1092, 0.0, -0.1032])
_INDUCER, _AMIODARONE = 1.1816, -0.5503
_RARE_ALLELE, _RS12777823 = 0.80, np.array([0.0, 6.92, 9.34])
_LEAST = 3.0  # mg per week


def warfarin(patients: int, random: np.random.Generator) -> pd.DataFrame:
    """Draw patients on a stable dose."""
    ancestry = random.choice(len(ANCESTRIES), patients, p=_SHARES)
    person = _person(ancestry, random)
    vkorc1 = random.binomial(2, _VKORC1_A[ancestry])
    panel, rare = _cyp2c9(ancestry, random)
    black = ancestry == ANCESTRIES.index("Black")
    marker = np.where(black, random.binomial(2, _RS12777823_A[ancestry]), 0)
    root = (
        _INTERCEPT
        + _DECADE * np.floor(person["age"] / 10)
        + _HEIGHT * person["height"]
        + _WEIGHT * person["weight"]
        + _VKORC1[vkorc1]
        + pd.Series(panel).map(_CYP2C9)
        + _ANCESTRY[ancestry]
        + _INDUCER * (person["inducer"] == "yes")
        + _AMIODARONE * (person["amiodarone"] == "yes")
        + random.normal(0, 1, patients)
    ).to_numpy(dtype=np.float64)
    dose = np.maximum(root, 0) ** 2 * _RARE_ALLELE**rare - _RS12777823[marker]

    def partly(values: NDArray[np.str_], unknown: float) -> pd.Series:
        return pd.Series(values, dtype="str").mask(random.uniform(size=patients) < unknown)

    return person.assign(
        vkorc1=partly(np.array(["G/G", "A/G", "A/A"])[vkorc1], 0.04),
        cyp2c9=partly(panel, 0.03),
        cyp2c9_rare=rare.astype("int64"),
        rs12777823=marker.astype("int64"),
        variants=np.where((rare > 0) | (marker > 0), "carrier", "non-carrier"),
        ancestry=pd.Series(np.array(ANCESTRIES)[ancestry], dtype="str").where(ancestry < len(ANCESTRIES) - 1),
        dose=np.maximum(dose, _LEAST).round(1),
    )


def _person(ancestry: Counts, random: np.random.Generator) -> pd.DataFrame:
    n = len(ancestry)
    male = random.uniform(size=n) < 0.6
    asian = ancestry == ANCESTRIES.index("Asian")
    height = random.normal(np.where(male, 174, 161) - 7 * asian, 7)
    weight = random.normal(np.where(male, 86, 74) - 18 * asian, 16)
    return pd.DataFrame(
        {
            "age": np.clip(random.normal(63, 14, n), 20, 95).round(),
            "sex": np.where(male, "male", "female"),
            "height": np.clip(height, 130, 205).round(),
            "weight": np.clip(weight, 35, 190).round(),
            "inducer": np.where(random.uniform(size=n) < 0.01, "yes", "no"),
            "amiodarone": np.where(random.uniform(size=n) < 0.06, "yes", "no"),
        }
    )


def _cyp2c9(ancestry: Counts, random: np.random.Generator) -> tuple[NDArray[np.str_], Counts]:
    """Return the genotype as the common panel reports it, and the number of alleles that it does not know."""
    bounds = np.cumsum(_FREQUENCIES, axis=1)[ancestry]
    haplotypes = np.array([(random.uniform(size=len(ancestry))[:, None] >= bounds).sum(axis=1) for _ in range(2)])
    rare = (haplotypes >= _ON_THE_PANEL) & (haplotypes < len(_HAPLOTYPES))
    reported = np.sort(np.where(haplotypes < _ON_THE_PANEL, haplotypes + 1, 0), axis=0)
    names = np.array(["*1", *_HAPLOTYPES[:_ON_THE_PANEL]])
    genotype = np.array([f"{one}/{other}" for one, other in zip(*names[reported], strict=True)])
    return genotype, rare.sum(axis=0)
