"""Suites of expectations: JSON files that a clinician can read and sign, checked before anything runs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints, model_validator

from theragate.digests import sha256_bytes
from theragate.errors import ConfigurationError, nearest
from theragate.files import read_bytes
from theragate.study import Spec, spec_of, unfit
from theragate.validation._expectation_types import ARGUMENTS, EXPECTATIONS
from theragate.validation.types import Severity

__all__ = ["Expectation", "Suite", "read_suite"]

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
REMEDY = "Correct the suite; the other suites in expectations/ show the form."


class Meta(Spec):
    """What a reader needs to know of an expectation: its name, what it says, its unit, and why it is so."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
    description: Sentence
    unit: str = ""
    reason: str = ""


class Expectation(Spec):
    """One rule of a suite, in the form of Great Expectations."""

    type: str
    kwargs: dict[str, Any]
    severity: Severity
    meta: Meta

    @model_validator(mode="after")
    def _known(self) -> "Expectation":
        if self.type not in EXPECTATIONS:
            near = nearest(self.type, EXPECTATIONS)
            hint = f" (the nearest is `{near}`)" if near else ""
            raise unfit("its `type` is an expectation that a suite may use", f"`{self.type}`{hint}")
        allowed = EXPECTATIONS[self.type]
        for name, value in self.kwargs.items():
            if name not in (*allowed.needed, *allowed.taken):
                raise unfit(f"`{self.type}` takes {_listed((*allowed.needed, *allowed.taken))}", f"`{name}`")
            accepts, form = ARGUMENTS[name]
            if not accepts(value):
                raise unfit(f"the argument `{name}` is {form}", f"`{repr(value)[:80]}`")
        absent = [name for name in allowed.needed if name not in self.kwargs]
        if absent:
            raise unfit(f"`{self.type}` needs the argument `{absent[0]}`", _listed(self.kwargs))
        if allowed.one_of and not set(allowed.one_of) & set(self.kwargs):
            needed = " or ".join(f"`{name}`" for name in allowed.one_of)
            raise unfit(f"`{self.type}` needs {needed}", _listed(self.kwargs))
        low, high = self.kwargs.get("min_value", float("-inf")), self.kwargs.get("max_value", float("inf"))
        if low > high:
            raise unfit("`min_value` is at most `max_value`", f"{low} and {high}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads; none for a rule about the table."""
        named = [self.kwargs[name] for name in ("column", "column_A", "column_B") if name in self.kwargs]
        return (*named, *self.kwargs.get("column_list", ()))


def _listed(arguments: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in arguments) or "no argument"


@dataclass(frozen=True)
class Suite:
    """The expectations of one study, in the file's order, and the SHA-256 of the file."""

    study: str
    expectations: tuple[Expectation, ...]
    sha256: str


def read_suite(path: Path, *, study: str) -> Suite:
    """Read ``expectations/<study>.json``: ``{name, meta, expectations: [{type, kwargs, severity, meta}]}``.

    Great Expectations is not loaded, so that all suites are checked in milliseconds.

    Raises
    ------
    ConfigurationError
        If the file is missing, is not JSON, belongs to another study or holds no expectation, or if an expectation has
        an unknown type, severity, key or argument, an argument of the wrong form, no id, or the id of another.
    """
    content, raw = _read(path)
    subject = f"suite `{path.name}`"
    if not isinstance(raw, dict) or set(raw) - {"name", "meta", "expectations"}:
        received = _listed(raw) if isinstance(raw, dict) else f"JSON of another type ({type(raw).__name__})"
        raise _wrong_suite(subject, rule="its keys are name, meta, expectations", received=received)
    if raw.get("name") != study:
        raise _wrong_suite(
            subject, rule=f"its `name` is its study's, `{study}`", received=f"`{str(raw.get('name'))[:80]}`"
        )
    entries = raw.get("expectations")
    if not isinstance(entries, list) or not entries:
        raise _wrong_suite(subject, rule="`expectations` lists at least one expectation", received="none")
    expectations = tuple(_expectation(entry, number, subject) for number, entry in enumerate(entries, start=1))
    seen: set[str] = set()
    for expectation in expectations:
        if expectation.meta.id in seen:
            raise _wrong_suite(
                subject, rule="every expectation has an id of its own", received=f"`{expectation.meta.id}` twice"
            )
        seen.add(expectation.meta.id)
    return Suite(study, expectations, sha256_bytes(content))


def _read(path: Path) -> tuple[bytes, Any]:
    try:
        content = read_bytes(path)
    except OSError as error:
        received = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or "an error"
        remedy = f"Write the expectations of the study into expectations/{path.name}."
        raise ConfigurationError(
            f"suite `{path.name}`", rule="every study has a suite", received=received, remedy=remedy
        ) from error
    try:
        return content, json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        where = f"an error at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)[:120]
        raise _wrong_suite(f"suite `{path.name}`", rule="the file is valid JSON", received=where) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"the key `{twice[0]}` twice in one place")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"the word {name}, which is no JSON number")


def _expectation(entry: Any, number: int, subject: str) -> Expectation:
    meta = entry.get("meta") if isinstance(entry, dict) else None
    name = meta.get("id") if isinstance(meta, dict) else None
    at = f"{subject}, expectation {number}" + (f" (`{str(name)[:80]}`)" if name else "")
    return spec_of(Expectation, entry, subject=at, remedy=REMEDY, error=ConfigurationError)


def _wrong_suite(subject: str, *, rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(subject, rule=rule, received=received, remedy=REMEDY)
