"""A small OMOP common data model of drawn people, in DuckDB: the tables that queries for cohorts read."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

PEOPLE = 400
DIABETES, TYPE_2, RETIRED, ATTACK, CREATININE, METFORMIN, OUTPATIENT = (
    201820,
    201826,
    40000001,
    4329847,
    3016723,
    1503297,
    9202,
)
MG_DL, UMOL_L = 8840, 8749
_FIRST = pd.Timestamp("2010-01-01")


def write_database(path: Path, *, people: int = PEOPLE, seed: int = 0) -> None:
    """Write the database; some people have two observation periods, early events, or measurements in two units."""
    random = np.random.default_rng(seed)
    persons = np.arange(1, people + 1)
    tables = {
        "person": pd.DataFrame(
            {
                "person_id": persons,
                "gender_concept_id": random.choice([8507, 8532], people),
                "year_of_birth": random.integers(1930, 1990, people),
            }
        ),
        "observation_period": _periods(persons, random),
        "condition_occurrence": _drawn("condition", persons, [DIABETES, TYPE_2, RETIRED, ATTACK, 999], 5, random),
        "drug_exposure": _drawn("drug", persons, [METFORMIN, 998], 3, random),
        "visit_occurrence": _drawn("visit", persons, [OUTPATIENT, 9201], 4, random),
        "measurement": _drawn("measurement", persons, [CREATININE], 4, random),
        "death": pd.DataFrame({"person_id": persons[::7], "death_date": _days(len(persons[::7]), random, 1500, 3600)}),
        "concept": pd.DataFrame(
            {
                "concept_id": [DIABETES, TYPE_2, RETIRED, ATTACK, CREATININE, METFORMIN, OUTPATIENT],
                "invalid_reason": [None, None, "D", None, None, None, None],
            }
        ),
        "concept_ancestor": pd.DataFrame(
            {
                "ancestor_concept_id": [DIABETES, DIABETES, DIABETES, ATTACK],
                "descendant_concept_id": [DIABETES, TYPE_2, RETIRED, ATTACK],
            }
        ),
    }
    with duckdb.connect(str(path)) as connection:
        for name, table in tables.items():
            days = {column: table[column].dt.date for column in table if str(column).endswith("_date")}
            connection.register("drawn", table.assign(**days))
            connection.sql("SELECT * FROM drawn").create(name)
            connection.unregister("drawn")


def _days(many: int, random: np.random.Generator, first: int = 0, last: int = 3650) -> pd.Series:
    return pd.Series(_FIRST + pd.to_timedelta(random.integers(first, last, many), unit="D"))


def _periods(persons: np.ndarray, random: np.random.Generator) -> pd.DataFrame:
    whose = np.concatenate([persons, persons[::3]])
    begin = np.concatenate([random.integers(0, 900, len(persons)), random.integers(2200, 2500, len(persons[::3]))])
    length = np.concatenate([random.integers(100, 1200, len(persons)), random.integers(300, 1100, len(persons[::3]))])
    return pd.DataFrame(
        {
            "observation_period_id": np.arange(1, len(whose) + 1),
            "person_id": whose,
            "observation_period_start_date": _FIRST + pd.to_timedelta(begin, unit="D"),
            "observation_period_end_date": _FIRST + pd.to_timedelta(begin + length, unit="D"),
        }
    )


def _drawn(kind: str, persons: np.ndarray, concepts: list[int], each: int, random: np.random.Generator) -> pd.DataFrame:
    whose = np.repeat(persons, random.poisson(each, len(persons)))
    many = len(whose)
    name = {"condition": "condition_occurrence", "drug": "drug_exposure", "visit": "visit_occurrence"}.get(kind, kind)
    start = {"drug": "drug_exposure_start_date", "measurement": "measurement_date"}.get(kind, f"{kind}_start_date")
    days = _days(many, random)
    frame = pd.DataFrame(
        {f"{name}_id": np.arange(1, many + 1), "person_id": whose, f"{kind}_concept_id": random.choice(concepts, many)}
    ).assign(**{start: days})
    if kind == "measurement":
        units = random.choice([MG_DL, UMOL_L], many, p=[0.8, 0.2])
        value = np.where(random.random(many) < 0.1, np.nan, random.normal(1, 0.2, many).round(2))
        return frame.assign(value_as_number=np.where(units == MG_DL, value, value * 88.4), unit_concept_id=units)
    if kind == "visit":
        return frame.assign(visit_end_date=days)
    ends = {start.replace("start", "end"): days + pd.to_timedelta(3, unit="D")}
    return frame.assign(**ends, visit_occurrence_id=0)
