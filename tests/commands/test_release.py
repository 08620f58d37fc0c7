"""A release on a laptop, from the pipeline's version to a consumer's predictions, by the commands that people use."""

import json
import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clones import run
from mlflow import MlflowClient
from support import STUDY, small_cohort, theragate

from theragate import load_champion
from theragate.digests import sha256_tree
from theragate.errors import StoreError
from theragate.personal.answers import load_personal_model

pytestmark = pytest.mark.xdist_group("release")  # one clone and its order of events serve all of these tests
LEE = ("--as", "Dr. Lee")
REASON = ("--reason", "Read the card; the limits are as agreed.")


def release(folder: Path, *words: str, code: int = 0) -> str:
    return theragate(folder, "release", *words, code=code)


def listed(folder: Path) -> dict:
    (row,) = json.loads(release(folder, "list", STUDY, "--json"))
    return row


@pytest.fixture(scope="module")
def clone(tmp_path_factory, pipeline_clone):
    """A clone whose small study has a committed, attested version."""
    folder = pipeline_clone(tmp_path_factory.mktemp("clone"))
    run(folder, "theragate", "sync")
    return folder


@pytest.fixture
def consumer(clone, monkeypatch):
    """The environment of a program that runs in the clone."""
    monkeypatch.chdir(clone)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "DVC_ROOT", "THERAGATE_TRUST"):
        monkeypatch.delenv(name, raising=False)
    return clone / "memory.json"


def test_what_waits_is_listed(clone):
    assert (listed(clone)["state"], listed(clone)["verdict"]) == ("waits for approval", "PASS")
    assert "waits for approval" in release(clone, "list", "--pending")
    shown = release(clone, "show", STUDY)
    assert "It only needs an approval of its evidence" in shown
    assert "Area under the ROC curve" in shown
    assert "The ledger is empty." in release(clone, "audit")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("promote", STUDY, "1", *LEE), "has approved this attestation; received no such approval"),
        (
            ("approve", STUDY, "1", "--as", "Test <test@example.org>", *REASON),
            "approved by someone other than its author",
        ),
        (("approve", STUDY, "1", *LEE, "--reason", "Fine."), "a reason is given, in at least 5 words"),
        (("approve", STUDY, "1", *LEE, "--evidence", "0" * 12, *REASON), "received another digest, `000000000000`"),
        (("rollback", STUDY, *LEE), "the last champion that is not revoked; received no former champion"),
    ],
)
def test_what_is_refused_says_why_in_one_line(clone, words, sentence):
    said = release(clone, *words, code=3)
    assert sentence in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert listed(clone)["state"] == "waits for approval"


def test_a_wrong_name_is_an_error_and_no_refusal(clone, consumer):
    assert "received `7`, while the registry has 1" in release(clone, "show", STUDY, "7", code=1)
    assert "received no registered version" in release(clone, "show", "nothing", code=1)
    with pytest.raises(StoreError, match="a champion is in service; received no champion"):
        load_champion(STUDY, memory=consumer)


def test_a_version_is_approved_and_promoted(clone):
    assert "approved, evidence" in release(clone, "approve", STUDY, *LEE, *REASON)
    assert (listed(clone)["state"], listed(clone)["approved_by"]) == ("waits for promotion", ["Dr. Lee"])
    assert release(clone, "promote", STUDY, "1", *LEE) == f"{STUDY} version 1: champion\n"
    assert (listed(clone)["state"], listed(clone)["aliases"]) == ("in service", ["candidate", "champion"])
    rows = json.loads(release(clone, "audit", "--json"))
    assert [(row["seq"], row["event"]["kind"], row["event"]["actor"]) for row in rows] == [
        (1, "approve", "Dr. Lee"),
        (2, "promote", "Dr. Lee"),
    ]
    assert "Nothing is waiting for a release manager." in release(clone, "list", "--pending")


def test_what_goes_into_a_pipe_has_no_blanks_at_the_ends_of_lines(clone):
    for words in (("list",), ("show", STUDY), ("audit",)):
        lines = release(clone, *words).splitlines()
        assert lines
        assert all(line == line.rstrip() for line in lines), words


