"""Cohorts of an OMOP common data model: who enters is who Circe lets in, and a draft of them runs."""

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from cohorts.servers import postgres_server
from drafting.omop_database import ATTACK, CREATININE, DIABETES, METFORMIN, MG_DL, OUTPATIENT, write_database
from sqlalchemy import create_engine
from support import Project

from theragate.cli import main
from theragate.cohorts.sources import read_source
from theragate.digests import sha256_bytes
from theragate.drafting.omop import Concepts, OmopCohort, omop_query, read_concepts, read_covariate
from theragate.errors import ConfigurationError, DataError, StoreError
from theragate.study import SqlSource, load_study

# Whom Circe lets in on which day (ohdsi-circepy 0.3.0, its SQL for a primary event with descendants, so many days of
# prior observation, the earliest event of each person) in this very database: how many, the beginning of the digest.
CIRCE = {
    ("condition", DIABETES, 365): (85, "69170b0428ad"),
    ("condition", DIABETES, 0): (155, "08872a2e3754"),
    ("drug", METFORMIN, 180): (92, "99b861c5141c"),
    ("visit", OUTPATIENT, 365): (94, "fe7415cc1ca4"),
}
DEATH = Concepts("death", ())


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("omop") / "cdm.duckdb"
    write_database(path)
    return path


def rows(database: Path, cohort: OmopCohort, tail: str = "", **parameters: int) -> pd.DataFrame:
    query = re.sub(r":(\w+)", lambda name: str(parameters[name[1]]), omop_query(cohort))
    head = query[: query.rindex("\nSELECT\n  c.person_id")] if tail else query
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.sql(head + tail).df()


@pytest.mark.parametrize("entry", CIRCE, ids=str)
def test_who_enters_and_when_is_as_circe_says(database, entry):
    domain, concept, before = entry
    tail = " SELECT person_id, index_day FROM cohort ORDER BY person_id"
    found = rows(database, OmopCohort(Concepts(domain, (concept,)), DEATH), tail, observed_before=before)
    lines = [f"{person} {day:%Y-%m-%d}" for person, day in zip(found["person_id"], found["index_day"], strict=True)]
    assert (len(found), sha256_bytes("\n".join(lines).encode())[:12]) == CIRCE[entry]


COHORT = OmopCohort(
    index=Concepts("condition", (DIABETES,)),
    event=Concepts("condition", (ATTACK,)),
    covariates=(
        ("metformin", Concepts("drug", (METFORMIN,))),
        ("creatinine", Concepts("measurement", (CREATININE,), MG_DL)),
    ),
)


def test_covariates_and_follow_up_are_those_of_the_tables(database):
    """The query against the same by pandas, person after person."""
    found = rows(database, COHORT, observed_before=0, window=365).set_index("person_id").sort_index()
    tail = " SELECT * FROM cohort ORDER BY person_id"
    entered = rows(database, COHORT, tail, observed_before=0, window=365).set_index("person_id")
    entered = entered[entered["last_day"] > entered["index_day"]]
    assert list(found.index) == list(entered.index)
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = ("condition_occurrence", "drug_exposure", "measurement")
        conditions, drugs, values = (connection.table(name).df() for name in tables)
    attacks = conditions[conditions["condition_concept_id"] == ATTACK]
    for person, (index, last) in entered[["index_day", "last_day"]].iterrows():
        row = found.loc[person]
        seen = attacks.loc[attacks["person_id"] == person, "condition_start_date"]
        seen = seen[(seen > index) & (seen <= last)]
        assert row["event"] == bool(len(seen))
        assert row["days"] == ((seen.min() if len(seen) else last) - index).days
        taken = drugs[(drugs["person_id"] == person) & (drugs["drug_concept_id"] == METFORMIN)]
        since = (index - taken["drug_exposure_start_date"]).dt.days
        assert row["metformin"] == since.between(0, 365).any()
        own = values[(values["person_id"] == person) & (values["unit_concept_id"] == MG_DL)].dropna()
        own = own[(index - own["measurement_date"]).dt.days.between(0, 365)]
        own = own.sort_values(["measurement_date", "measurement_id"])
        last_value = own["value_as_number"].iloc[-1] if len(own) else None
        assert row["creatinine"] == last_value or (last_value is None and pd.isna(row["creatinine"]))
    assert found["creatinine"].notna().sum() > 10
    assert found["event"].sum() > 5


def test_death_is_an_event(database):
    found = rows(database, OmopCohort(COHORT.index, DEATH), observed_before=0)
    assert 0 < found["event"].sum() < len(found)


@pytest.mark.parametrize(
    "text", ["conditions:1", "condition", "condition:", "condition:x", "condition:1,", "death:1", "drug:1:2", "a;b:1"]
)
def test_what_names_no_concepts_is_refused(text):
    with pytest.raises(ConfigurationError, match="--index: "):
        read_concepts("--index", text)


def test_names_and_schemas_are_plain():
    assert read_covariate("--covariate", "bp=measurement:1,2:3") == ("bp", Concepts("measurement", (1, 2), 3))
    for text in ("BP=drug:1", "drug:1", "age=drug:1", "a b=drug:1"):
        with pytest.raises(ConfigurationError, match="--covariate: it is NAME=DOMAIN"):
            read_covariate("--covariate", text)
    assert "FROM cdm.death" in omop_query(OmopCohort(DEATH, DEATH, schema="cdm"))
    with pytest.raises(ConfigurationError, match="it is the name of a schema"):
        omop_query(OmopCohort(DEATH, DEATH, schema="cdm; DROP TABLE person"))


