"""Whoever mistypes the name of a study, a column, a key or a command is asked about the one that is near."""

import copy

import pytest
from support import STUDY, run, small_cohort, small_study

from theragate import cli
from theragate.cohorts.declared_columns import check_columns
from theragate.cohorts.deidentify import deidentify
from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcome_columns import read_outcome
from theragate.errors import TheragateError, did_you_mean, nearest, some_of
from theragate.gates import read_policy
from theragate.learning.families import check_families
from theragate.study import Study, load_study, read_parameters

KNOWN = ["heart_attack_survival", "light_chain_mortality", "Age at entry"]


@pytest.mark.parametrize(
    ("received", "meant"),
    [
        ("heart_atack_survival", "heart_attack_survival"),
        ("HEART_ATTACK_SURVIVAL", "heart_attack_survival"),
        (" age at entry ", "Age at entry"),
        ("chain", "light_chain_mortality"),
        ("mortality", "light_chain_mortality"),
        ("xyz", None),
        ("a", None),
        ("al", None),
    ],
)
def test_near_is_what_differs_in_letters_or_is_the_only_one_with_that_part(received, meant):
    assert nearest(received, KNOWN) == meant
    assert did_you_mean(received, KNOWN) == (f"Did you mean `{meant}`? " if meant else "")


def test_nobody_is_asked_where_nothing_is_known():
    assert nearest("anything", []) is None


def renamed(entry: dict, old: str, new: str) -> None:
    entry[new] = entry.pop(old)


KEYS = [
    ("tuning", lambda entry: renamed(entry, "tuning", "tunning")),
    ("repeats", lambda entry: renamed(entry["validation"], "repeats", "repeets")),
    ("judged", lambda entry: entry["subgroups"]["sex"].update(juged=True)),
    ("bands", lambda entry: entry["subgroups"]["age_band"].update(band=[1])),
    ("positive", lambda entry: entry["outcome"].update(positiv="yes")),
    ("separator", lambda entry: entry["source"].update(separater=",")),
    ("calibration", lambda entry: renamed(entry["gates"], "calibration", "callibration")),
    ("slope", lambda entry: renamed(entry["gates"]["calibration"], "slope", "slop")),
    ("xgboost", lambda entry: entry["tuning"].update(families=["xgbost"])),
    ("file", lambda entry: entry["source"].update(kind="files")),
]
COLUMNS = [
    ("ill", lambda entry: entry["outcome"].update(column="Ill")),
    ("marker", lambda entry: renamed(entry["features"]["labels"], "marker", "markr")),
    ("sex", lambda entry: entry["subgroups"]["sex"].update(column="sexe")),
    ("age", lambda entry: entry["deidentification"].update(ages=["aged"])),
]


def read_all(entry: dict) -> None:
    study = Study.read(entry, name=STUDY, gate_keys={})
    read_policy(study)
    check_families(study)
    cohort = deidentify(small_cohort().drop(columns="record"), study.deidentification, study=STUDY)
    read_outcome(cohort, study)
    read_groups(cohort, study)
    check_columns(list(cohort), study)


@pytest.mark.parametrize(("meant", "mistype"), [*KEYS, *COLUMNS], ids=[meant for meant, _ in [*KEYS, *COLUMNS]])
def test_a_key_or_a_column_of_params(meant, mistype):
    entry = copy.deepcopy(small_study())
    read_all(copy.deepcopy(entry))
    mistype(entry)
    with pytest.raises(TheragateError) as caught:
        read_all(entry)
    assert caught.value.remedy.startswith(f"Did you mean `{meant}`? ")


def test_a_key_at_the_top_and_a_policy(project):
    path = project.root / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("seed:", "sed:"), encoding="utf-8")
    with pytest.raises(TheragateError, match="Did you mean `seed`"):
        read_parameters(path)
    path.write_text(text.replace("policy: every_study", "policy: every_studie"), encoding="utf-8")
    with pytest.raises(TheragateError, match="Did you mean `every_study`"):
        load_study(path, STUDY)


@pytest.mark.parametrize(
    "line",
    [
        ["policy", "smal_study"],
        ["verdict", "smal_study"],
        ["waive", "smal_study", "TG003", "--withdraw"],
        ["champion", "smal_study"],
        ["attest", "smal_study"],
        ["example", "smal_study"],
    ],
    ids=lambda line: line[0],
)
def test_an_unknown_study_in_any_command(line, project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    assert cli.main(line) == 1
    shown = capsys.readouterr().err
    assert "Did you mean `small_study`? " in shown
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (["verdct", STUDY], "verdict"),
        (["release", "shwo", STUDY], "show"),
        (["keys", "rotat", "ada"], "rotate"),
        (["keys", "make", "ada", "--role", "ledgr"], "ledger"),
        (["verdict", STUDY, "--requre-pass"], "--require-pass"),
        (["policy", STUDY, "--jason"], "--json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_command_a_choice_or_an_option(line, meant, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(line)
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f". Did you mean `{meant}`?\n")


def test_a_word_that_is_like_none_is_refused_without_a_question(capsys):
    with pytest.raises(SystemExit):
        cli.main(["frobnicate"])
    assert "Did you mean" not in capsys.readouterr().err


def test_a_stage_of_repro(judged_clone):
    for target, meant in (
        (f"trian@{STUDY}", f"train@{STUDY}"),
        ("train@smal_study", f"train@{STUDY}"),
        ("gat", "gate"),
    ):
        said = run(judged_clone, "theragate", "repro", target, code=1)
        assert f"error: the stage `{target}`: " in said
        assert f"Did you mean `{meant}`? " in said


@pytest.mark.parametrize(
    ("count", "ends"), [(0, ""), (1, "n0"), (9, "n7, n8"), (10, "n7 and 2 more"), (31, "n7 and 23 more")]
)
def test_of_many_names_a_message_lists_the_first(count, ends):
    shown = some_of(f"n{at}" for at in range(count))
    assert shown.endswith(ends)
    assert shown.count("n") <= 9


def test_an_unknown_study_among_many_gets_a_short_message(tmp_path):
    studies = "".join(f"  study_{at}: {{}}\n" for at in range(31))
    (tmp_path / "params.yaml").write_text(f"seed: 1\nstudies:\n{studies}", encoding="utf-8")
    with pytest.raises(TheragateError, match="study_7 and 23 more") as caught:
        load_study(tmp_path / "params.yaml", "sudy_30")
    assert caught.value.remedy.startswith("Did you mean `study_30`? ")
