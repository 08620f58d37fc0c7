from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.errors import EvidenceError
from theragate.evidence.measure import measure
from theragate.evidence.published import SMALLEST_CELL, publish
from theragate.evidence.types import CohortFacts, Contrast, DataFacts, Estimate, Evidence, Family, GroupEvidence

KNOWN = Estimate(value=0.5, lower=0.4, upper=0.6, se=0.05, method="test")


def evidence(groups, *, patients, events=100, non_events=100, task="binary", **parts):
    return Evidence(
        study="example",
        task=task,
        cohort=CohortFacts(sha256="0", patients=patients, events=events, non_events=non_events),
        data=DataFacts(suite_sha256="0", expectations=1, critical=(), warnings=(), leakage=()),
        predictions_sha256="0",
        model_sha256="0",
        family="a",
        reference_family="b",
        overall={"auroc": KNOWN},
        comparisons=(),
        groups=tuple(groups),
        contrasts=parts.get("contrasts", ()),
        families=parts.get("families", {}),
    )


def group(attribute, label, n, events=None, *, total=1000):
    events = n // 2 if events is None else events
    return GroupEvidence(
        attribute=attribute,
        label=label,
        judged=True,
        n=n,
        share=n / total,
        events=events,
        non_events=n - events,
        metrics={"auroc": KNOWN},
    )


def shown(published):
    return {item.key: item.n for item in published.groups}


def test_large_groups_stay():
    before = evidence([group("sex", "f", 400), group("sex", "m", 600)], patients=1000)
    assert publish(before) == before


@pytest.mark.parametrize(("n", "events"), [(10, 5), (60, 10), (60, 50), (60, 0)])
def test_a_small_cell_hides_its_group_and_the_smallest_other(n, events):
    groups = [group("band", "a", n, events), group("band", "b", 300), group("band", "c", 700 - n)]
    published = publish(evidence(groups, patients=1000))
    assert shown(published) == {"band=c": 700 - n, "band=withheld (2 groups)": 300 + n}
    (rest,) = [item for item in published.groups if "withheld" in item.label]
    assert (rest.events, rest.non_events, rest.metrics["auroc"].value, rest.judged) == (None, None, None, True)
    assert "withheld" in rest.metrics["auroc"].why


def test_groups_that_are_small_together_take_a_third_with_them():
    groups = [group("band", "a", 4), group("band", "b", 5), group("band", "c", 300), group("band", "d", 691)]
    assert shown(publish(evidence(groups, patients=1000))) == {"band=d": 691, "band=withheld (3 groups)": 309}


def test_intersections_are_guarded_in_rows_and_columns():
    sizes = {
        ("f", "old"): 5,
        ("f", "young"): 200,
        ("f", "mid"): 300,
        ("m", "old"): 150,
        ("m", "young"): 100,
        ("m", "mid"): 245,
    }
    groups = [group("sex", s, sum(n for (a, _), n in sizes.items() if a == s)) for s in "fm"]
    groups += [group("band", b, sum(n for (_, c), n in sizes.items() if c == b)) for b in ("old", "young", "mid")]
    groups += [group("sex & band", f"{a} & {b}", n) for (a, b), n in sizes.items()]
    published = shown(publish(evidence(groups, patients=1000)))
    assert {key for key in published if "&" in key} == {
        "sex & band=f & mid",
        "sex & band=m & mid",
        "sex & band=withheld (4 groups)",
    }
    assert published["sex=f"] == 505


def test_contrasts_and_families_forget_the_hidden():
    groups = [group("band", label, n) for label, n in (("a", 8), ("b", 100), ("c", 392), ("d", 500))]
    contrasts = tuple(
        Contrast(metric="auroc", attribute="band", group=a, other=b, difference=KNOWN) for a, b in pairwise("abcd")
    )
    members = ["auroc", *(f"auroc[{g.key}]" for g in groups), *(f"auroc[{c.key}]" for c in contrasts)]
    families = {"auroc": Family(members=tuple(members), correlation=tuple(map(tuple, np.eye(len(members)).tolist())))}
    published = publish(evidence(groups, patients=1000, contrasts=contrasts, families=families))
    assert [item.key for item in published.contrasts] == ["band=c - band=d"]
    assert published.families["auroc"].members == (
        "auroc",
        "auroc[band=c]",
        "auroc[band=d]",
        "auroc[band=c - band=d]",
    )


