"""Star alleles by their declared definitions: every diplotype that a person's genotypes allow, and an answer if one."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.genomes.alleles import SECOND_ABSENT
from theragate.cohorts.genomes.genotypes import Genotypes, Why
from theragate.errors import DataError, did_you_mean
from theragate.files import read_bytes
from theragate.study import VariantSite

__all__ = ["INDETERMINATE", "GeneTable", "diplotypes", "read_gene_tables", "star_columns"]

INDETERMINATE = "indeterminate"
_COLUMNS = ("gene", "allele", "variant", "base")
_PHENOTYPES = ("gene", "activity", "phenotype")

Haplotype = tuple[int, ...]


@dataclass(frozen=True)
class GeneTable:
    """The star alleles of one gene.

    ``variants`` are the sites that define them; ``alleles`` are, by name, the number of the allele at each of these;
    ``activity`` may hold what each does, and ``phenotypes`` what a sum of two means.
    """

    gene: str
    variants: tuple[str, ...]
    alleles: dict[str, Haplotype]
    activity: dict[str, float]
    phenotypes: dict[float, str]


def read_gene_tables(
    path: Path, phenotypes: Path | None, sites: Mapping[str, VariantSite], *, subject: str
) -> list[GeneTable]:
    """Read the definitions of star alleles, and what their activities mean.

    Raises
    ------
    DataError
        If a file lacks a column, names a variant that is not declared or an allele that it does not have, defines two
        alleles alike, or a gene has no reference allele or several.
    """
    rows = _rows(path, _COLUMNS, subject=f"{subject}, star alleles `{path.name}`")
    meanings: dict[str, dict[float, str]] = defaultdict(dict)
    if phenotypes is not None:
        told = f"{subject}, phenotypes `{phenotypes.name}`"
        for row in _rows(phenotypes, _PHENOTYPES, subject=told):
            meanings[row["gene"]][_number(row["activity"], told)] = row["phenotype"]
    genes: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        genes[row["gene"]].append(row)
    where = f"{subject}, star alleles `{path.name}`"
    return [_gene(gene, own, sites, meanings.get(gene, {}), where) for gene, own in genes.items()]


def star_columns(table: GeneTable, genotypes: Mapping[str, Genotypes], *, several: str) -> dict[str, pd.Series]:
    """Return the columns of a gene: its diplotype, and its activity and phenotype where the table has them.

    Parameters
    ----------
    several
        What is said where several diplotypes are possible, or none of those that are defined: ``indeterminate``, or
        ``missing``. Activities and phenotypes on which all possible ones agree are known all the same.
    """
    found = diplotypes(table, genotypes)
    word = INDETERMINATE if several == INDETERMINATE else None
    columns = {table.gene: pd.Series([_one(each) or word for each in found], dtype="str")}
    if table.activity:
        sums = [{round(sum(table.activity[star] for star in pair), 6) for pair in each} for each in found]
        activity = [next(iter(each)) if len(each) == 1 else np.nan for each in sums]
        columns[f"{table.gene}_activity"] = pd.Series(activity, dtype="float64")
        if table.phenotypes:
            meanings = [{table.phenotypes.get(value) for value in each} for each in sums]
            told = [next(iter(each)) if len(each) == 1 else None for each in meanings]
            columns[f"{table.gene}_phenotype"] = pd.Series([text or word for text in told], dtype="str")
    return columns


def diplotypes(table: GeneTable, genotypes: Mapping[str, Genotypes]) -> list[frozenset[tuple[str, ...]]]:
    """Return for each person all diplotypes of defined alleles that the genotypes allow; none where none fits."""
    own = [genotypes[name] for name in table.variants]
    calls = np.stack([each.alleles for each in own], axis=1)
    known = np.stack([each.known for each in own], axis=1)
    unlike = np.stack([np.isin(each.why, (Why.OTHER_ALLELE, Why.CONTRADICTORY)) for each in own], axis=1)
    phase = np.stack([each.phase for each in own], axis=1)
    memory: dict[tuple[object, ...], frozenset[tuple[str, ...]]] = {}
    found = []
    for person in range(len(calls)):
        key = (calls[person].tobytes(), known[person].tobytes(), phase[person].tobytes())
        if key not in memory:
            memory[key] = frozenset(_possible(table, calls[person], known[person], phase[person]))
        found.append(frozenset() if unlike[person].any() else memory[key])
    return found


def _one(possible: frozenset[tuple[str, ...]]) -> str | None:
    return "/".join(next(iter(possible))) if len(possible) == 1 else None


def _possible(
    table: GeneTable, calls: NDArray[np.int16], known: NDArray[np.bool_], phase: NDArray[np.int64]
) -> Iterator[tuple[str, ...]]:
    """Yield the pairs of defined alleles, in the table's order, that agree with what was called."""
    alone = bool((calls[known, 1] == SECOND_ABSENT).any())
    stars = list(table.alleles)
    for pair in ((star,) for star in stars) if alone else combinations_with_replacement(stars, 2):
        if any(_agrees([table.alleles[star] for star in order], calls, known, phase) for order in {pair, pair[::-1]}):
            yield pair


