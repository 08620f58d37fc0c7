"""The way in for notebooks: what a data scientist asks of a project, and what is shown without being asked for."""

import json
import os
import re
import shutil

import pandas as pd
import pytest
from support import STUDY, run

import theragate
from theragate.door.project import Project
from theragate.errors import ConfigurationError, DataError, EvidenceError, TheragateError
from theragate.evidence.types import Evidence
from theragate.project.current_verdict import read_judged
from theragate.project.documents import read_measured
from theragate.runner.workspace import Workspace


@pytest.fixture(scope="module")
def project(judged_clone) -> Project:
    """A project whose small study is judged; nobody writes into it."""
    return theragate.open_project(judged_clone)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_", "THERAGATE_"))]:
        monkeypatch.delenv(name)


def test_a_project_is_found_from_below(project, judged_clone, monkeypatch):
    monkeypatch.chdir(judged_clone / "docs" / "gates")
    assert theragate.open_project() == theragate.open_project(str(judged_clone / "src")) == project
    assert project.studies == (STUDY,)


@pytest.mark.parametrize(
    ("name", "received"), [(".", "a folder that is not"), ("a_file", "a file"), ("nowhere", "no such folder")]
)
def test_where_there_is_no_project_is_one_line(name, received, tmp_path):
    (tmp_path / "a_file").touch()
    with pytest.raises(ConfigurationError, match=f"received {received}. Name the folder of a project"):
        theragate.open_project(tmp_path / name)


def test_of_two_projects_the_nearest_is_meant(tmp_path):
    outer, inner = tmp_path / "Größe der Klinik", tmp_path / "Größe der Klinik" / "inner one"
    (inner / "sources").mkdir(parents=True)
    for folder in (outer, inner):
        for name in ("params.yaml", "dvc.yaml"):
            (folder / name).touch()
    assert theragate.open_project(inner / "sources").root == inner.resolve()
    (tmp_path / "linked").symlink_to(outer)
    assert theragate.open_project(tmp_path / "linked").root == outer.resolve()


def test_an_unknown_study_is_named(project):
    with pytest.raises(ConfigurationError, match=f"there are {STUDY}"):
        project.study("another_study")


def test_an_error_is_one_line_in_a_notebook(project):
    with pytest.raises(TheragateError) as caught:
        project.study("another_study")
    assert caught.value._render_traceback_() == [f"ConfigurationError: {caught.value}"]


def test_a_notebook_obeys_nothing_in_an_error():
    error = TheragateError("a \x1b[2Jname", rule="it is plain", received="\u202etext", remedy="Read\x00on.")
    assert error._render_traceback_() == [
        r"TheragateError: a \u001b[2Jname: it is plain; received \u202etext. Read\u0000on."
    ]


def test_the_verdict_is_that_of_the_files(project):
    judged, verdict = read_judged(Workspace(project.root, STUDY)).verdict, project.study(STUDY).verdict
    assert (verdict.decision, verdict.passed, verdict.looks) == ("PASS", True, 1)
    assert list(verdict.findings["code"]) == [finding.code for finding in judged.findings]
    assert list(verdict.findings["summary"]) == [finding.summary for finding in judged.findings]
    assert list(verdict.conditions["code"]) == ["TG011", "TG012"]
    assert verdict.blocking.empty
    assert verdict.changed_limits == ()
    expected = [each for finding in judged.findings for each in finding.comparisons]
    values = pd.Series([each.value for each in expected], dtype="float64", name="value")
    pd.testing.assert_series_equal(verdict.comparisons["value"], values, check_exact=True)
    assert repr(verdict) == f"{STUDY}: PASS: every gate passes or does not apply."


def test_a_verdict_that_does_not_follow_is_refused_and_said(by_hand):
    (by_hand.root / "dvc.yaml").touch()
    with pytest.raises(DataError, match="verdict"):
        theragate.open_project(by_hand.root).study(by_hand.study).verdict  # noqa: B018 - it is read
    by_hand.report("verdict.json").write_text("{}", encoding="utf-8")
    project = theragate.open_project(by_hand.root)
    with pytest.raises(EvidenceError):
        project.study(by_hand.study).verdict  # noqa: B018 - it is read
    assert "no valid verdict: " in repr(project.study(by_hand.study))
    assert "no valid verdict: " in project._repr_html_()


