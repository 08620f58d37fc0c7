"""A query for a cohort from an OMOP common data model: index date, event, follow-up, covariates in windows.

Who enters, and when, is what ATLAS and Circe mean by the earliest event with continuous observation before it: of all
events of the index concepts that lie within an observation period which began long enough before, the first. Concepts
stand for their descendants too.

Reference: OMOP CDM 5.4, https://ohdsi.github.io/CommonDataModel/cdm54.html; cohort definitions, The Book of OHDSI,
chapter 10, https://ohdsi.github.io/TheBookOfOhdsi/.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from theragate.errors import ConfigurationError, did_you_mean

__all__ = ["DOMAINS", "Concepts", "OmopCohort", "omop_query", "read_concepts", "read_covariate", "unit_query"]

_WINDOW = 365  # days before the index date, in which covariates are looked for
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class _Domain:
    """A table of events: its columns of the concept and of the day of an event."""

    table: str
    concept: str
    day: str


DOMAINS = {
    "condition": _Domain("condition_occurrence", "condition_concept_id", "condition_start_date"),
    "drug": _Domain("drug_exposure", "drug_concept_id", "drug_exposure_start_date"),
    "measurement": _Domain("measurement", "measurement_concept_id", "measurement_date"),
    "observation": _Domain("observation", "observation_concept_id", "observation_date"),
    "procedure": _Domain("procedure_occurrence", "procedure_concept_id", "procedure_date"),
    "visit": _Domain("visit_occurrence", "visit_concept_id", "visit_start_date"),
}


@dataclass(frozen=True)
class Concepts:
    """Events of a domain by concepts and their descendants; of death, without any."""

    domain: str
    ids: tuple[int, ...]
    unit: int | None = None  # the concept of the unit in which a measurement counts


@dataclass(frozen=True)
class OmopCohort:
    """What a person asks for: who enters, what happens, what is known before."""

    index: Concepts
    event: Concepts
    covariates: tuple[tuple[str, Concepts], ...] = ()
    schema: str | None = None


def read_concepts(option: str, text: str) -> Concepts:
    """Read ``condition:201826,443238``, ``measurement:3004410:8840`` (with its unit) or ``death``.

    Raises
    ------
    ConfigurationError
        If it is none of these.
    """
    domain, _, rest = text.partition(":")
    ids, _, unit = rest.partition(":")
    form = "DOMAIN:CONCEPT,CONCEPT, such as condition:201826; of a measurement also its unit, measurement:3004410:8840"
    known = [*DOMAINS, "death"]
    numbers = [*ids.split(","), *([unit] if unit else [])]
    if domain == "death" and not rest:
        return Concepts("death", ())
    if domain not in DOMAINS or not all(re.fullmatch(r"[0-9]{1,10}", number) for number in numbers):
        raise ConfigurationError(
            option,
            rule=f"it is {form}; a domain is one of {', '.join(known)}",
            received=f"`{text[:80]}`",
            remedy=f"{did_you_mean(domain, known) if domain not in known else ''}Correct it.",
        )
    if unit and domain != "measurement":
        raise ConfigurationError(
            option, rule="only a measurement has a unit", received=f"`{text[:80]}`", remedy="Omit it."
        )
    return Concepts(domain, tuple(map(int, ids.split(","))), int(unit) if unit else None)


def read_covariate(option: str, text: str) -> tuple[str, Concepts]:
    """Read ``NAME=DOMAIN:CONCEPT,…``.

    Raises
    ------
    ConfigurationError
        If it is not that, or as `read_concepts`.
    """
    name, _, rest = text.partition("=")
    if not _NAME.fullmatch(name) or name in _OWN:
        raise ConfigurationError(
            option,
            rule=f"it is NAME=DOMAIN:CONCEPT,…; a name is small letters, digits and _, none of {', '.join(_OWN)}",
            received=f"`{text[:80]}`",
            remedy="Correct it.",
        )
    return name, read_concepts(option, rest)


_OWN = ("person_id", "event", "days", "age", "sex")

_HEAD = """\
-- One row a patient from an OMOP common data model (5.3 or 5.4), for DuckDB and PostgreSQL. Index date: of all events
-- of the index concepts that have `observed_before` days of observation before them, the first of each person.
-- Concepts stand for their descendants too. Drafted by `theragate new-study`.
WITH
"""
_EVENTS = """\
{name} AS (
  SELECT e.person_id, e.{day} AS day
  FROM {schema}{table} AS e
  WHERE e.{concept} IN ({concepts})
)"""
_DEATHS = """\
{name} AS (
  SELECT person_id, death_date AS day FROM {schema}death
)"""
_CONCEPTS = """
    SELECT concept_id FROM {schema}concept WHERE concept_id IN ({ids})
    UNION
    SELECT a.descendant_concept_id FROM {schema}concept_ancestor AS a
    JOIN {schema}concept AS d ON d.concept_id = a.descendant_concept_id AND d.invalid_reason IS NULL
    WHERE a.ancestor_concept_id IN ({ids})
  """
_COHORT = """\
entries AS (
  SELECT e.person_id, e.day AS index_day, p.observation_period_end_date AS last_day,
         row_number() OVER (PARTITION BY e.person_id ORDER BY e.day, p.observation_period_end_date) AS place
  FROM index_events AS e
  JOIN {schema}observation_period AS p
    ON p.person_id = e.person_id
   AND e.day >= p.observation_period_start_date + CAST(:observed_before AS INTEGER)
   AND e.day <= p.observation_period_end_date
),
cohort AS (
  SELECT person_id, index_day, last_day FROM entries WHERE place = 1
),
first_events AS (
  SELECT c.person_id, min(e.day) AS day
  FROM cohort AS c
  JOIN outcome_events AS e ON e.person_id = c.person_id AND e.day > c.index_day AND e.day <= c.last_day
  GROUP BY c.person_id
)"""
_SEEN = """\
{name}_values AS (
  SELECT DISTINCT c.person_id, 1 AS value
  FROM cohort AS c
  JOIN {name}_events AS e
    ON e.person_id = c.person_id AND e.day <= c.index_day AND e.day >= c.index_day - CAST(:window AS INTEGER)
)"""
_MEASURED = """\
{name}_events AS (
  SELECT c.person_id, e.value_as_number AS value,
         row_number() OVER (PARTITION BY c.person_id ORDER BY e.measurement_date DESC, e.measurement_id DESC) AS place
  FROM cohort AS c
  JOIN {schema}measurement AS e
    ON e.person_id = c.person_id AND e.measurement_date <= c.index_day
   AND e.measurement_date >= c.index_day - CAST(:window AS INTEGER)
  WHERE e.value_as_number IS NOT NULL{unit} AND e.measurement_concept_id IN ({concepts})
),
{name}_values AS (
  SELECT person_id, value FROM {name}_events WHERE place = 1
)"""
_UNITS = """\
SELECT DISTINCT coalesce(e.unit_concept_id, 0) AS unit
FROM {schema}measurement AS e
WHERE e.value_as_number IS NOT NULL AND e.measurement_concept_id IN ({concepts})
"""
_SELECT = """
SELECT
  c.person_id AS person_id,
  CAST(extract(year FROM c.index_day) AS INTEGER) - p.year_of_birth AS age,
  CASE p.gender_concept_id WHEN 8507 THEN 'male' WHEN 8532 THEN 'female' END AS sex,
{columns}  coalesce(f.day, c.last_day) - c.index_day AS days,
  CASE WHEN f.day IS NULL THEN 0 ELSE 1 END AS event
