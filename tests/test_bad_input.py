"""Bad input gets one clear line: subject, rule, received value, remedy. No traceback, no patient's value, no loss.

What a stage wrote before stays as it was; nothing half-made appears in its place.
"""

import os
import sys

import numpy as np
import pandas as pd
import pytest
from support import STUDY, Project, small_cohort

from theragate.commands.check import check
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.train import train
from theragate.stages.validate import validate

SECRET = 777.125  # a patient's value that no message may repeat


@pytest.fixture(autouse=True)
def _inside(project, monkeypatch):
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("THERAGATE_JOBS", "1")


@pytest.fixture
def refused(capsys):
    """Run a stage that must fail; return its one line."""

    def run(stage, *, study: str = STUDY) -> str:
        capsys.readouterr()
        assert exit_code(stage, [study]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        lines = shown.err.strip().splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("error: ")
        assert "; received " in lines[0]
        assert "Traceback" not in lines[0]
        assert str(SECRET) not in lines[0]
        return lines[0]

    return run


def ingested(project: Project) -> None:
    assert exit_code(ingest, [STUDY]) == 0


def cohort_with(project: Project, **columns: object) -> None:
    project.put(small_cohort().assign(**columns))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.params.update(sed=1), "its keys are seed, policies, studies; received the unknown key `sed`"),
        (lambda p: p.params.update(seed="x"), "the seed is a whole number"),
        (lambda p: p.study.update(tunning={}), f"key `studies.{STUDY}.tunning`.*an unknown key"),
        (lambda p: p.study.pop("card"), f"key `studies.{STUDY}.card`: this key is required"),
        (lambda p: p.study["tuning"].update(trials="many"), r"`studies.*tuning.trials`.*integer.*'many'"),
        (lambda p: p.study["tuning"].update(trials=0), r"`studies.*tuning.trials`.*greater than or equal to 1"),
        (lambda p: p.study.update(task="clustering"), r"`studies.*task`.*'survival' or 'treatment_effect'"),
        (lambda p: p.study.update(task="survival"), "task `survival` does not fit this `outcome`"),
        (
            lambda p: p.study["source"].update(kind="telepathy"),
            r"`studies.*source.kind`: .*bundled, file, .*; received `telepathy`",
        ),
        (
            lambda p: p.study.update(source={"kind": "bundled", "name": "wdbx", "citation": "Us.", "licence": "None."}),
            f"key `studies.{STUDY}.source.name`: a bundled cohort is one of wdbc, .*; received `wdbx`",
        ),
        (lambda p: p.study["gates"].update(horoscope={"reason": "For fun."}), "horoscope"),
        (lambda p: p.study["gates"].pop("fairness"), "fairness"),
        (lambda p: p.study["gates"]["calibration"].pop("reason"), "reason"),
        (lambda p: p.study["gates"]["discrimination"].update(metric="r2"), "r2"),
        (lambda p: p.study["gates"]["fairness"]["within_group"].update(luck=0.1), "luck"),
        (lambda p: p.study["tuning"].update(families=["oracle"]), "oracle"),
        (lambda p: p.study["decision"].update(threshold=0.9), "`threshold` must lie inside `range`"),
        (lambda p: p.suite.update(expectations=[]), "expectation"),
    ],
)
def test_a_wrong_declaration_is_found_before_anything_runs(change, message, project):
    change(project)
    project.write()
    from theragate.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=message):
        check(project.root)


def test_the_small_study_is_well_declared(project):
    assert STUDY in check(project.root)


def test_an_unknown_study_names_those_that_exist(refused):
    assert f"there are {STUDY}" in refused(ingest, study="nobody")


@pytest.mark.parametrize("text", ["studies: [", "", "- 1", "\x00"])
def test_a_file_that_is_no_params_file(text, project, refused):
    (project.root / "params.yaml").write_text(text, encoding="utf-8")
    assert "params.yaml" in refused(ingest)


def test_a_missing_params_file(project, refused):
    (project.root / "params.yaml").unlink()
    assert "Run the command in a project" in refused(ingest)


