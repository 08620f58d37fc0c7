"""What every gate promises, whichever it is: found through the registry, so that a new one cannot slip by."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from gates.evidence_by_hand import (
    STUDIES,
    champion,
    changed,
    estimate,
    gate_of,
    good_evidence,
    group,
    membership,
    overall,
    stability,
    task_for,
    thresholds,
    treatment,
    with_groups,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, Evidence
from theragate.gates import CONDITIONS, GATES, Gate, _fairness
from theragate.gates.types import REVIEW
from theragate.study import TASKS
from theragate.testing.gates import (
    Worse,
    answers_within_reach,
    doubt_on_losses,
    findings_that_help,
    order_kept,
    same_answer_again,
    words_in_order,
)

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


def women(evidence: Evidence, **facts) -> Evidence:
    """Evidence in which women fare in some way of their own, and everybody else fares well."""
    ages = [group("age_band", label) for label in ("≤65", "65–75", ">75")]
    return with_groups(evidence, [group("sex", "male"), group("sex", "female", **facts), *ages])


def at_most_one(found: Estimate) -> Estimate:
    return found.model_copy(update={"upper": min(1.0, found.upper)})


def above_zero(found: Estimate) -> Estimate:
    return found.model_copy(update={"lower": max(0.001, found.lower)})


# How far from good (0) to bad: evidence as a function of one number, and of the width of its intervals. What a gate
# asks besides stands under its name and a colon.
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
    "utility: in a group": lambda e, bad, width: women(e, gains=estimate(0.03 - 0.1 * bad, 0.008 * width)),
    "fairness": lambda e, bad, width: women(e, metrics={"log_observed_expected": estimate(0.8 * bad, 0.05 * width)}),
    "fairness: ici": lambda e, bad, width: women(
        e, metrics={"ici": above_zero(estimate(0.02 + 0.1 * bad, 0.005 * width))}
    ),
    "fairness: reference": lambda e, bad, width: women(e, against=estimate(-0.15 * bad, 0.01 * width)),
    "subgroup_adequacy": lambda e, bad, width: women(e, events=round(400 - 390 * min(bad, 1))),
    "subgroup_adequacy: width": lambda e, bad, width: women(
        e, metrics={"log_observed_expected": estimate(0.0, 0.02 + 0.2 * bad * width)}
    ),
    "robustness": lambda e, bad, width: stressed(e, estimate(-0.15 * bad, 0.005 * width)),
    "stability": lambda e, bad, width: changed(
        e, stability=stability(above_zero(estimate(0.02 + 0.1 * bad, 0.002 * width)), metric="concordance_index")
    ),
    "non_inferiority": lambda e, bad, width: changed(
        e, champion=champion(estimate(0.005 - 0.1 * bad, 0.004 * width), metric="concordance_index")
    ),
    "personalisation": lambda e, bad, width: overall(e, autoc=estimate(60 - 120 * bad, 10 * width)),
    "comparability": lambda e, bad, width: changed(e, treatment=treatment(outside=0.02 + 0.3 * min(bad, 1))),
    "comparability: balance": lambda e, bad, width: changed(e, treatment=treatment(imbalance=0.05 + 0.3 * bad)),
    "privacy": lambda e, bad, width: changed(
        e, membership=membership(at_most_one(estimate(0.53 + 0.3 * min(bad, 1), 0.01 * width)))
    ),
    "privacy: rate": lambda e, bad, width: changed(
        e,
        membership=membership(
            estimate(0.53, 0.01), rate=above_zero(at_most_one(estimate(0.004 + 0.03 * min(bad, 1), 0.001 * width)))
        ),
    ),
}
# Too few patients do no harm: they leave open what is not known.
NEVER_FAILS = {"subgroup_adequacy"}
# A description of these very patients has no error.
NEVER_UNCERTAIN = {"comparability"}
GROUPED = {"utility", "fairness", "subgroup_adequacy"}
# What is taken away, so that the gate cannot say.
LOSSES: dict[str, Callable[[Evidence], Evidence]] = {
    "data_quality": lambda e: data(e, expectations=0),
    "suspicious_performance": lambda e: overall(e, concordance_index=None),
    "discrimination": lambda e: overall(e, concordance_index=None),
    "calibration": lambda e: overall(e, ici=None),
    "utility": lambda e: changed(e, net_benefit=()),
    "utility: in a group": lambda e: changed(
        e, groups=tuple(g.model_copy(update={"net_benefit": ()}) for g in e.groups)
    ),
    "fairness": lambda e: women(e, metrics={"log_observed_expected": Estimate.absent("not estimable")}),
    "fairness: ici": lambda e: women(e, metrics={"ici": Estimate.absent("not estimable")}),
    "fairness: reference": lambda e: changed(
        e, groups=tuple(g.model_copy(update={"comparisons": ()}) for g in e.groups)
    ),
    "subgroup_adequacy": lambda e: changed(e, groups=()),
    "subgroup_adequacy: width": lambda e: women(e, metrics={"log_observed_expected": Estimate.absent("no event")}),
    "robustness": lambda e: changed(e, scenarios=e.scenarios[:1]),
    "stability": lambda e: changed(e, stability=None),
    "non_inferiority": lambda e: changed(
        e, champion=champion(estimate(0.005, 0.004), metric="concordance_index", why="a feature is gone")
    ),
    "personalisation": lambda e: overall(e, autoc=None),
    "comparability": lambda e: changed(e, treatment=None),
    "comparability: balance": lambda e: changed(e, treatment=None),
    "privacy": lambda e: changed(e, membership=None),
    "privacy: rate": lambda e: changed(
        e, membership=membership(estimate(0.53, 0.01), rate=Estimate.absent("no spread"))
    ),
}
EVERY = pytest.mark.parametrize("name", list(GATES))
EVERY_QUESTION = pytest.mark.parametrize("asked", list(SLIDES))


def gate_for(asked: str) -> Gate:
    return gate_of(asked.partition(":")[0])


def evidence_for(asked: str) -> Evidence:
    return good_evidence(STUDIES[task_for(asked.partition(":")[0])])


def test_the_registry_holds_every_gate_there_is():
    ours = {kind for kind in subclasses(Gate) if kind.__module__.startswith("theragate.gates.")}  # tests have their own
    assert set(GATES.values()) == ours - {Gate}
    assert [kind.name for kind in GATES.values()] == list(GATES)
    assert {asked.partition(":")[0] for asked in SLIDES} == set(GATES)
    assert set(SLIDES) == set(LOSSES)


def test_codes_are_distinct_and_every_gate_has_its_own_module():
    codes = [kind.code for kind in (*GATES.values(), *CONDITIONS.values())]
    assert sorted(codes) == [f"TG{place:03}" for place in range(1, len(codes) + 1)]
    assert [kind.code for kind in GATES.values()] == sorted(kind.code for kind in GATES.values())
    assert {kind.__module__.split(".")[-1] for kind in GATES.values()} == {f"_{name}" for name in GATES}
    assert all((MODULES / f"_{name}.py").is_file() for name in GATES)


@EVERY
def test_titles_and_sentences_are_calm(name):
    words_in_order(GATES[name])


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
    kinds = [*GATES.values(), *CONDITIONS.values()]
    # TG000 is no gate of a policy: it speaks where a draft of one waits for a person.
    expected = {f"{kind.code}-{kind.name.replace('_', '-')}.md" for kind in kinds} | {f"{REVIEW}-review.md"}
    assert {page.name for page in PAGES.glob("*.md")} == expected | {"README.md"}
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert all(f"({name})" in index for name in expected)


def test_the_index_gives_every_gate_its_severity():
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    for kind in (*GATES.values(), *CONDITIONS.values()):
        line = next(line for line in index.splitlines() if line.startswith(f"| [{kind.code} "))
        assert f"| {kind.severity} |" in line


@EVERY
def test_good_evidence_passes_for_every_task(name):
    for task, study in STUDIES.items():
        if task not in GATES[name].tasks:
            continue
        finding = gate_of(name, task).judge(good_evidence(study))
        applicable = task != "binary" or name not in ("fairness", "subgroup_adequacy")
        if applicable and (task, name) != ("regression", "utility"):
            assert finding.status == "pass", finding.summary


def worse(asked: str) -> Worse:
    evidence = evidence_for(asked)
    return lambda bad, width: SLIDES[asked](evidence, bad, width)


@EVERY_QUESTION
def test_pass_insufficient_and_fail_are_all_within_reach(asked):
    gate = gate_for(asked)
    never = {"fail"} if gate.name in NEVER_FAILS else {"insufficient"} if gate.name in NEVER_UNCERTAIN else set()
    answers_within_reach(gate, worse(asked), reached={"pass", "insufficient", "fail"} - never)


@EVERY_QUESTION
def test_a_finding_says_what_it_found_and_what_to_do(asked):
    gate = gate_for(asked)
    assert gate.reason == STUDIES[task_for(gate.name)].gates[gate.name]["reason"].strip()
    for bad in (0.0, 0.3, 1.0):
        findings_that_help(gate, worse(asked)(bad, 1.0))


@EVERY_QUESTION
def test_what_is_missing_never_passes(asked):
    evidence = evidence_for(asked)
    doubt_on_losses(gate_for(asked), evidence, LOSSES[asked](evidence))


@EVERY_QUESTION
def test_worse_evidence_never_turns_a_fail_into_a_pass(asked):
    gate, slide = gate_for(asked), worse(asked)

    @settings(deadline=None, max_examples=20)
    @given(bad=st.floats(0, 1), further=st.floats(0, 1), width=st.floats(0.2, 4), wider=st.floats(1, 5))
    def holds(bad, further, width, wider):
        order_kept(gate, slide, bad=bad, further=further, width=width, wider=wider)

    holds()


@settings(deadline=None, max_examples=15)
@given(
    order=st.permutations(range(5)),
    names=st.permutations(["a", "b", "c", "d", "e"]),
    bad=st.floats(0, 1),
    asked=st.sampled_from([asked for asked in SLIDES if asked.partition(":")[0] in GROUPED]),
)
def test_neither_the_order_nor_the_names_of_groups_change_an_answer(order, names, bad, asked):
    gate, evidence = gate_for(asked), SLIDES[asked](good_evidence(STUDIES["survival"]), bad, 1.0)
    groups = [evidence.groups[place] for place in order]
    renamed = [g.model_copy(update={"label": name}) for g, name in zip(groups, names, strict=True)]
    turned = gate.judge(with_groups(evidence, renamed))
    assert turned.status == gate.judge(evidence).status
    answers = [sorted(row.status for row in f.comparisons) for f in (turned, gate.judge(evidence))]
    assert answers[0] == answers[1]


@EVERY_QUESTION
def test_findings_are_the_same_every_time(asked):
    same_answer_again(gate_for(asked), worse(asked)(0.4, 1.0))


def test_every_metric_that_a_gate_may_judge_is_measured_for_its_task():
    for table in (_fairness.WITHIN, _fairness.BETWEEN):
        assert set(table) == set(TASKS)
        for task, names in table.items():
            assert all(task in METRICS[name].tasks and not METRICS[name].report_only for name in names)
    assert all(METRICS[name].contrasted for names in _fairness.BETWEEN.values() for name in names)
    calibration = ("calibration_slope", "observed_expected", "ici", "mean_error", "brier_skill", "net_benefit_gain")
    assert set(calibration) <= set(METRICS)
