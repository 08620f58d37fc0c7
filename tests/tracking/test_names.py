import re

from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.types import GroupEvidence
from theragate.tracking.names import group_names

TAKEN_BY_MLFLOW = re.compile(r"[/\w.\- ]*")


def group(attribute, label):
    return GroupEvidence(
        attribute=attribute, label=label, judged=True, n=20, share=0.5, events=None, non_events=None, metrics={}
    )


def test_groups_are_named_in_words():
    groups = [
        group("sex", "female"),
        group("age_band", "≤65"),
        group("age_band", "65–75"),
        group("age_band", ">75"),
        group("sex & age_band", "female & ≤65"),
        group("sex", "Missing"),
    ]
    assert group_names(groups) == [
        "sex female",
        "age_band up to 65",
        "age_band 65 to 75",
        "age_band above 75",
        "sex female and age_band up to 65",
        "sex Missing",
    ]


def test_a_label_with_an_ampersand_of_its_own_is_kept():
    assert group_names([group("ward", "surgery & trauma")]) == ["ward surgery and trauma"]


def test_names_that_fall_together_are_numbered():
    groups = [group("dose", "5 mg/d"), group("dose", "5 mg d"), group("dose", "5 mg(d)")]
    assert group_names(groups) == ["dose 5 mg d", "dose 5 mg d no. 2", "dose 5 mg d no. 3"]


@given(st.lists(st.tuples(st.sampled_from(["sex", "a & b"]), st.text(min_size=1, max_size=400)), max_size=8))
@settings(deadline=None)
def test_every_label_gives_a_name_that_mlflow_takes_and_no_two_are_the_same(pairs):
    names = group_names([group(*pair) for pair in pairs])
    assert len(set(names)) == len(pairs)
    for name in names:
        assert TAKEN_BY_MLFLOW.fullmatch(name), name
        assert 0 < len(f"concordance_index/{name}.lower") <= 250
        assert name == name.strip()