def _agrees(
    haplotypes: Sequence[Haplotype], calls: NDArray[np.int16], known: NDArray[np.bool_], phase: NDArray[np.int64]
) -> bool:
    """Whether two chromosomes give these calls; those of one phase set all lie the same way round."""
    turned: dict[int, bool] = {}
    for at in np.flatnonzero(known):
        expected = [haplotype[at] for haplotype in haplotypes]
        called = [int(allele) for allele in calls[at] if allele >= 0]
        if sorted(expected) != sorted(called):
            return False
        if phase[at] != 0 and len(set(called)) > 1:
            way = expected != called
            if turned.setdefault(int(phase[at]), way) != way:
                return False
    return True


def _gene(
    gene: str, rows: list[dict[str, str]], sites: Mapping[str, VariantSite], meanings: dict[float, str], subject: str
) -> GeneTable:
    told = f"{subject}, gene `{gene}`"
    variants = tuple(dict.fromkeys(row["variant"] for row in rows if row["variant"]))
    alleles: dict[str, dict[str, int]] = {}
    activity: dict[str, float] = {}
    for row in rows:
        own = alleles.setdefault(row["allele"], {})
        if row.get("activity"):
            activity[row["allele"]] = _number(row["activity"], told)
        if not row["variant"]:
            continue
        if row["variant"] not in sites:
            raise _wrong(
                told,
                "a variant of a star allele is declared under `source.variants`",
                f"`{row['variant']}`",
                f"{did_you_mean(row['variant'], sites)}Declare it, with `coding: none` if it is no column.",
            )
        site = sites[row["variant"]]
        if row["base"] not in site.alt:
            raise _wrong(
                told,
                f"the base of `{row['variant']}` is one of its `alt`, {', '.join(site.alt)}",
                f"`{row['base']}`",
                "Write the letters as in the VCF file, on its strand.",
            )
        own[row["variant"]] = site.alt.index(row["base"]) + 1
    defined = {star: tuple(own.get(name, 0) for name in variants) for star, own in alleles.items()}
    references = [star for star, own in alleles.items() if not own]
    if len(references) != 1:
        raise _wrong(
            told,
            "one allele has no variant: it is the reference",
            f"{len(references)} of them",
            "Give the reference allele one row with an empty `variant`, and the others theirs.",
        )
    if len({*defined.values()}) < len(defined):
        raise _wrong(told, "alleles differ in their variants", "two that do not", "Remove one of them.")
    if activity and {*activity} != {*defined}:
        raise _wrong(told, "all alleles have an activity, or none", "some without", "Complete `activity`.")
    return GeneTable(gene, variants, defined, activity, meanings)


def _rows(path: Path, columns: Sequence[str], *, subject: str) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8-sig"), newline=""), strict=True)
        names = [*(reader.fieldnames or ())]
        rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except FileNotFoundError:
        raise _wrong(subject, "the file exists", "no such file", "Put it there, or correct params.yaml.") from None
    except (OSError, UnicodeDecodeError, csv.Error):
        names, rows = [], []
    lacking = [name for name in columns if name not in names]
    if lacking or not rows:
        raise _wrong(
            subject,
            f"it is a CSV file with the columns {', '.join(columns)}",
            f"one without `{lacking[0]}`" if lacking else "no rows",
            "Correct the file.",
        )
    return rows


def _number(text: str, subject: str) -> float:
    try:
        return round(float(text), 6)
    except ValueError:
        raise _wrong(subject, "an activity is a number", f"`{text[:20]}`", "Correct the file.") from None


def _wrong(subject: str, rule: str, received: str, remedy: str) -> DataError:
    return DataError(subject, rule=rule, received=received, remedy=remedy)
