"""A study with hospitals, from its table to the model card: their names go nowhere, and limits rest on them."""

import numpy as np
import pandas as pd
import pytest
from support import STUDY, Project, small_cohort

from theragate.evidence.published import publish
from theragate.evidence.types import Evidence
from theragate.reports.clusters import cluster_section
from theragate.runner.command import exit_code
from theragate.stages.evaluate import evaluate
from theragate.stages.gate import gate
from theragate.stages.ingest import ingest
from theragate.stages.refit import refit
from theragate.stages.train import train
from theragate.stages.validate import validate
from theragate.study import load_study

HOSPITALS = 12
NAMES = [f"Saint Someone {letter}" for letter in "abcdefghijkl"]


@pytest.fixture
def hospitals(project: Project, monkeypatch) -> Project:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("THERAGATE_JOBS", "1")
    random = np.random.default_rng(5)
    frame = small_cohort(700)
    place = np.append(random.integers(0, HOSPITALS - 1, 692), np.full(8, HOSPITALS - 1))
    worse = random.normal(0, 0.6, HOSPITALS)[place]
    flipped = random.uniform(size=700) < np.abs(np.tanh(worse)) / 2
    frame["ill"] = np.where(flipped, np.where(worse > 0, "yes", "no"), frame["ill"])
    project.study["clusters"] = {"column": "hospital", "reason": "Patients of one hospital resemble one another."}
    project.study["validation"] |= {"repeats": 1, "folds": 3, "inner_folds": 2}
    project.study["tuning"] |= {"families": [], "trials": 1}
    project.put(frame.assign(hospital=np.array(NAMES)[place]))
    return project


def test_from_the_table_to_the_card(hospitals):
    for stage in (ingest, validate, train, refit, evaluate, gate):
        assert exit_code(stage, [STUDY]) == 0, stage
    reports = hospitals.root / "reports" / STUDY
    evidence = Evidence.model_validate_json((reports / "evidence.json").read_bytes())
    clusters = evidence.clusters
    assert clusters is not None
    assert (clusters.clusters, clusters.smallest) == (HOSPITALS, 8)
    assert sum(each.n for each in clusters.each) == evidence.cohort.patients
    assert sorted(int(each.label) for each in clusters.each) == list(range(1, HOSPITALS + 1))
    ratio = clusters.summaries["observed_expected"]
    assert ratio.mean.decidable
    assert ratio.new_lower < ratio.mean.lower < ratio.mean.upper < ratio.new_upper
    assert evidence.overall["observed_expected"].decidable
    _nobody_is_named(hospitals)
    _small_ones_are_withheld(hospitals, evidence)
    _nothing_divides_a_hospital(hospitals)
    assert (reports / "figures" / "clusters.png").stat().st_size > 10_000


def _nobody_is_named(project: Project) -> None:
    for folder in ("data", "models", "reports"):
        for path in (project.root / folder / STUDY).rglob("*"):
            if path.is_file():
                assert b"Saint Someone" not in path.read_bytes(), path


def _small_ones_are_withheld(project: Project, evidence: Evidence) -> None:
    published = publish(evidence).clusters
    assert published is not None
    assert published.smallest is None
    shown = [each for each in published.each if each.events is not None]
    assert all(min(each.n, each.events, each.non_events) >= 11 for each in shown)
    (rest,) = (each for each in published.each if each.events is None)
    assert rest.label.startswith("withheld (")
    assert sum(each.n for each in published.each) == evidence.cohort.patients
    section = cluster_section(evidence, load_study(project.root / "params.yaml", STUDY))
    assert section in (project.root / "reports" / STUDY / "card.md").read_text(encoding="utf-8")
    assert "of fewer than 11 to" in section


def _nothing_divides_a_hospital(project: Project) -> None:
    cohort = pd.read_parquet(project.root / "data" / STUDY / "cohort.parquet")
    number = cohort.set_index("patient")["cluster"]
    predictions = pd.read_parquet(project.root / "models" / STUDY / "predictions.parquet")
    fold = predictions.assign(cluster=predictions["patient"].map(number)).groupby(["repeat", "cluster"])["fold"]
    assert (fold.nunique() == 1).all()
    refits = pd.read_parquet(project.root / "models" / STUDY / "refits.parquet")
    drawn = refits.assign(cluster=refits["patient"].map(number)).groupby(["refit", "cluster"])["drawn"]
    assert (drawn.nunique() == 1).all()
