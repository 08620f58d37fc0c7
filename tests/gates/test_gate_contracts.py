"""What every gate promises, whichever it is: found through the registry, so that a new one cannot slip by."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    changed,
    estimate,
    gate_of,
    good_evidence,
    group,
    overall,
    thresholds,
    with_groups,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, Evidence
from theragate.gates import GATES, Gate, _fairness
from theragate.gates._base import COMPARED, RANKING

PAGES = Path(__file__).parents[2] / "docs" / "gates"
MODULES = Path(__file__).parents[2] / "src" / "theragate" / "gates"
SECTIONS = ("What it protects against", "Formula", "Limits and their source", "How to argue with it")


def subclasses(kind: type[Gate]) -> set[type[Gate]]:
    return {kind, *(deeper for child in kind.__subclasses__() for deeper in subclasses(child))}


def data(evidence: Evidence, **facts) -> Evidence:
    return changed(evidence, data=evidence.data.model_copy(update=facts))


def compared(evidence: Evidence, difference: Estimate) -> Evidence:
    comparison = evidence.comparisons[0].model_copy(update={"difference": difference})
    return changed(evidence, comparisons=(comparison,))


def stressed(evidence: Evidence, difference: Estimate) -> Evidence:
    scenarios = [s.model_copy(update={"differences": {"concordance_index": difference}}) for s in evidence.scenarios]
    return changed(evidence, scenarios=tuple(scenarios))


def sexes(evidence: Evidence, value: Estimate) -> Evidence:
    ages = [group("age_band", label) for label in ("≤65", "65–75", ">75")]
    return with_groups(
        evidence,
        [group("sex", "male"), group("sex", "female", metrics={"log_observed_expected": value}), *ages],
    )


def counted(evidence: Evidence, events: int) -> Evidence:
    ages = [group("age_band", label) for label in ("≤65", "65–75", ">75")]
    return with_groups(evidence, [group("sex", "male"), group("sex", "female", events=events), *ages])


def at_most_one(found: Estimate) -> Estimate:
    return found.model_copy(update={"upper": min(1.0, found.upper)})


# How far from good (0) to bad: each gate's evidence as a function of one number, and of the width of its intervals.
SLIDES: dict[str, Callable[[Evidence, float, float], Evidence]] = {
    "data_quality": lambda e, bad, width: data(
        e, warnings=tuple(f"w{i}" for i in range(round(bad * 8))), critical=("range",) if bad > 0.8 else ()
    ),
    "suspicious_performance": lambda e, bad, width: overall(
        e, concordance_index=at_most_one(estimate(0.78 + 0.18 * min(bad, 1), 0.01 * width))
    ),
    "discrimination": lambda e, bad, width: overall(e, concordance_index=estimate(0.78 - 0.2 * bad, 0.015 * width)),
    "calibration": lambda e, bad, width: overall(e, calibration_slope=estimate(1.0 - 0.6 * bad, 0.05 * width)),
    "utility": lambda e, bad, width: changed(
        e, net_benefit=thresholds(STUDIES["survival"], estimate(0.03 - 0.1 * bad, 0.008 * width))
    ),
    "fairness": lambda e, bad, width: sexes(e, estimate(0.8 * bad, 0.05 * width)),
    "subgroup_adequacy": lambda e, bad, width: counted(e, round(400 - 390 * bad)),
    "robustness": lambda e, bad, width: stressed(e, estimate(-0.15 * bad, 0.005 * width)),
}
# Too few patients do no harm: they leave open what is not known.
NEVER_FAILS = {"subgroup_adequacy"}
LOSSES: dict[str, Callable[[Evidence], Evidence]] = {
    "data_quality": lambda e: data(e, expectations=0),
    "suspicious_performance": lambda e: overall(e, concordance_index=None),
    "discrimination": lambda e: overall(e, concordance_index=None),
    "calibration": lambda e: overall(e, ici=None),
    "utility": lambda e: changed(e, net_benefit=()),
    "fairness": lambda e: sexes(e, Estimate.absent("not estimable")),
    "subgroup_adequacy": lambda e: changed(e, groups=()),
    "robustness": lambda e: changed(e, scenarios=e.scenarios[:1]),
}
ORDER = {"fail": 0, "insufficient": 1, "pass": 2, "not_applicable": 2}
EVERY = pytest.mark.parametrize("name", list(GATES))


def test_the_registry_holds_every_gate_there_is():
    assert set(GATES.values()) == subclasses(Gate) - {Gate}
    assert [kind.name for kind in GATES.values()] == list(GATES)
    assert set(SLIDES) == set(LOSSES) == set(GATES)


def test_codes_are_distinct_and_every_gate_has_its_own_module():
    assert [kind.code for kind in GATES.values()] == [f"TG00{place}" for place in range(1, 9)]
    assert {kind.__module__.split(".")[-1] for kind in GATES.values()} == {f"_{name}" for name in GATES}
    assert all((MODULES / f"_{name}.py").is_file() for name in GATES)


def test_titles_and_sentences_are_calm():
    for kind in GATES.values():
        assert kind.title[0].isupper()
        assert not kind.title.endswith((".", "!"))
        assert kind.protects.startswith("Against ")
        assert kind.protects.endswith(".")
        assert len(kind.__doc__ or "") > 30


@EVERY
def test_a_page_explains_the_gate(name):
    kind = GATES[name]
    page = (PAGES / f"{kind.code}-{name.replace('_', '-')}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", page, flags=re.MULTILINE)
    assert page.startswith(f"# {kind.code}: {kind.title}\n")
    assert tuple(headings) == SECTIONS
    own = set(kind.model_fields) - {"declared", "reason"}
    assert all(f"`{key}`" in page for key in own), "every limit is explained"


def test_no_page_is_left_of_a_gate_that_is_gone():
    expected = {f"{kind.code}-{name.replace('_', '-')}.md" for name, kind in GATES.items()}
    assert {page.name for page in PAGES.glob("*.md")} == expected | {"README.md"}
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert all(f"({name})" in index for name in expected)


@EVERY
def test_good_evidence_passes_for_every_task(name):
    for task, study in STUDIES.items():
        finding = gate_of(name, task).judge(good_evidence(study))
        applicable = task != "binary" or name not in ("fairness", "subgroup_adequacy")
        if applicable and (task, name) != ("regression", "utility"):
            assert finding.status == "pass", finding.summary


@EVERY
def test_pass_insufficient_and_fail_are_all_within_reach(name, survival):
    gate = gate_of(name)
    reached = {gate.judge(SLIDES[name](survival, step / 20, 1.0)).status for step in range(21)}
    assert reached == {"pass", "insufficient", "fail"} - ({"fail"} if name in NEVER_FAILS else set())


@EVERY
def test_a_finding_says_what_it_found_and_what_to_do(name, survival):
    for bad in (0.0, 0.3, 1.0):
        finding = gate_of(name).judge(SLIDES[name](survival, bad, 1.0))
        assert (finding.code, finding.gate) == (GATES[name].code, name)
        assert finding.reason == STUDIES["survival"].gates[name]["reason"].strip()
        assert finding.summary.endswith(".")
        assert not re.search(r"\bNone\b|\bnan\b|\binf\b", finding.summary + finding.next_step)
        assert bool(finding.next_step) == (finding.status in ("insufficient", "fail"))


@EVERY
def test_what_is_missing_never_passes(name, survival):
    gate = gate_of(name)
    assert gate.judge(survival).status == "pass"
    assert gate.judge(LOSSES[name](survival)).status == "insufficient"


@settings(deadline=None, max_examples=25)
@given(bad=st.floats(0, 1), worse=st.floats(0, 1), width=st.floats(0.2, 4), wider=st.floats(1, 5))
@EVERY
def test_worse_evidence_never_turns_a_fail_into_a_pass(name, bad, worse, width, wider):
    gate, evidence = gate_of(name), good_evidence(STUDIES["survival"])
    before = gate.judge(SLIDES[name](evidence, bad, width)).status
    after = gate.judge(SLIDES[name](evidence, bad + worse, width)).status
    assert ORDER[after] <= ORDER[before]
    blurred = gate.judge(SLIDES[name](evidence, bad, width * wider)).status
    assert blurred in (before, "insufficient")


@EVERY
def test_findings_are_the_same_every_time(name, survival):
    evidence = SLIDES[name](survival, 0.4, 1.0)
    again = Evidence.model_validate_json(evidence.model_dump_json())
    assert gate_of(name).judge(evidence) == gate_of(name).judge(again)


def test_every_metric_that_a_gate_may_judge_is_measured_for_its_task():
    for table in (RANKING, COMPARED, _fairness.WITHIN, _fairness.BETWEEN):
        for task, names in table.items():
            assert all(task in METRICS[name].tasks and not METRICS[name].report_only for name in names)
    assert all(METRICS[name].direction == "higher" for names in RANKING.values() for name in names)
    assert all(METRICS[name].contrasted for names in _fairness.BETWEEN.values() for name in names)
    calibration = ("calibration_slope", "observed_expected", "ici", "mean_error", "brier_skill", "net_benefit_gain")
    assert set(calibration) <= set(METRICS)