@pytest.mark.xdist_group("postgres")
def test_postgresql_gives_the_same_rows(database, tmp_path):
    folder = tmp_path / "sources" / "s"
    folder.mkdir(parents=True)
    (folder / "q.sql").write_text(omop_query(COHORT), "utf-8")
    parameters = {"observed_before": 1, "window": 365}
    words = {"citation": "Ours.", "licence": "None."}
    spec = SqlSource(
        kind="sql",
        url_variable="OMOP_URL",
        query="q.sql",
        id="person_id",
        parameters=parameters,
        **words,
    )
    with postgres_server() as url:
        with duckdb.connect(str(database), read_only=True) as connection:
            tables = {name: connection.table(name).df() for (name,) in connection.sql("SHOW TABLES").fetchall()}
        engine = create_engine(url)
        for name, table in tables.items():
            days = {column: table[column].dt.date for column in table if str(column).endswith("_date")}
            table.assign(**days).to_sql(name, engine, index=False)
        engine.dispose()
        theirs = read_source(spec, tmp_path, study="s", environ={"OMOP_URL": url}).frame
    ours = read_source(spec, tmp_path, study="s", environ={"OMOP_URL": f"duckdb:///{database}"}).frame
    pd.testing.assert_frame_equal(theirs, ours, check_dtype=False)


def draft(project: Project, database: Path, monkeypatch: pytest.MonkeyPatch, *covariates: str) -> int:
    monkeypatch.setenv("OMOP_URL", f"duckdb:///{database}")
    monkeypatch.chdir(project.root)
    index = ["--index", f"condition:{DIABETES}", "--event", f"condition:{ATTACK}", "--observed-before", "1"]
    return main(["new-study", "diabetes_deaths", "--omop", "OMOP_URL", *index, "--covariate", *covariates])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write()
    return made


def test_a_study_is_drafted_and_its_cohort_is_read_again(database, project, monkeypatch, capsys):
    made = draft(
        project, database, monkeypatch, f"metformin=drug:{METFORMIN}", f"creatinine=measurement:{CREATININE}:{MG_DL}"
    )
    assert made == 0, capsys.readouterr().err
    study = load_study(project.root / "params.yaml", "diabetes_deaths")
    assert isinstance(study.source, SqlSource)
    assert study.source.parameters == {"observed_before": 1, "window": 365}
    environ = {"OMOP_URL": f"duckdb:///{database}"}
    frame = read_source(study.source, project.root, study="diabetes_deaths", environ=environ).frame
    assert list(frame) == ["person_id", "age", "sex", "metformin", "creatinine", "days", "event"]
    assert "is one SELECT" in (project.root / "sources" / "diabetes_deaths" / "README.md").read_text("utf-8")


def test_two_units_of_a_measurement_are_refused(database, project, monkeypatch, capsys):
    assert draft(project, database, monkeypatch, f"creatinine=measurement:{CREATININE}") == 1
    said = capsys.readouterr().err
    assert "the values of a measurement have one unit; received the unit concepts 8749, 8840" in said
    assert not (project.root / "sources" / "diabetes_deaths").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "a study is drafted --from a table, or from a database by --omop"),
        (["--omop", "A", "--from", "a.csv"], "a study is drafted --from a table, or from a database by --omop"),
        (["--omop", "A"], "--omop needs --index"),
        (["--from", "a.csv", "--index", "death"], "--index is about a database, and goes with --omop"),
        (["--omop", "A", "--index", "death", "--event", "death", "--time", "t"], "the query says which column is what"),
    ],
)
def test_options_go_together(project, monkeypatch, capsys, options, said):
    monkeypatch.chdir(project.root)
    assert main(["new-study", "some_study", *options]) != 0
    assert said in capsys.readouterr().err


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    folder = tmp_path / "sources" / "s"
    folder.mkdir(parents=True)
    (folder / "q.sql").write_text("SELECT 1 AS id", "utf-8")
    spec = SqlSource(kind="sql", url_variable="OMOP_URL", query="q.sql", id="id", citation="Ours.", licence="None.")
    with pytest.raises(StoreError, match=r"no connection \(FileNotFoundError\)"):
        read_source(spec, tmp_path, study="s", environ={"OMOP_URL": f"duckdb:///{tmp_path / 'none.duckdb'}"})
    assert not (tmp_path / "none.duckdb").exists()


def test_a_database_is_opened_to_read_alone(database, tmp_path):
    folder = tmp_path / "sources" / "s"
    folder.mkdir(parents=True)
    (folder / "q.sql").write_text("CREATE TABLE mine AS SELECT 1 AS id", "utf-8")
    spec = SqlSource(kind="sql", url_variable="OMOP_URL", query="q.sql", id="id", citation="Ours.", licence="None.")
    with pytest.raises(DataError, match="the database answers it with rows"):
        read_source(spec, tmp_path, study="s", environ={"OMOP_URL": f"duckdb:///{database}"})