def test_a_missing_source(project, refused):
    project.table.unlink()
    assert "source file `sources/small_study/small.csv`: the file exists; received no such file" in refused(ingest)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_an_unreadable_source(project, refused):
    project.table.chmod(0)
    assert "PermissionError" in refused(ingest)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ill": "no"}, "patients with and without the event; received 160 patients of one class"),
        ({"ill": np.nan}, "the outcome is known for every patient; received 160 missing values"),
        ({"record": "same"}, "159 rows that repeat an earlier id"),
        ({"email": "ada@example.org"}, "column `email`.*none of Safe Harbor's identifiers"),
        ({"contact": "phone 555-867-5309, evenings"}, "column `contact`.*none of Safe Harbor's identifiers"),
        ({"barcode": [f"AB{i:03}" for i in range(160)]}, "column `barcode`.*a code of each patient's own"),
        ({"diagnosed_date": 19991231}, "column `diagnosed_date`.*looks like dates"),
        ({"age_at_onset": SECRET}, "column `age_at_onset`.*higher ages in a column that is not declared"),
        ({"age": "old"}, "an age is a number of years"),
        ({"patient": 1}, "`patient` is the name of Theragate's own id column"),
    ],
)
def test_a_broken_source_is_refused_at_ingest(columns, message, project, refused):
    import re

    cohort_with(project, **columns)
    assert re.search(message, refused(ingest))
    assert not (project.root / "data").exists()


def test_an_empty_source_and_a_source_without_its_outcome(project, refused):
    project.put(small_cohort().head(0))
    assert "at least one patient" in refused(ingest)
    project.put(small_cohort().drop(columns="ill"))
    assert "outcome column `ill`: the outcome column is in the cohort, once; received no such column" in refused(ingest)


def test_negative_survival_times(project, refused):
    project.study["task"] = "survival"
    project.study["outcome"] = {
        "time": "days",
        "event": "died",
        "unit": "days",
        "horizon": 100,
        "horizon_reason": "A test.",
        "description": "Death.",
    }
    project.write()
    random = np.random.default_rng(0)
    frame = small_cohort().drop(columns="ill")
    frame = frame.assign(days=random.exponential(100, len(frame)), died=random.integers(0, 2, len(frame)))
    frame.loc[3, "days"] = -SECRET
    project.put(frame)
    assert "a survival time is 0 or above; received 1 negative times" in refused(ingest)
    project.put(frame.assign(days=frame["days"].abs(), died=2))
    assert "competing events are not supported" in refused(ingest)
    project.put(frame.assign(days=frame["days"].abs()))
    project.study["outcome"]["horizon"] = 10_000
    project.write()
    assert "horizon of 10000 days, and patients followed beyond it; received" in refused(ingest)


def test_more_features_than_patients_where_the_penalty_is_light(project, refused):
    random = np.random.default_rng(0)
    genes = {f"gene_{number}": random.normal(size=160) for number in range(80)}
    cohort_with(project, **genes)
    ingested(project)
    line = refused(validate)
    assert not (project.root / "reports" / STUDY / "validation.json").exists(), "the suite would take minutes"
    assert "family `logistic`: in every inner fold it learns from at least as many patients" in line
    assert "received 83 features and 53 patients. Name another family under `tuning.reference`" in line


def test_a_world_that_nobody_has_written(project, refused):
    project.study["source"] = {
        "kind": "simulated",
        "world": "flatland",
        "patients": 100,
        "seed": 1,
        "citation": "A test.",
        "licence": "None.",
    }
    project.write()
    assert "a world is one of caide_dementia, iwpc_warfarin; received `flatland`" in refused(ingest)


def test_a_column_that_a_suite_names_is_missing_or_empty(project, refused):
    project.suite["expectations"].append(
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "marker"},
            "severity": "critical",
            "meta": {"id": "marker-known", "description": "The marker is measured."},
        }
    )
    project.write()
    cohort_with(project, marker=np.nan)
    ingested(project)
    assert "marker-known" in refused(validate)
    project.put(small_cohort().drop(columns="marker"))
    assert "features.labels`: a column that a study names is in its cohort; received `marker`" in refused(ingest)
    project.study["features"] = {}
    project.study["scenarios"] = {}
    project.write()
    ingested(project)
    assert "marker-known" in refused(validate)
    assert not (project.root / "data" / STUDY / "validated.json").exists()
    assert (project.root / "reports" / STUDY / "validation.html").exists()


