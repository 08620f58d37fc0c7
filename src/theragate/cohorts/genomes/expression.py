"""Expression as every kind of file gives it, and how it becomes columns of patients."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.errors import DataError, did_you_mean, some_of
from theragate.numbers import plural
from theragate.study import ExpressionSource

__all__ = ["Expression", "Wanted", "check_samples", "gene_columns", "phenotype_column", "wrong"]

_DATE = re.compile(r"^\d{1,2}-(Mar|Sep|Sept|Dec|Oct|Nov|Feb|Apr)$|^(Mar|Sep|Dec)-\d{1,2}$", re.IGNORECASE)
_LOGARITHMS = 100.0  # no logarithm of an expression is as high

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """Which genes are read, by name, in this order; all of them where ``names`` is None."""

    names: tuple[str, ...] | None

    def has(self, name: str) -> bool:
        """Return whether a gene is read."""
        return self.names is None or name in self._known

    @property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names or ())


@dataclass(frozen=True)
class Expression:
    """What a file says of n samples.

    ``values`` are (n, g) with NaN for what is not known; ``genes`` name their columns, and may repeat; ``phenotype``
    holds texts or numbers as the file has them, by name.
    """

    samples: list[str]
    genes: list[str]
    values: Values
    phenotype: dict[str, pd.Series]


def gene_columns(
    found: Expression, spec: ExpressionSource, wanted: Wanted, *, subject: str, later: bool
) -> tuple[Iterator[tuple[str, pd.Series]], tuple[str, ...]]:
    """Return the columns of genes, as `spec` says, and what is to be told of them.

    Parameters
    ----------
    later
        Whether the samples are later patients', in whom a gene that is absent is missing.

    Raises
    ------
    DataError
        If a gene is there twice and nothing is said of it, is not there, was turned into a date, or has values of which
        there is no logarithm.
    """
    places: dict[str, list[int]] = {}
    for place, gene in enumerate(found.genes):
        places.setdefault(gene, []).append(place)
    unnamed = len(places.pop("", []))
    notes = [f"{plural(unnamed, 'row')} without the name of a gene left out."] if unnamed else []
    order = list(places) if wanted.names is None else list(wanted.names)
    _check_names(places, order if not later else [], subject)
    twice = [gene for gene in order if len(places.get(gene, ())) > 1]
    if twice and spec.duplicates is None:
        raise wrong(
            subject,
            "a gene is there once, or `source.duplicates` says what becomes of its rows",
            f"{plural(len(twice), 'gene')} more than once ({some_of(twice, most=3)})",
            "Declare `duplicates: {rule: mean, reason: …}`, or choose the rows that count.",
        )
    if twice and spec.duplicates is not None:
        notes.append(f"{plural(len(twice), 'gene')} with several rows: the {spec.duplicates.rule} of each patient.")
    _check_logarithms(found.values, spec, subject)
    if spec.values == "as_they_are" and np.nanmax(found.values, initial=0) > _LOGARITHMS:
        notes.append("Some values are as high as counts or intensities are; `source.values` may take their logarithm.")

    def columns() -> Iterator[tuple[str, pd.Series]]:
        for gene in order:
            yield gene, pd.Series(_one(found.values, places.get(gene, []), spec))

    return columns(), tuple(notes)


def phenotype_column(found: Expression, name: str, spec: ExpressionSource, *, subject: str, later: bool) -> pd.Series:
    """Return what else is known of samples: texts where `spec` says so, else numbers; later patients may lack it.

    Raises
    ------
    DataError
        If it is not there, or a cell is no number.
    """
    if name not in found.phenotype:
        if later:
            nothing = pd.Series([None] * len(found.samples))
            return nothing.astype("str" if name in spec.text else "float64")
        raise wrong(
            subject,
            f"it has `{name}`, which `source.phenotype` names",
            "nothing of that name",
            f"{did_you_mean(name, found.phenotype)}There are {some_of(found.phenotype) or 'none'}.",
        )
    column = found.phenotype[name]
    if pd.api.types.is_numeric_dtype(column) and name not in spec.text:
        return column.astype("float64")
    texts = column.astype("str").str.strip()
    texts = texts.mask(texts.isna() | texts.isin(spec.missing))
    if name in spec.text:
        return texts
    numbers = pd.to_numeric(texts, errors="coerce")
    bad = int((numbers.isna() & texts.notna()).sum()) + int(np.isinf(numbers).sum())
    if bad:
        raise wrong(
            f"{subject}, `{name}`",
            "it holds numbers, unless it is under `source.text`",
            f"{plural(bad, 'cell')} that are none",
            "Name it under `source.text`; or what means that nothing is known, under `source.missing`.",
        )
    return numbers.astype("float64")


def check_samples(samples: Sequence[str], *, subject: str) -> None:
    """Refuse samples that have no name, or one in common.

    Raises
    ------
    DataError
        With how many.
    """
    twice, empty = len(samples) - len({*samples}), sum(not sample for sample in samples)
    if twice or empty or not samples:
        received = f"{twice} that repeat one" if twice else f"{empty} without one" if empty else "no sample"
        raise wrong(subject, "each sample has a name of its own", received, "Correct the names of the samples.")


def wrong(subject: str, rule: str, received: str, remedy: str) -> DataError:
    """Return the error of a file that is not as it should be."""
    return DataError(subject, rule=rule, received=received, remedy=remedy)


def _check_names(places: Mapping[str, Sequence[int]], order: Sequence[str], subject: str) -> None:
    dates = [gene for gene in places if _DATE.match(gene)]
    if dates:
        raise wrong(
            subject,
            "genes have their names",
            f"{plural(len(dates), 'name')} that a spreadsheet has turned into dates, such as `{dates[0]}`",
            "Export the genes again without a spreadsheet.",
        )
    absent = [gene for gene in order if gene not in places]
    if absent:
        raise wrong(
            subject,
            "it has every gene that `source.genes` lists",
            f"{len(absent)} that are not there, such as `{absent[0]}`",
            f"{did_you_mean(absent[0], places)}Correct the list, or name the names' column under `source.gene_names`.",
        )


def _check_logarithms(values: Values, spec: ExpressionSource, subject: str) -> None:
    least = {"log2": 0.0, "log2_plus_1": -1.0, "ln_plus_1": -1.0}.get(spec.values)
    if np.isinf(values).any():
        raise wrong(subject, "values are finite", "infinite ones", "Correct them at the source.")
    if least is not None and (values <= least).any():
        count = int((values <= least).sum())
        raise wrong(
            subject,
            f"values of which `source.values: {spec.values}` is taken lie above {least:g}",
            f"{count:,} that do not" if count > _FEW else "some that do not",
            "Declare `log2_plus_1` for counts, or `as_they_are` for what is a logarithm already.",
        )


_FEW = 10


def _one(values: Values, places: list[int], spec: ExpressionSource) -> Values:
    """Return one gene of all samples, transformed; missing where no row of it is known."""
    if not places:
        return np.full(len(values), np.nan)
    own = _transformed(values[:, places], spec.values)
    if own.shape[1] == 1:
        return own[:, 0]
    known = ~np.isnan(own).all(axis=1)
    one = np.full(len(own), np.nan)
    rule = np.nanmedian if spec.duplicates is not None and spec.duplicates.rule == "median" else np.nanmean
    one[known] = rule(own[known], axis=1)
    return one


def _transformed(values: Values, how: str) -> Values:
    if how == "log2":
        return np.log2(values)
    if how == "log2_plus_1":
        return np.log2(values + 1)
    return np.log1p(values) if how == "ln_plus_1" else values