def evidence_of(project: Project) -> Evidence:
    return read_measured(Workspace(project.root, STUDY)).evidence


def test_every_estimate_of_the_evidence_is_a_row(project):
    evidence, frame = evidence_of(project), project.study(STUDY).evidence(small_cells=True)
    by_hand = len(evidence.overall) + len(evidence.comparisons) + len(evidence.contrasts)
    by_hand += sum(len(group.metrics) + len(group.comparisons) for group in evidence.groups)
    by_hand += sum(len(each.metrics) + len(each.differences) for each in evidence.scenarios)
    by_hand += 1 + len(evidence.stability.optimism) + 2 * len(evidence.membership.attacks)
    assert len(frame) == by_hand
    assert not frame.duplicated(["metric", "scope", "attribute", "group"]).any()
    auroc = frame[(frame["metric"] == "auroc") & (frame["scope"] == "overall")].iloc[0]
    known = evidence.overall["auroc"]
    assert (auroc["estimate"], auroc["lower"], auroc["upper"]) == (known.value, known.lower, known.upper)
    assert (auroc["n"], auroc["events"], auroc["direction"]) == (160, evidence.cohort.events, "higher")
    women = next(group for group in evidence.groups if group.key == "sex=female")
    rows = frame[(frame["scope"] == "group") & (frame["attribute"] == "sex") & (frame["group"] == "female")]
    assert dict(zip(rows["metric"], rows["n"], strict=True)) == dict.fromkeys(women.metrics, women.n)


