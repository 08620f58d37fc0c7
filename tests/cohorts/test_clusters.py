"""Clusters: their names stay at the source, their numbers reach no model, and what is no cluster is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from support import STUDY, small_cohort

from theragate.cohorts.clusters import with_clusters
from theragate.cohorts.parquet import read_table
from theragate.cohorts.table import Table
from theragate.errors import ConfigurationError, DataError
from theragate.learning.features import read_features
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.study import load_study
from theragate.testing.cohorts import make_cohort, make_study

REASON = "Patients of one hospital resemble one another."
CLUSTERS = {"column": "hospital", "reason": REASON}
NAMES = ["St Mary Abbots", "Royal Infirmary", "Cottage Hospital", "Charité", "Hôtel-Dieu"]


def cohort(**columns: object) -> pd.DataFrame:
    frame = make_cohort("binary")
    hospital = np.array(NAMES)[np.random.default_rng(1).integers(0, len(NAMES), len(frame))]
    return frame.assign(hospital=hospital).assign(**columns)


def test_names_become_numbers_that_no_model_sees():
    study = make_study("binary", clusters=CLUSTERS)
    frame = cohort()
    numbered = with_clusters(Table.of(frame), study, links=None).frame()
    assert "hospital" not in numbered
    assert sorted(numbered["cluster"].unique()) == [1, 2, 3, 4, 5]
    together = pd.crosstab(frame["hospital"], numbered["cluster"])
    assert ((together > 0).sum() == 1).all()
    assert "cluster" not in {feature.name for feature in read_features(numbered, study)}


def test_the_names_of_a_private_source_stay_in_a_file_beside_the_ids_and_keep_their_numbers(project, monkeypatch):
    monkeypatch.chdir(project.root)
    frame = small_cohort().assign(hospital=lambda table: np.array(NAMES)[np.arange(len(table)) % 5])
    project.study["clusters"] = CLUSTERS
    project.put(frame)
    assert exit_code(ingest, [STUDY]) == 0
    first = read_table(project.root / "data" / STUDY / "cohort.parquet", remedy="")
    links = project.root / "private" / "ids" / f"{STUDY}.clusters.csv"
    assert links.stat().st_mode & 0o077 == 0
    known = pd.read_csv(links)
    assert sorted(known["source_id"]) == sorted(NAMES)
    written = (project.root / "data" / STUDY / "provenance.json").read_text(encoding="utf-8")
    assert not any(name in written for name in NAMES)
    assert json.loads(written)["columns"]["cluster"] == "int64"
    project.put(pd.concat([frame, frame.assign(record=lambda t: "new " + t["record"], hospital="A new one")]))
    assert exit_code(ingest, [STUDY]) == 0
    second = read_table(project.root / "data" / STUDY / "cohort.parquet", remedy="")
    assert second["cluster"].iloc[: len(first)].tolist() == first["cluster"].tolist()
    assert set(second["cluster"].iloc[len(first) :]) == {6}


def test_a_column_that_a_split_by_site_names_is_kept_and_still_not_learned_from():
    site = {"scheme": "site", "column": "hospital", "held_out": ["Charité"], "inner_folds": 2, "reason": "A test."}
    study = make_study("binary", clusters=CLUSTERS, validation=site)
    numbered = with_clusters(Table.of(cohort()), study, links=None).frame()
    assert {"hospital", "cluster"} <= set(numbered)
    assert not {"hospital", "cluster"} & {feature.name for feature in read_features(numbered, study)}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"hospital": "one"}, "of two clusters or more; received one cluster with all patients. Remove `clusters`"),
        ({"hospital": np.arange(150)}, "received 150 clusters of one patient each. Remove `clusters`"),
        ({"hospital": [None, *["a", "b"] * 74, "a"]}, "is known; received 1 of 150 patients without one. Complete"),
        ({"cluster": 1}, "column `cluster`: .*another column of that name beside `hospital`"),
    ],
)
def test_what_is_no_cluster_is_refused(columns, message):
    with pytest.raises(DataError, match=message):
        with_clusters(Table.of(cohort(**columns)), make_study("binary", clusters=CLUSTERS), links=None)


def test_a_column_that_is_not_there_is_refused_with_the_one_that_may_be_meant():
    study = make_study("binary", clusters={"column": "hosptial", "reason": REASON})
    with pytest.raises(DataError, match=r"received `hosptial`, which is not in it\. Did you mean `hospital`"):
        with_clusters(Table.of(cohort()), study, links=None)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"scenarios": {"lost": {"missing": {"marker": 1.0}, "reason": "A test."}}}, "scenarios.lost"),
        ({"features": {"labels": {"marker": "a marker"}}}, "features.labels"),
        ({"features": {"dropped": {"marker": "A test."}}}, "features.dropped"),
        ({"deidentification": {"ages": ["marker"]}}, "deidentification.ages"),
    ],
)
def test_a_column_that_is_also_a_predictor_is_refused(changes, key):
    clusters = {"column": "marker", "reason": REASON}
    with pytest.raises(ConfigurationError, match=f"received `marker`, named under `{key}` too"):
        make_study("binary", **{"scenarios": {}, **changes, "clusters": clusters})


def test_an_outcome_is_no_cluster():
    with pytest.raises(ConfigurationError, match="received `ill`, named under `outcome` too"):
        make_study("binary", clusters={"column": "ill", "reason": REASON})


def test_a_study_without_clusters_is_written_as_before(project):
    assert "clusters" not in load_study(project.root / "params.yaml", STUDY).model_dump(mode="json")
