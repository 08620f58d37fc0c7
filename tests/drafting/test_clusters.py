"""A column named like a hospital or a family, in six languages, is drafted as clusters, and a person is asked."""

import numpy as np
import pandas as pd
import pytest
import yaml
from support import Project, small_cohort

from theragate.drafting.clusters import draft_clusters
from theragate.drafting.new_study import Request, new_study
from theragate.drafting.words import cluster_rank
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.study import load_study

NEW = "new_study"


def drafted(project: Project, **columns: object) -> tuple[str, dict]:
    file = project.root / "table.csv"
    small_cohort().assign(**columns).to_csv(file, index=False)
    said = new_study(project.root, Request(NEW, file, outcome="ill"))
    return said, yaml.safe_load((project.root / "params.yaml").read_text(encoding="utf-8"))["studies"][NEW]


PLACES = """site Hospital hospital_id StudySite centre center_no Krankenhaus KlinikNr Praxis Prüfzentrum hôpital
    établissement cabinet clínica centro_id consultorio ospedale ambulatorio ziekenhuis praktijknummer locatie inst"""
FAMILIES = "family famid family_id pedigree household Familie foyer familia hogar gezin"
NEITHER = (
    """tumor_site family_history hospital_days famhist site_of_metastasis centrality praxis_dauer clinical_stage"""
)


@pytest.mark.parametrize(("names", "rank"), [(PLACES, 0), (FAMILIES, 1), (NEITHER, None)])
def test_places_of_treatment_and_families_are_known_by_their_whole_name(names, rank):
    assert {name: cluster_rank(name) for name in names.split()} == dict.fromkeys(names.split(), rank)


def test_the_draft_declares_the_clusters_and_asks_a_person(project, monkeypatch):
    monkeypatch.chdir(project.root)
    hospital = np.array(["North", "South", "East", "West"])[np.arange(160) % 4]
    said, entry = drafted(project, hospital=hospital)
    assert entry["clusters"]["column"] == "hospital"
    assert entry["clusters"]["reason"].startswith("REVIEW: `hospital` has 4 values")
    assert "clusters of patients who resemble one another: by `hospital`" in said
    assert "3 features" in said
    assert (entry["validation"]["folds"], entry["validation"]["inner_folds"]) == (4, 3)
    study = load_study(project.root / "params.yaml", NEW)
    assert "clusters.reason" in study.unreviewed
    suite = (project.root / "expectations" / f"{NEW}.json").read_text(encoding="utf-8")
    assert not any(name in suite for name in ("North", "South", "hospital"))
    assert exit_code(ingest, [NEW]) == 0


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"age": np.arange(60.0), **columns})


def test_the_outer_of_two_is_chosen_and_the_other_dropped():
    found = draft_clusters(frame(family=np.arange(60) // 2, centre=np.arange(60) % 5), [])
    assert (found.column, found.count) == ("centre", 5)
    assert found.dropped["family"].startswith("REVIEW: ")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([None, *range(4)] * 12, "12 patients lack it"),
        ([1, 2] * 30, "has 2 values: too few"),
    ],
)
def test_clusters_that_cannot_be_declared_are_no_features_and_a_person_is_asked(values, words):
    found = draft_clusters(frame(hospital=values), [])
    assert found.column is None
    assert words in found.dropped["hospital"]


@pytest.mark.parametrize("values", [range(60), [3] * 60])
def test_one_patient_each_or_one_for_all_is_no_cluster(values):
    assert draft_clusters(frame(hospital=list(values)), []).entry == {}
    assert draft_clusters(frame(hospital=list(values)), []).dropped == {}