FROM cohort AS c
JOIN {schema}person AS p ON p.person_id = c.person_id
LEFT JOIN first_events AS f ON f.person_id = c.person_id
{joins}WHERE c.last_day > c.index_day
"""


def omop_query(cohort: OmopCohort) -> str:
    """Return one SELECT, with the parameters ``:observed_before`` and ``:window``, both in days.

    Its columns are ``person_id``, ``age`` (years, by the year of birth), ``sex``, the covariates, ``days`` (from the
    index date to the event or the end of observation) and ``event`` (1 or 0). A covariate of a measurement is its last
    value in the window, of everything else 1 or 0. Who was not followed for a day is left out.

    Raises
    ------
    ConfigurationError
        If the schema is no name of one.
    """
    schema = _schema(cohort.schema)
    parts = [_events("index_events", cohort.index, schema), _events("outcome_events", cohort.event, schema)]
    parts.append(_COHORT.format(schema=schema))
    columns, joins = "", ""
    for name, concepts in cohort.covariates:
        parts += _covariate(name, concepts, schema)
        value = f"{name}_values.value"
        seen = value if concepts.domain == "measurement" else f"coalesce({value}, 0)"
        columns += f"  {seen} AS {name},\n"
        joins += f"LEFT JOIN {name}_values ON {name}_values.person_id = c.person_id\n"
    return _HEAD + ",\n".join(parts) + _SELECT.format(schema=schema, columns=columns, joins=joins)


def unit_query(concepts: Concepts, schema: str | None) -> str:
    """Return a SELECT of the units, in the column ``unit``, in which values of a measurement are; 0 is no unit."""
    named = _schema(schema)
    return _UNITS.format(schema=named, concepts=_descendants(concepts.ids, named))


def _schema(name: str | None) -> str:
    if name is None:
        return ""
    if not _SCHEMA.fullmatch(name):
        raise ConfigurationError(
            "--schema",
            rule="it is the name of a schema: letters, digits and _",
            received=f"`{name[:80]}`",
            remedy="Correct it.",
        )
    return f"{name}."


def _events(name: str, concepts: Concepts, schema: str) -> str:
    if concepts.domain == "death":
        return _DEATHS.format(name=name, schema=schema)
    domain = DOMAINS[concepts.domain]
    return _EVENTS.format(
        name=name,
        schema=schema,
        table=domain.table,
        concept=domain.concept,
        day=domain.day,
        concepts=_descendants(concepts.ids, schema),
    )


def _covariate(name: str, concepts: Concepts, schema: str) -> list[str]:
    if concepts.domain != "measurement":
        return [_events(f"{name}_events", concepts, schema), _SEEN.format(name=name)]
    unit = "" if concepts.unit is None else f" AND coalesce(e.unit_concept_id, 0) = {concepts.unit}"
    listed = _descendants(concepts.ids, schema)
    return [_MEASURED.format(name=name, schema=schema, unit=unit, concepts=listed)]


def _descendants(ids: Sequence[int], schema: str) -> str:
    return _CONCEPTS.format(schema=schema, ids=", ".join(map(str, ids)))