def test_small_cells_are_shown_to_those_who_ask(judged_clone, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(judged_clone, folder, ignore=shutil.ignore_patterns("src", ".git", ".dvc"), symlinks=True)
    path = folder / "reports" / STUDY / "evidence.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    few = next(group for group in content["groups"] if group["label"] == "female")
    few |= {"n": 9, "events": 4, "non_events": 5}
    path.write_text(json.dumps(content), encoding="utf-8")
    study = theragate.open_project(folder).study(STUDY)
    assert 9 in set(study.evidence(small_cells=True)["n"])
    shown = study.evidence()
    assert 9 not in set(shown["n"])
    assert shown["group"].str.startswith("withheld").any()
    assert not (shown["group"] == "female").any()


def test_studies_are_compared_in_one_table(project, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(project.root, both, ignore=shutil.ignore_patterns("src", ".git", ".dvc"), symlinks=True)
    content = (both / "params.yaml").read_text(encoding="utf-8")
    (both / "params.yaml").write_text(
        content + content.partition("studies:\n")[2].replace(f"  {STUDY}:", "  other_study:"), encoding="utf-8"
    )
    frame = theragate.open_project(both).evidence()
    pd.testing.assert_frame_equal(frame.drop(columns="study"), project.study(STUDY).evidence())
    assert set(frame["study"]) == {STUDY}, "the other has no evidence yet"
    with pytest.raises(DataError, match="other_study"):
        theragate.open_project(both).evidence(STUDY, "other_study")


def test_the_points_of_figures_are_tables(project):
    evidence, study = evidence_of(project), project.study(STUDY)
    curves = study.curves()
    roc = curves[curves["curve"] == "roc"]
    assert tuple(roc["x"]) == evidence.curves["roc"].x
    benefit = study.net_benefit()
    overall = benefit[benefit["attribute"].isna()]
    assert list(overall["threshold"]) == [point.threshold for point in evidence.net_benefit]
    assert list(overall["difference"]) == [point.difference.value for point in evidence.net_benefit]


def test_predictions_are_those_of_training_beside_what_was_observed(project):
    workspace, predictions = Workspace(project.root, STUDY), project.study(STUDY).predictions()
    assert (predictions.patients, predictions.repeats) == (160, 2)
    frame = predictions.frame(groups=True)
    cohort = pd.read_parquet(workspace.data("cohort.parquet")).set_index("patient")
    assert list(frame["event"]) == list(cohort.loc[frame["patient"], "ill"] == "yes")
    assert set(frame["group_sex"]) == {"female", "male"}
    written = pd.read_parquet(workspace.model("predictions.parquet"))
    selected = written[(written["model"] == "selected") & (written["scenario"] == "clean")]
    assert list(frame["prediction"]) == list(selected["prediction"])
    stressed = predictions.frame(scenario="no_marker")
    assert len(stressed) == len(frame)
    assert list(stressed["prediction"]) != list(frame["prediction"])
    with pytest.raises(DataError, match=r"the model is one of .*; received `best`"):
        predictions.frame(model="best")


def test_predictions_of_another_cohort_are_refused(project, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(project.root, folder, ignore=shutil.ignore_patterns("src", ".git", ".dvc"), symlinks=True)
    path = folder / "data" / STUDY / "cohort.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    with pytest.raises(EvidenceError, match="received 2 predictions of others"):
        theragate.open_project(folder).study(STUDY).predictions().frame()


def test_nothing_that_shows_itself_shows_a_patient(project):
    study = project.study(STUDY)
    shown = [study.predictions(), study, project, study.verdict, study.figures, study.card, study.evidence()]
    text = "\n".join(
        getattr(value, method)()
        for value in shown
        for method in ("__repr__", "_repr_html_", "_repr_markdown_")
        if hasattr(value, method)
    )
    patients = pd.read_parquet(Workspace(project.root, STUDY).data("cohort.parquet"))["patient"]
    assert len(patients) == 160
    assert not [patient for patient in patients if patient in text]
    assert "160 patients" in repr(study.predictions())


def test_figures_show_themselves_with_words_for_those_who_do_not_see_them(project):
    figures = project.study(STUDY).figures
    assert set(figures) == {path.stem for path in (project.root / "reports" / STUDY / "figures").iterdir()}
    shown = figures["roc"]._repr_html_()
    assert f'alt="{STUDY}: sensitivity against false positives"' in shown
    assert 'src="data:image/png;base64,' in shown
    assert len(re.findall("<img ", figures._repr_html_())) == len(figures)


@pytest.mark.parametrize("what", ["verdict", "figures", "card"])
def test_what_is_not_made_yet_is_said_with_what_makes_it(what, project, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(project.root / name, folder)
    study = theragate.open_project(folder).study(STUDY)
    with pytest.raises(DataError, match=r"Run `dvc repro \w+@small_study`"):
        getattr(study, what)
    with pytest.raises(DataError, match=r"Run `dvc repro train@small_study`"):
        study.predictions()
    assert repr(study) == f"Study {STUDY} (binary): no verdict: run `dvc repro gate@{STUDY}`"
    assert theragate.open_project(folder).evidence().empty


def test_the_card_is_markdown(project):
    card = project.study(STUDY).card
    assert card._repr_markdown_() == card.text == (project.root / "reports" / STUDY / "card.md").read_text("utf-8")


def test_waivers_and_changed_limits_are_shown_as_they_count(project, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(project.root, folder, symlinks=True)
    content = (folder / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(content.replace("floor: 0.6", "floor: 0.8"), encoding="utf-8")
    run(folder, "dvc", "repro", f"gate@{STUDY}")
    verdict = theragate.open_project(folder).study(STUDY).verdict
    assert (verdict.decision, verdict.accepted) == ("BLOCKED", False)
    assert list(verdict.blocking["code"]) == ["TG003"]
    assert "decided PASS of these very predictions: discrimination.floor was 0.6 and is 0.8" in verdict.html
    assert verdict.changed_limits[0].startswith("1 look of 2 at these held-out data was under another policy")
    run(
        folder,
        "theragate",
        "waive",
        STUDY,
        "TG003",
        "--reason",
        "a <b>bold</b> reason of some words",
        "--by",
        "Ada",
        "--expires",
        soon(),
    )
    verdict = theragate.open_project(folder).study(STUDY).verdict
    assert verdict.accepted
    assert "accepted by Ada" in verdict.html
    assert "a &lt;b&gt;bold&lt;/b&gt; reason of some words" in verdict.html


def soon() -> str:
    from datetime import UTC, datetime, timedelta

    return str((datetime.now(UTC) + timedelta(days=30)).date())
