"""Safe Harbor de-identification (45 CFR 164.514(b)(2)) by rules that a person can check.

Direct identifiers are refused by the name of their column and by the form of their values; ages over 89 become 90;
dates become years; ids become row numbers (public cohorts) or random numbers (all others).
"""

import re
from itertools import pairwise

import numpy as np
import pandas as pd

from theragate.errors import DataError, did_you_mean
from theragate.study import Deidentification

__all__ = ["TOP_AGE", "check_ids", "deidentify", "identifier"]

TOP_AGE = 90

# Words in a column's name which say that the column identifies a person: 17 of the 18 identifiers of Safe Harbor.
# The 18th, "any other unique code", is recognised by the phrases below and by texts that hardly two patients share.
_WORDS = {
    "name": "names",
    "surname": "names",
    "forename": "names",
    "firstname": "names",
    "lastname": "names",
    "initials": "names",
    "address": "places",
    "street": "places",
    "city": "places",
    "town": "places",
    "zip": "places",
    "zipcode": "places",
    "postcode": "places",
    "postal": "places",
    "county": "places",
    "latitude": "places",
    "longitude": "places",
    "geocode": "places",
    "date": "dates",
    "datetime": "dates",
    "timestamp": "dates",
    "dob": "dates",
    "birthdate": "dates",
    "birthday": "dates",
    "phone": "telephone numbers",
    "telephone": "telephone numbers",
    "mobile": "telephone numbers",
    "fax": "fax numbers",
    "email": "e-mail addresses",
    "mail": "e-mail addresses",
    "ssn": "social security numbers",
    "nhs": "social security numbers",
    "passport": "licence numbers",
    "mrn": "medical record numbers",
    "insurance": "health plan numbers",
    "beneficiary": "health plan numbers",
    "policy": "health plan numbers",
    "account": "account numbers",
    "iban": "account numbers",
    "license": "licence numbers",
    "licence": "licence numbers",
    "certificate": "licence numbers",
    "plate": "vehicle identifiers",
    "vin": "vehicle identifiers",
    "serial": "device identifiers",
    "imei": "device identifiers",
    "url": "web addresses",
    "website": "web addresses",
    "ip": "IP addresses",
    "fingerprint": "biometric identifiers",
    "voiceprint": "biometric identifiers",
    "photo": "photographs",
    "photograph": "photographs",
}
_FEW = 20  # among fewer patients, all texts may differ by chance
_CODE = "a code of each patient's own"
_PHRASES = {
    ("social", "security"): "social security numbers",
    ("medical", "record"): "medical record numbers",
    ("patient", "id"): _CODE,
    ("patient", "number"): _CODE,
    ("hospital", "number"): _CODE,
    ("case", "number"): _CODE,
}
_FORMS = {
    "e-mail addresses": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "web addresses": r"(?i:https?://|www\.)\S+",
    "social security numbers": r"\d{3}-\d{2}-\d{4}",
    "IP addresses": r"(?:\d{1,3}\.){3}\d{1,3}",
    "telephone numbers": r"\+?\d{0,3}[ .-]?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}",
    "dates": r"\d{4}-\d{2}-\d{2}(?:[T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
}


def deidentify(frame: pd.DataFrame, spec: Deidentification, *, study: str) -> pd.DataFrame:
    """Return the table without direct identifiers, ages over 89 or dates finer than years.

    Parameters
    ----------
    frame
        The source's table without its id column.
    spec
        Which columns are ages and dates; which identifiers to remove; which columns only look like identifiers.

    Raises
    ------
    DataError
        If a column named in `spec` is absent or of the wrong type, if a column is an identifier by name or by form, or
        if an age above the top one occurs in a column that is not declared to hold ages.
    """
    _present(frame, spec, study)
    kept = frame.drop(columns=list(spec.removed))
    for column in kept.columns.difference([*spec.not_identifying, *spec.dates], sort=False):
        kind = identifier(kept[column])
        if kind:
            raise DataError(
                f"study `{study}`, column `{column}`",
                rule="a cohort holds none of Safe Harbor's identifiers",
                received=f"a column that looks like {kind}",
                remedy="Name it with a reason under `deidentification.removed` in params.yaml; a date under `dates`;"
                " what identifies nobody under `not_identifying`.",
            )
    for column in kept.columns.difference([*spec.not_identifying, *spec.ages], sort=False):
        if _old(kept[column], column):
            raise DataError(
                f"study `{study}`, column `{column}`",
                rule=f"ages of {TOP_AGE} and more become {TOP_AGE}",
                received="higher ages in a column that is not declared to hold ages",
                remedy="Name it under `deidentification.ages` in params.yaml; or, if it holds none, under"
                " `not_identifying`.",
            )
    ages = {column: _top_coded(kept[column], column, study) for column in spec.ages}
    years = {column: _years(kept[column], column, study) for column in spec.dates}
    return kept.assign(**ages, **years)