def test_a_cohort_with_few_events_loses_its_counts():
    published = publish(evidence([], patients=100, events=7, non_events=93))
    assert (published.cohort.patients, published.cohort.events, published.cohort.non_events) == (100, None, None)


def test_nothing_is_withheld_of_patients_who_do_not_exist():
    drawn = evidence([group("band", "a", 4), group("band", "b", 996)], patients=1000)
    simulated = drawn.model_copy(update={"cohort": drawn.cohort.model_copy(update={"simulated": True})})
    assert publish(simulated) == simulated
    assert publish(drawn) != drawn


def test_refuses_a_cohort_under_11():
    with pytest.raises(EvidenceError, match="at least 11 patients; received 10"):
        publish(evidence([], patients=10))


def test_publishing_twice_changes_nothing_more():
    groups = [group("band", "a", 5), group("band", "b", 300), group("band", "c", 695)]
    once = publish(evidence(groups, patients=1000))
    assert publish(once) == once


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_hidden_cell_follows_from_the_rest(data):
    """Solve all sums for the hidden counts: no single hidden group may come out, nor a small union."""
    table = np.array(data.draw(st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=2, max_size=3)))
    total = int(table.sum())
    if total < SMALLEST_CELL:
        return
    groups = [group("a", f"a{i}", int(n), total=total) for i, n in enumerate(table.sum(1)) if n]
    groups += [group("b", f"b{j}", int(n), total=total) for j, n in enumerate(table.sum(0)) if n]
    groups += [group("a & b", f"a{i} & b{j}", int(n), total=total) for (i, j), n in np.ndenumerate(table) if n]
    published = publish(evidence(groups, patients=total, events=total, non_events=total))
    seen = {item.key for item in published.groups}
    for item in published.groups:
        cells = [cell for cell in (item.n, item.events, item.non_events) if cell is not None]
        assert min(cells) >= SMALLEST_CELL
    hidden = [item.key for item in groups if item.key not in seen]
    lines = [([f"a & b=a{i} & b{j}" for j in range(3)], f"a=a{i}") for i in range(len(table))]
    lines += [([f"a & b=a{i} & b{j}" for i in range(len(table))], f"b=b{j}") for j in range(3)]
    lines += [([f"a=a{i}" for i in range(len(table))], None), ([f"b=b{j}" for j in range(3)], None)]
    equations = [[parts.count(key) - (key == whole) for key in hidden] for parts, whole in lines]
    present = {item.key for item in groups}
    for index, key in enumerate(hidden):
        unit = np.eye(len(hidden))[index]
        solved = np.linalg.matrix_rank([*equations, unit]) == np.linalg.matrix_rank(equations)
        attribute = key.split("=")[0]
        others = {item for item in present if item.split("=")[0] == attribute} - {key}
        assert not solved or not others, f"{key} follows from what is shown"


@pytest.mark.parametrize("n", [40, 300])
def test_measured_evidence_can_be_published(make_cohort, task, n):
    found = measure(*make_cohort(task, n=n), resamples=200, seed=1)
    before = evidence(
        found.groups,
        patients=n,
        events=found.events,
        non_events=found.non_events,
        task=task,
        contrasts=found.contrasts,
        families=found.families,
    )
    published = publish(before)
    assert Evidence.model_validate_json(published.model_dump_json()) == published
    for attribute in ("sex", "age_band", "sex & age_band"):
        assert sum(item.n for item in published.groups if item.attribute == attribute) == n