def test_the_champion_is_verified_also_where_there_is_no_registry(clone, tmp_path):
    assert release(clone, "verify", STUDY).count("holds") == 6
    release(clone, "show", STUDY, "champion", "--save", str(tmp_path / "papers"))
    assert (tmp_path / "papers" / "dossier.json").stat().st_mode & 0o077 == 0  # it can describe small groups
    hidden = clone / "mlflow-store"
    hidden.rename(clone / "elsewhere")
    try:
        assert release(clone, "verify", STUDY, "--saved", str(tmp_path / "papers")).count("holds") == 6
        dossier = tmp_path / "papers" / "dossier.json"
        dossier.write_bytes(dossier.read_bytes().replace(b'"seed"', b'"sead"').replace(b"0.6,", b"0.5,"))
        assert "the dossier is the one that was signed" in release(
            clone, "verify", STUDY, "--saved", str(tmp_path / "papers"), code=3
        )
    finally:
        (clone / "elsewhere").rename(hidden)


def test_saved_files_are_verified_as_the_version_that_is_meant(clone, tmp_path):
    papers = tmp_path / "papers"
    release(clone, "show", STUDY, "champion", "--save", str(papers))
    for version in ((), ("1",), ("champion",)):
        said = release(clone, "verify", STUDY, *version, "--saved", str(papers))
        assert said.count(f"holds  {STUDY} version 1, ") == 6 == said.count("\n")
    assert release(clone, "verify", STUDY).count(f"holds  {STUDY} version 1, ") == 6
    for words in (("another_study", "1"), ("another_study",), (STUDY, "2"), (STUDY, "01"), (STUDY, "candidate")):
        told = release(clone, "verify", *words, "--saved", str(papers), code=1)
        assert f"received `{STUDY}` version 1" in told
        assert "holds" not in told
    about = papers / "version.json"
    about.write_text(about.read_text().replace('"1"', '"2"'))
    assert "no such event" in release(clone, "verify", STUDY, "2", "--saved", str(papers), code=1)
    assert "--as is for a registry" in release(clone, "verify", STUDY, "--saved", str(papers), *LEE, code=2)


def test_the_champion_predicts_what_the_estimator_does(clone, consumer):
    patients = small_cohort(40, seed=3)
    patients.to_csv(clone / "patients.csv", index=False)
    said = run(clone, "theragate", "predict", STUDY, "patients.csv", "--output", "risks.parquet", "--id", "record")
    assert re.search(r"version 1: 40 patients in risks\.parquet; .*\b\d+ predictions", said), said
    risks = pd.read_parquet(clone / "risks.parquet")
    model = load_personal_model(clone / "models" / STUDY / "estimator")
    expected = model.known_as("1", "champion").answer(pd.read_csv(clone / "patients.csv"))
    assert risks["record"].tolist() == patients["record"].tolist()
    pd.testing.assert_frame_equal(risks.drop(columns="record"), expected, check_dtype=False)  # a file knows other texts
    champion = load_champion(STUDY, memory=consumer)
    assert len(repr(champion)) < 5_000, "the model itself is not printed"
    assert "personal=" not in repr(champion)
    assert (champion.version, champion.event.actor, champion.attestation.decision) == ("1", "Dr. Lee", "PASS")
    pd.testing.assert_frame_equal(champion.answer(patients), expected)
    np.testing.assert_array_equal(champion.predict(patients), expected["prediction"])
    for wrong, sentence in (
        ("patients.pdf", "ends in .csv, .tsv"),
        ("a.xlsx", "no such file"),
        ("a.csv", "No such file"),
    ):
        assert sentence in theragate(clone, "predict", STUDY, wrong, "--output", "risks.csv", code=1)
    assert not (clone / "risks.csv").exists()
    for name in ("patients.csv", "risks.parquet"):
        (clone / name).unlink()


