"""Safe Harbor de-identification (45 CFR 164.514(b)(2)) by rules that a person can check.

Direct identifiers are refused by the name of their column and by the form of their values; ages over 89 become 90;
dates become years, but for dates of birth, which are refused; ids become row numbers (public cohorts) or random
numbers (all others).
"""

import pandas as pd

from theragate.cohorts.ages import OLDEST, TOP_AGE, is_named_age, per_year, top_of
from theragate.cohorts.codes import as_codes
from theragate.cohorts.identifiers import BIRTH, identifier, names_birth
from theragate.cohorts.table import Table
from theragate.cohorts.texts import are_first, as_texts
from theragate.errors import DataError, did_you_mean
from theragate.study import AgeUnit, Deidentification

__all__ = ["as_years", "check_ids", "deidentify", "deidentify_columns", "top_ages"]


def deidentify(frame: pd.DataFrame, spec: Deidentification, *, study: str) -> pd.DataFrame:
    """Return a table that is in memory as `deidentify_columns` does."""
    return deidentify_columns(Table.of(frame), spec, study=study).frame()


def deidentify_columns(table: Table, spec: Deidentification, *, study: str) -> Table:
    """Return the table without direct identifiers, ages over 89 or dates finer than years.

    Parameters
    ----------
    table
        The source's without its id column.
    spec
        Which columns are ages and dates; which identifiers to remove; which columns only look like identifiers.

    Raises
    ------
    DataError
        If a column named in `spec` is absent or of the wrong type, if a column is an identifier by name or by form, or
        if an age above the top one occurs in a column that is not declared to hold ages.
    """
    _present(table, spec, study)
    kept = table.without(spec.removed)
    old: str | None = None  # the first column of ages that is not declared; identifiers come before it
    for name in kept.names:
        if name in spec.not_identifying:
            continue
        column = kept[name]
        _check_identifier(column, name, spec, study)
        if old is None and name not in spec.ages and _old(column, name):
            old = name
    if old is not None:
        raise DataError(
            f"study `{study}`, column `{old}`",
            rule=f"ages of {TOP_AGE} and more become {TOP_AGE}",
            received="higher ages in a column that is not declared to hold ages",
            remedy="Name it under `deidentification.ages` in params.yaml; or, if it holds none, under"
            " `not_identifying`.",
        )
    for name in spec.ages:
        kept = kept.having(name, _top_coded(kept[name], spec.age_units.get(name, "years"), name, study))
    for name in spec.dates:
        kept = kept.having(name, _years(kept[name], name, study))
    return kept


def _check_identifier(column: pd.Series, name: str, spec: Deidentification, study: str) -> None:
    kind = (BIRTH if names_birth(name) else None) if name in spec.dates else identifier(column)
    if kind == BIRTH:
        raise DataError(
            f"study `{study}`, column `{name}`",
            rule="even a year of birth tells ages over 89",
            received=f"a column that looks like {BIRTH}",
            remedy="Name it with a reason under `deidentification.removed` in params.yaml, and let the source give"
            " the age in years; what is no birth, under `not_identifying`.",
        )
    if kind:
        raise DataError(
            f"study `{study}`, column `{name}`",
            rule="a cohort holds none of Safe Harbor's identifiers",
            received=f"a column that looks like {kind}",
            remedy="Name it with a reason under `deidentification.removed` in params.yaml; a date under `dates`;"
            " what identifies nobody under `not_identifying`.",
        )


def top_ages(spec: Deidentification) -> dict[str, float]:
    """Return the number in each column of ages that stands for 90 years and more."""
    return {column: top_of(spec.age_units.get(column, "years")) for column in spec.ages}


def as_years(dates: pd.Series) -> pd.Series:
    """Return the years of dates: of texts such as 2019-06-13, of numbers such as 20190613, 201906, 2019 or 2019.45.

    Raises
    ------
    ValueError
        If they are something else; the message quotes none.
    """
    if not pd.api.types.is_numeric_dtype(dates):
        code, days = pd.factorize(dates)  # of days there are few
        try:
            found = pd.to_datetime(pd.Series(days), errors="raise", format="ISO8601").dt.year.astype("Int64")
        except (ValueError, TypeError):
            raise ValueError("texts of another form") from None  # the cause quotes the text that is not a date
        return pd.Series(found.array.take(code, allow_fill=True), index=dates.index, name=dates.name)
    numbers = dates.astype("Float64")
    parts = ((18_000_101, 10_000), (180_001, 100))  # of a day, of a month; else the number is a year
    part = next((part for lowest, part in parts if bool((numbers.dropna() >= lowest).all())), 1)
    years = numbers // part
    if not years.dropna().between(1700, 2200).all():
        raise ValueError("numbers that are not years")
    return years.astype("Int64")


def check_ids(ids: pd.Series, *, study: str) -> None:
    """Refuse ids that are missing or given twice.

    Raises
    ------
    DataError
        With the count of such rows, never the ids themselves.
    """
    missing = int(ids.isna().sum())
    repeated = int((~are_first(as_texts(as_codes(ids)))).sum()) - (missing > 0)
    if missing or repeated:
        raise DataError(
            f"study `{study}`, patient ids",
            rule="every row is one patient with an id of their own",
            received=f"{missing} rows without an id and {repeated} rows that repeat an earlier id",
            remedy="Join the rows of each patient, or correct `source.id` in params.yaml.",
        )


def _present(table: Table, spec: Deidentification, study: str) -> None:
    for key in ("ages", "dates", "removed", "not_identifying"):
        for column in getattr(spec, key):
            if column not in table:
                raise _unfit_column(
                    study,
                    column,
                    rule=f"a column under `deidentification.{key}` is in the source",
                    received="no such column",
                    near=did_you_mean(column, table.names),
                )


def _old(column: pd.Series, name: str) -> bool:
    return is_named_age(name) and pd.api.types.is_numeric_dtype(column) and bool((column > TOP_AGE).any())


def _top_coded(ages: pd.Series, unit: AgeUnit, column: str, study: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(ages):
        raise _unfit_column(study, column, rule=f"an age is a number of {unit}", received=f"{ages.dtype} values")
    beyond = int((ages > OLDEST * per_year(unit)).sum())
    if beyond:
        raise DataError(
            f"study `{study}`, column `{column}`",
            rule=f"an age in {unit} is at most that of {OLDEST} years",
            received=f"{beyond} higher numbers among {len(ages)}",
            remedy="Name the unit under `deidentification.age_units` in params.yaml; or correct the source, if a code "
            "such as 999 stands for an unknown age.",
        )
    return ages.clip(upper=top_of(unit))  # unlike `mask`, it leaves the unknown age of a nullable column unknown


def _years(dates: pd.Series, column: str, study: str) -> pd.Series:
    try:
        return as_years(dates)
    except ValueError as error:
        number = pd.api.types.is_numeric_dtype(dates)
        rule = "a date is a date or a year" if number else "a date is written YYYY-MM-DD"
        raise _unfit_column(study, column, rule=rule, received=str(error)) from None


def _unfit_column(study: str, column: str, *, rule: str, received: str, near: str = "") -> DataError:
    return DataError(
        f"study `{study}`, column `{column}`",
        rule=rule,
        received=received,
        remedy=f"{near}Correct the source, or `deidentification` in params.yaml.",
    )