def test_a_value_out_of_range_stops_the_study_and_is_not_repeated_anywhere(project, refused):
    frame = small_cohort()
    frame.loc[5, "age"] = 2.0
    frame["pressure"] = SECRET
    project.suite["expectations"].append(
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "pressure", "min_value": 40, "max_value": 300},
            "severity": "critical",
            "meta": {"id": "pressure-range", "description": "Systolic pressure, mmHg."},
        }
    )
    project.write()
    project.put(frame)
    ingested(project)
    line = refused(validate)
    assert "age-range" in line
    assert "pressure-range" in line
    for name in ("validation.json", "validation.html"):
        assert str(SECRET) not in (project.root / "reports" / STUDY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("{", "JSON"),
        ('{"name": "small_study", "meta": {}, "expectations": []}', "expectation"),
        (
            '{"name": "small_study", "meta": {}, "expectations": [{"type": "expect_column_to_be_nice", "kwargs": '
            '{"column": "age"}, "severity": "critical", "meta": {"id": "nice", "description": "It is nice."}}]}',
            "expect_column_to_be_nice",
        ),
    ],
)
def test_a_broken_suite_is_refused(text, message, project, refused):
    ingested(project)
    suite = project.root / "expectations" / f"{STUDY}.json"
    suite.unlink() if text is None else suite.write_text(text, encoding="utf-8")
    assert message in refused(validate)


def test_only_the_cohort_that_was_validated_is_learned_from(project, refused):
    assert f"dvc repro validate@{STUDY}" in refused(train)
    ingested(project)
    assert exit_code(validate, [STUDY]) == 0
    cohort_with(project, age=50.0)
    ingested(project)
    assert "only the cohort that passed validation is learned from" in refused(train)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table"])
def test_a_corrupted_parquet_file_names_what_restores_it(content, project, refused):
    path = project.root / "data" / STUDY / "cohort.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert f"readable Parquet; received a file that is not (ArrowInvalid). Run `dvc repro ingest@{STUDY}`" in refused(
        validate
    )


def test_predictions_that_are_missing_cut_short_or_of_other_patients(project, refused):
    ingested(project)
    assert "no such file" in refused(evaluate)
    assert "no such file" in refused(gate)
    folder = project.root / "models" / STUDY
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{", encoding="utf-8")
    pd.DataFrame({"patient": ["a"]}).to_parquet(folder / "predictions.parquet")
    assert "not valid JSON" in refused(evaluate)


def test_evidence_of_another_form_is_refused(project, refused):
    folder = project.root / "reports" / STUDY
    folder.mkdir(parents=True)
    (folder / "evidence.json").write_text('{"version": 99}', encoding="utf-8")
    assert "evidence.json, key `version`: the value should be 3; received" in refused(gate)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_full_disk_leaves_the_former_file_whole(project):
    import subprocess

    path = project.root / "data" / STUDY / "cohort.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(before := b"what was there before")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from theragate.runner.command import exit_code; from theragate.stages.ingest import ingest;"
        f"sys.exit(exit_code(ingest, ['{STUDY}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the file can be written; received File too large." in done.stderr
    assert "nothing was lost" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.part"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda study: study["tuning"].update(families=["xgboots"]), "a family of a binary study is one of logistic"),
        (lambda study: study["validation"].update(folds=20), "study `small_study`, "),
        (
            lambda study: study.update(scenarios={"odd": {"noise": {"sex": 1.0}, "reason": "For the tests."}}),
            "noise is added to numbers; received `sex`",
        ),
    ],
    ids=["family", "folds", "scenario"],
)
def test_what_training_would_refuse_is_refused_before_the_suite_is_run(project, refused, change, sentence):
    project.put(small_cohort(40))
    ingested(project)
    change(project.study)
    project.write()
    early = refused(validate)
    assert sentence in early
    assert not (project.root / "reports" / STUDY / "validation.json").exists()