def test_changed_files_and_an_older_ledger_are_refused_before_anything_is_loaded(clone, consumer):
    load_champion(STUDY, memory=consumer)
    (sheet,) = (clone / "mlflow-store" / "sealed").rglob("predictor.json")
    content, mode = sheet.read_bytes(), sheet.stat().st_mode
    sheet.chmod(0o644)
    sheet.write_bytes(content.replace(b"0", b"1", 1))
    try:
        with pytest.raises(StoreError, match=r"the files are those that were released .*; received other files"):
            load_champion(STUDY, memory=consumer)
        assert "other files" in release(clone, "verify", STUDY, code=1)
    finally:
        sheet.write_bytes(content)
        sheet.chmod(mode)
    consumer.write_text(consumer.read_text(encoding="utf-8").replace('"seq": 2', '"seq": 3'), encoding="utf-8")
    with pytest.raises(StoreError, match="ends at row 2, though row 3"):
        load_champion(STUDY, memory=consumer)


def test_a_row_that_was_changed_by_hand_is_named(clone):
    database = clone / "mlflow-store" / "mlflow.db"
    before = database.read_bytes()
    with sqlite3.connect(database) as connection:
        for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger[0]}")
        column = next(
            name
            for _, name, *_ in connection.execute("PRAGMA table_info(theragate_ledger)")
            if name in ("event", "row")
        )
        changed = connection.execute(
            f"UPDATE theragate_ledger SET {column} = replace({column}, 'Dr. Lee', 'Dr. Eve') WHERE seq = 1"  # noqa: S608
        )
        assert changed.rowcount == 1
    connection.close()
    try:
        assert "ledger, row 1" in release(clone, "audit", code=1)
        assert "ledger, row 1" in release(clone, "promote", STUDY, "1", *LEE, code=1)
    finally:
        database.write_bytes(before)
    assert "2 rows, each signed" in release(clone, "audit")


def test_a_champion_goes_along_with_a_copied_and_then_moved_project(clone, consumer, tmp_path, monkeypatch):
    consumer.unlink(missing_ok=True)
    store, patients = clone / "mlflow-store", small_cohort(20, seed=3)
    untouched = sha256_tree(store)
    expected = load_champion(STUDY, memory=consumer).predict(patients)
    copy = shutil.copytree(clone, tmp_path / "Kopie", symlinks=True)
    for folder in (copy, tmp_path / "Früh & spät" / "umgezogen (neu)"):
        if not folder.exists():
            folder.parent.mkdir()
            copy.rename(folder)
        monkeypatch.chdir(folder)
        assert release(folder, "verify", STUDY).count("holds") == 6
        np.testing.assert_array_equal(load_champion(STUDY, memory=folder / "memory.json").predict(patients), expected)
        assert "MLflow has it" in run(folder, "theragate", "sync")
    place = MlflowClient(f"sqlite:///{folder}/mlflow-store/mlflow.db").get_model_version_download_uri(STUDY, "1")
    assert place.startswith((folder / "mlflow-store" / "sealed").as_uri())
    release(folder, "withdraw", STUDY, *LEE, "--reason", "Only in the copy.")
    assert sha256_tree(store) == untouched
    assert "champion" in listed(clone)["aliases"]
    (sheet,) = (folder / "mlflow-store" / "sealed").rglob("predictor.json")
    sheet.chmod(0o644)
    sheet.write_bytes(sheet.read_bytes().replace(b"0", b"1", 1))
    assert "a copy that has changed" in release(folder, "rollback", STUDY, *LEE, code=3)


def test_an_emergency_is_one_step_and_so_is_the_way_back(clone, consumer):
    consumer.unlink(missing_ok=True)
    assert "there is no champion" in release(
        clone, "withdraw", STUDY, *LEE, "--reason", "Risks look wrong in the new ward."
    )
    with pytest.raises(StoreError, match="a champion is in service; received no champion"):
        load_champion(STUDY, memory=consumer)
    assert listed(clone)["state"] == "rollback target"
    assert "rolled back to version 1" in release(clone, "rollback", STUDY, *LEE)
    assert load_champion(STUDY, memory=consumer).event.kind == "rollback"
    assert "revoked" in release(
        clone, "revoke", STUDY, "1", *LEE, "--reason", "It was trained on the wrong laboratory."
    )
    assert listed(clone)["state"] == "revoked"
    for words in (("rollback", STUDY, *LEE), ("promote", STUDY, "1", *LEE)):
        release(clone, *words, code=3)
    kinds = [row["event"]["kind"] for row in json.loads(release(clone, "audit", STUDY, "--json"))]
    assert kinds == ["approve", "promote", "withdraw", "rollback", "revoke"]