def check_ids(ids: pd.Series, *, study: str) -> None:
    """Refuse ids that are missing or given twice.

    Raises
    ------
    DataError
        With the count of such rows, never the ids themselves.
    """
    missing, repeated = int(ids.isna().sum()), int(ids.duplicated().sum())
    if missing or repeated:
        raise DataError(
            f"study `{study}`, patient ids",
            rule="every row is one patient with an id of their own",
            received=f"{missing} rows without an id and {repeated} rows that repeat an earlier id",
            remedy="Join the rows of each patient, or correct `source.id` in params.yaml.",
        )


def identifier(column: pd.Series) -> str | None:
    """Return which of Safe Harbor's identifiers a column looks like, by its name or its values; None if it does not."""
    return _by_name(str(column.name)) or _by_form(column)


def _present(frame: pd.DataFrame, spec: Deidentification, study: str) -> None:
    for key in ("ages", "dates", "removed", "not_identifying"):
        for column in getattr(spec, key):
            if column not in frame.columns:
                raise _unfit_column(
                    study,
                    column,
                    rule=f"a column under `deidentification.{key}` is in the source",
                    received="no such column",
                    near=did_you_mean(column, frame.columns),
                )


def _by_name(column: str) -> str | None:
    words = _words(column)
    phrases = [kind for phrase, kind in _PHRASES.items() if phrase in pairwise(words)]
    return next(iter(phrases + [_WORDS[word] for word in words if word in _WORDS]), None)


def _words(column: str) -> list[str]:
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", column)
    return [word for word in re.split(r"[^a-z]+", split.lower()) if word]


def _old(column: pd.Series, name: str) -> bool:
    return "age" in _words(name) and pd.api.types.is_numeric_dtype(column) and bool((column > TOP_AGE).any())


def _by_form(column: pd.Series) -> str | None:
    if pd.api.types.is_datetime64_any_dtype(column):
        return "dates"
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    texts = column.dropna().astype(str).str.strip()
    for kind, form in _FORMS.items():
        if texts.str.contains(rf"(?<!\w)(?:{form})(?!\w)").any():
            return kind
    return _CODE if len(texts) >= _FEW and texts.nunique() > len(texts) / 2 else None


def _top_coded(ages: pd.Series, column: str, study: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(ages):
        raise _unfit_column(study, column, rule="an age is a number of years", received=f"{ages.dtype} values")
    return ages.clip(upper=TOP_AGE)  # unlike `mask`, it leaves the unknown age of a nullable column unknown


def _years(dates: pd.Series, column: str, study: str) -> pd.Series:
    if pd.api.types.is_numeric_dtype(dates):
        whole = dates.dropna()
        if not ((whole == np.floor(whole)) & whole.between(1800, 2200)).all():
            raise _unfit_column(study, column, rule="a date is a date or a year", received="numbers that are not years")
        return dates.astype("Int64")
    try:
        return pd.to_datetime(dates, errors="raise", format="ISO8601").dt.year.astype("Int64")
    except (ValueError, TypeError):
        # The cause quotes the text that is not a date.
        raise _unfit_column(
            study, column, rule="a date is written YYYY-MM-DD", received="texts of another form"
        ) from None


def _unfit_column(study: str, column: str, *, rule: str, received: str, near: str = "") -> DataError:
    return DataError(
        f"study `{study}`, column `{column}`",
        rule=rule,
        received=received,
        remedy=f"{near}Correct the source, or `deidentification` in params.yaml.",
    )
