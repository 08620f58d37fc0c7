"""The drafted groups and families."""

import numpy as np
import pandas as pd
import pytest

from theragate.drafting.clusters import DraftedClusters
from theragate.drafting.columns import Columns
from theragate.drafting.entry import _validation, draft_entry
from theragate.drafting.outcome import draft_outcome
from theragate.learning.families import ESTIMATORS

N = 200


def entry(frame: pd.DataFrame, *, outcome: str = "ill", time: str | None = None, columns: Columns | None = None):
    drafted = draft_outcome(frame, outcome, time)
    cohort = frame.assign(patient=[str(n) for n in range(len(frame))])
    return draft_entry(
        "a_study",
        cohort,
        columns=columns or Columns(),
        outcome=drafted,
        source={"kind": "file"},
        clusters=DraftedClusters(),
        policies=False,
    )


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"ill": ["no", "yes"] * (N // 2), "glucose": np.arange(N) % 9, **columns})


def test_case_blanks_and_a_rare_value_do_not_remove_the_groups():
    sex = np.array((["f", "m"] * N)[:N], dtype=object)
    sex[:30:2], sex[1:9:2] = "F ", "non-binary"
    group = entry(table(Geschlecht=sex))["subgroups"]["sex"]
    assert group == {
        "title": "Sex",
        "column": "Geschlecht",
        "labels": {"F ": "coded f", "f": "coded f", "m": "coded m"},
        "others": "Other",
        "judged": True,
    }


def test_attributes_have_names_in_six_languages():
    names = ["gender", "Geschlecht", "sexe", "sexo", "sesso", "geslacht", "género"]
    assert all("sex" in entry(table(**{name: ["one", "two"] * (N // 2)}))["subgroups"] for name in names)
    assert "race" in entry(table(Raza=["one", "two"] * (N // 2)))["subgroups"]


@pytest.mark.parametrize(
    ("name", "yes", "no"), [("female", "1", "0"), ("weiblich", "ja", "nein"), ("Homme", "oui", "non")]
)
def test_a_column_that_asks_for_one_sex_groups_by_it(name, yes, no):
    groups = entry(table(**{name: [yes, no] * (N // 2)}))["subgroups"]
    assert groups["sex"] == {
        "title": "Sex",
        "column": name,
        "labels": dict(sorted({yes: name.lower(), no: f"not {name.lower()}"}.items())),
        "judged": True,
    }
    assert entry(table(female=["female", "male"] * (N // 2)))["subgroups"]["sex"]["labels"] == {
        "female": "female",
        "male": "male",
    }
    assert "sex" not in entry(table(female_relatives=[1, 0] * (N // 2)))["subgroups"]


def test_an_outcome_is_no_group():
    assert entry(table(sex=["f", "m"] * (N // 2)), outcome="sex")["subgroups"] == {}


def test_bands_of_age_are_round_in_their_unit():
    months = np.linspace(240, 1000, N)
    group = entry(table(age=months), columns=Columns(ages={"age": "months"}))["subgroups"]["age_band"]
    assert group["title"] == "Age in months"
    assert all(band % 60 == 0 for band in group["bands"])


def test_with_more_features_than_patients_no_family_has_a_light_penalty():
    genes = {f"g{n}": np.arange(N) % (n + 2) for n in range(N)}
    wide = table(**genes, days=np.arange(N) % 50 + 1.0)
    for outcome, time in (("ill", None), ("g90", None), ("ill", "days")):
        tuning = entry(wide, outcome=outcome, time=time)["tuning"]
        assert not any(ESTIMATORS[family].light for family in (tuning["reference"], *tuning["families"]))
    assert entry(table())["tuning"]["reference"] == "logistic"


@pytest.mark.parametrize(
    ("patients", "rarest", "expected"),
    [
        (20_000, 9_000, ("nested_cross_validation", None)),
        (20_001, 9_000, ("holdout", 0.2)),
        (20_001, 499, ("nested_cross_validation", None)),
        (6_000_000, 90_000, ("holdout", 0.16)),
        (10_000_000, 90_000, ("holdout", 0.1)),
    ],
)
def test_of_many_patients_a_part_is_held_out_of_at_most_a_million(patients, rarest, expected):
    drafted = _validation(patients, rarest, clusters=DraftedClusters())
    assert (drafted["scheme"], drafted.get("fraction")) == expected
    assert drafted["reason"].startswith("REVIEW")


def test_a_few_clusters_are_all_tested_in():
    assert _validation(50_000, 9_000, clusters=DraftedClusters("site", 9))["scheme"] == "nested_cross_validation"
    assert _validation(50_000, 9_000, clusters=DraftedClusters("site", 10))["scheme"] == "holdout"
