"""The model card and the short forms of a verdict, for each task."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from gates.evidence_by_hand import STUDIES, changed, estimate, good_evidence, group, overall, with_groups
from records_by_hand import provenance_of, training_record

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Estimate, Evidence
from theragate.gates import CONDITIONS, GATES, decide, read_policy
from theragate.gates.types import Verdict
from theragate.learning.record import Setback
from theragate.reports import _card_metrics
from theragate.reports.card import model_card
from theragate.reports.headline import headline, metrics_summary
from theragate.reports.verdict import Acceptance, verdict_table
from theragate.study import TASKS, Holdout, Study

SECTIONS = [
    "Basic information",
    "Release information",
    "Model summary",
    "Uses and directions",
    "Warnings",
    "Trust ingredients",
    "Key metrics",
    "Resources",
    "Bibliography",
]
RECORD = training_record()
PROVENANCE = provenance_of()
WAIVER = Acceptance(
    finding="TG007 subgroup_adequacy (insufficient)",
    by="Dr. Ana Ruiz",
    reason="The registry ends in December. " * 9,
    issued="2026-11-24",
    expires="2026-12-31",
    why_not="",
)
NASTY = Acceptance("TG003", "A | <b>B</b>\n| c", "| a |\n| b |", "2026-11-24", "2026-12-31", "the policy | changed")


def judged(evidence: Evidence) -> Verdict:
    return decide(evidence, read_policy(study_of(evidence)), evidence_sha256="9" * 64)


def study_of(evidence: Evidence) -> Study:
    return STUDIES[evidence.task]


def card_of(evidence: Evidence, **more: Any) -> str:
    study = more.get("study", study_of(evidence))
    record, provenance = more.get("record", RECORD), more.get("provenance", PROVENANCE)
    waivers, look = more.get("waivers", ()), more.get("look", 1)
    return model_card(study, evidence, judged(evidence), record, provenance, waivers=waivers, look=look)


def poor(task: str) -> Evidence:
    """Evidence in which nothing could be estimated."""
    evidence = good_evidence(STUDIES[task])
    nothing = dict.fromkeys(evidence.overall, Estimate.absent("too few patients"))
    return changed(
        evidence, overall=nothing, comparisons=(), groups=(), contrasts=(), families={}, net_benefit=(), scenarios=()
    )


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("state", ["good", "poor"])
def test_a_card_has_every_section_and_no_trace_of_the_machine(task, state):
    card = card_of(good_evidence(STUDIES[task]) if state == "good" else poor(task))
    assert re.findall(r"^## (.+)$", card, flags=re.MULTILINE) == SECTIONS
    assert not re.search(r"\bNone[^.|\s]|\bNone,|\bnan\b|\binf\b|<class|\{\}|\[\]|Estimate\(", card)
    assert not re.search(r": *$", card, flags=re.MULTILINE), "a field is never empty"
    assert card.startswith(f"# {STUDIES[task].card.title}\n")


@pytest.mark.parametrize("task", TASKS)
def test_what_people_wrote_stands_on_the_card(task):
    study = STUDIES[task]
    card = card_of(good_evidence(study))
    written = study.card
    for sentence in (written.intended_use, written.users, written.population, *written.out_of_scope, *written.cautions):
        assert sentence in card
    assert study.source.citation in card
    assert study.source.licence in card
    assert all(study.gates[gate]["reason"].strip() in card for gate in study.gates)


@pytest.mark.parametrize("task", TASKS)
def test_every_measured_metric_stands_on_the_card_with_its_interval(task):
    evidence = good_evidence(STUDIES[task])
    card = card_of(evidence)
    for name in evidence.overall:
        assert f"| {METRICS[name].title} | " in card
    assert "too few patients" in card_of(poor(task))


def test_what_is_not_known_is_said_with_its_reason():
    record, provenance = training_record(features=[]), provenance_of(version="")
    card = card_of(good_evidence(STUDIES["binary"]), record=record, provenance=provenance)
    assert "**Version of the source**: not known (ingestion recorded none)" in card
    assert "**Input data types**: not known (the training record lists none)" in card
    assert "**Funding source**: not known (params.yaml has no field for it)" in card
    assert "**Clinical risk level**: not known (a clinician has to declare it)" in card
    assert "Not assessable: no protected attribute was recorded" in card


def test_a_simulated_cohort_is_labelled_at_the_top():
    evidence = good_evidence(STUDIES["survival"])
    simulated = changed(evidence, cohort=evidence.cohort.model_copy(update={"simulated": True}))
    lines = [line for line in card_of(simulated).splitlines() if line.strip()]
    assert lines[1].startswith("> **SIMULATED**")
    assert "2,000 simulated patients" in card_of(simulated)
    assert "SIMULATED" not in card_of(evidence)


def test_the_verdict_is_at_the_top_and_names_what_blocks():
    evidence = overall(good_evidence(STUDIES["survival"]), calibration_slope=estimate(0.3, 0.05))
    banner = "> **BLOCKED**: 1 finding must be resolved or accepted by name: predictions that come true."
    assert banner in card_of(evidence)
    assert "> **PASS**" in card_of(good_evidence(STUDIES["survival"]))


def test_the_card_says_whether_the_released_model_itself_was_tested():
    evidence = good_evidence(STUDIES["survival"])
    assert "that refit itself was not tested" in card_of(evidence)
    held = Holdout(scheme="holdout", fraction=0.3, inner_folds=5, reason="A large cohort.")
    card = card_of(evidence, study=STUDIES["survival"].model_copy(update={"validation": held}))
    assert "The released model is the one that was tested" in card


def test_families_that_fell_out_are_on_the_card_with_their_reason():
    lost = Setback(family="coxnet", outcome="fell out", searches=7, of=36, reason="no stable solution")
    evidence = good_evidence(STUDIES["survival"])
    text = card_of(evidence, record=RECORD.model_copy(update={"setbacks": (lost,)}))
    assert "Not every family had a solution: `coxnet`: fell out in 7 of 36 searches (no stable solution)." in text
    assert "Not every family" not in card_of(evidence)


def test_every_group_stands_on_the_card_and_few_patients_are_not_counted():
    evidence = good_evidence(STUDIES["survival"])
    few = group("sex", "Missing", n=7, events=3, share=0.0035, metrics={"sensitivity": estimate(0.6667, 0.1)})
    card = card_of(with_groups(evidence, [*evidence.groups, few]))
    for item in (*evidence.groups, few):
        assert f"| {item.key} |" in card
    assert "0.667" not in card
    assert re.search(r"\| sex=Missing \| patients with the event \| withheld", card)


def test_few_events_in_a_cohort_are_not_counted():
    evidence = good_evidence(STUDIES["binary"])
    cohort = evidence.cohort.model_copy(update={"events": 8, "non_events": 1992})
    assert "few of them with or without the event" in card_of(changed(evidence, cohort=cohort))
    assert ", 8 with the event" not in card_of(changed(evidence, cohort=cohort))


@pytest.mark.parametrize("task", TASKS)
def test_the_same_evidence_gives_the_same_card(task):
    evidence = good_evidence(STUDIES[task])
    again = Evidence.model_validate_json(evidence.model_dump_json())
    assert card_of(evidence) == card_of(again)


def test_text_of_others_breaks_neither_table_nor_page():
    study = STUDIES["survival"]
    nasty = study.card.model_copy(update={"users": "Nurses | doctors <script>alert(1)</script>\nand others."})
    gates = study.gates | {"utility": study.gates["utility"] | {"reason": "a | b\n| c |"}}
    odd = study.model_copy(update={"card": nasty, "gates": gates})
    evidence = good_evidence(study)
    verdict = decide(evidence, read_policy(odd), evidence_sha256="9" * 64)
    card = model_card(odd, evidence, verdict, RECORD, PROVENANCE, waivers=[NASTY], look=1)
    assert "<script>" not in card
    assert "a \\| b \\| c \\|" in card
    for table in re.findall(r"(?:^\|.*\n)+", card, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_the_verdict_table_has_a_row_for_each_gate_and_what_to_do():
    evidence = overall(good_evidence(STUDIES["survival"]), calibration_slope=estimate(0.3, 0.05))
    verdict = judged(evidence)
    table = verdict_table(verdict)
    rows = [line for line in table.splitlines() if line.startswith("| TG")]
    assert len(rows) == len(GATES)
    assert table.startswith("BLOCKED")
    calibration = next(row for row in rows if "TG004" in row)
    assert "**fail**" in calibration
    assert "Recalibrate on new data" in calibration


def test_every_gate_and_condition_has_its_place_on_the_card():
    placed = [*_card_metrics.USEFULNESS, *_card_metrics.FAIRNESS, *_card_metrics.SAFETY]
    assert sorted(placed) == sorted(GATES)
    card = card_of(good_evidence(STUDIES["survival"]))
    assert all(f"| {kind.code} {kind.title} | " in card for kind in CONDITIONS.values())


def test_every_waiver_is_on_the_card_with_its_whole_reason():
    evidence = good_evidence(STUDIES["survival"])
    assert "Nobody has accepted a finding by name." in card_of(evidence)
    old = replace(WAIVER, finding="TG004 calibration (fail)", why_not="the evidence has changed since")
    card = card_of(evidence, waivers=[WAIVER, old])
    assert card.count(WAIVER.reason.strip()) == 2
    assert "| 2026-11-24 to 2026-12-31 | Yes. It counts through 2026-12-31. |" in card
    assert "| No: the evidence has changed since. |" in card


def test_the_card_says_which_look_it_is():
    assert "This verdict is look 7 at them" in card_of(good_evidence(STUDIES["survival"]), look=7)


def test_the_verdict_in_words_begins_with_looks_waivers_and_conditions():
    verdict = judged(overall(good_evidence(STUDIES["survival"]), calibration_slope=estimate(0.3, 0.05)))
    failed = verdict.blocking[0].model_copy(update={"code": "TG011", "title": "Lineage", "next_step": "Commit it."})
    text = verdict_table(verdict, waivers=[WAIVER, NASTY], conditions=[failed], looks=3)
    before = text[: text.index("| Gate |")]
    assert "These held-out data have had 3 looks." in before
    line = next(line for line in before.splitlines() if "Dr. Ana Ruiz" in line)
    assert line.startswith(
        "- TG007 subgroup_adequacy (insufficient), accepted by Dr. Ana Ruiz; counts through 2026-12-31."
    )
    assert line.endswith(" …")
    assert "does not count: the policy | changed" in before
    assert "- TG011 Lineage: **fail**. " in before
    assert "Commit it." in before
    assert "<b>" not in text
    bare = verdict_table(verdict, looks=0)
    assert "led to this verdict is not on record." in bare
    assert "Waivers" not in bare


@pytest.mark.parametrize("task", TASKS)
def test_the_metrics_file_is_small_flat_and_json(task):
    evidence = good_evidence(STUDIES[task])
    summary = metrics_summary(evidence, judged(evidence))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["verdict"] in ("PASS", "BLOCKED")
    assert summary["gates"]["calibration"] == "pass"
    first = TASKS[task].headline[0]
    known = evidence.overall[first]
    assert summary[first] == known.value
    assert summary[f"{first}_lower"] == round(known.lower or 0, 4)
    assert {type(value) for key, value in summary.items() if key not in ("verdict", "gates")} == {float}


def test_the_metrics_file_leaves_out_what_was_not_measured():
    evidence = poor("survival")
    summary = metrics_summary(evidence, judged(evidence))
    assert set(summary) == {"verdict", "gates"}


def test_a_minus_zero_is_a_zero():
    evidence = overall(good_evidence(STUDIES["regression"]), mean_error=estimate(-0.00001, 1e-6))
    assert str(metrics_summary(evidence, judged(evidence))["mean_error"]) == "0.0"


@pytest.mark.parametrize("task", TASKS)
def test_the_headline_has_the_main_metrics_in_words(task):
    lines = headline(good_evidence(STUDIES[task]))
    assert list(lines) == [METRICS[name].title for name in TASKS[task].headline]
    assert re.fullmatch(r"\d+(\.\d+)? \(\d+(\.\d+)? to \d+(\.\d+)?\)", next(iter(lines.values())))
    assert all(text.startswith("not known (") for text in headline(poor(task)).values())


@pytest.mark.parametrize("task", TASKS)
def test_the_headline_metrics_are_measured_for_the_task(task):
    assert all(task in METRICS[name].tasks for name in TASKS[task].headline)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_reported_and_never_judged_says_so(task):
    evidence = good_evidence(STUDIES[task])
    rows = [line for line in card_of(evidence).splitlines() if line.startswith("| ")]
    for name in evidence.overall:
        title = METRICS[name].title
        marked = any(row.startswith(f"| {title} (report only) |") for row in rows)
        plain = any(row.startswith(f"| {title} |") for row in rows)
        # The log ratio is the ratio, which has a row of its own.
        assert (marked, plain) == (METRICS[name].report_only, not METRICS[name].report_only and "log_" not in name)


PERSONAL = {
    "level": 0.9,
    "claim": "The claim of the interval.",
    "imputation": "A missing number becomes the median. No input may be missing.",
    "measured": {"patients": 1234, "mean_width": 0.1, "fifths": 5, "fifths_in_agreement": 4},
    "answers": {"prediction": 0.858, "not sure: a clinician decides": 0.142, "no answer": 0.0},
}


GROUP = {"attribute": "Sex", "group": "female", "own": True, "patients": 812, "agrees": None}
HELD = GROUP | {"coverage": 0.9022, "lower": 0.88, "upper": 0.92}
COUNTLESS = {"coverage": None, "lower": None, "upper": None}


def test_the_card_says_how_the_interval_holds_in_each_judged_group() -> None:
    dose = PERSONAL | {"measured": {"patients": 1234, "mean_width": 9.1, "coverage": 0.904}}
    few = GROUP | COUNTLESS | {"group": "male", "own": False, "patients": None}
    card = card_of(
        good_evidence(STUDIES["regression"]), record=training_record(personal=dose | {"groups": [HELD, few]})
    )
    assert (
        "Sex, female: held 90.2% of 812 patients (88.0% to 92.0%), by limits of its own; Sex, male: not shown" in card
    )
    risk = [GROUP | COUNTLESS | {"own": False, "agrees": agrees} for agrees in (True, False)]
    card = card_of(good_evidence(STUDIES["survival"]), record=training_record(personal=PERSONAL | {"groups": risk}))
    assert "the share with the event agreed; Sex, female: the share with the event did **not** agree." in card


def test_the_card_says_what_an_answer_for_one_patient_is_worth() -> None:
    card = card_of(good_evidence(STUDIES["survival"]), record=training_record(personal=PERSONAL))
    assert "The claim of the interval. In 4 of 5 groups of held-out patients" in card
    assert "85.8% would get a prediction to rely on; for" in card
    assert "A missing number becomes the median. No input may be missing." in card
    few = PERSONAL | {"answers": PERSONAL["answers"] | {"prediction": 0.838, "no answer": 0.02}}
    card = card_of(good_evidence(STUDIES["survival"]), record=training_record(personal=few))
    assert "83.8% would get a prediction to rely on, 2% no number; for" in card
    dose = PERSONAL | {"measured": {"patients": 1234, "mean_width": 9.1, "coverage": 0.904}}
    card = card_of(good_evidence(STUDIES["regression"]), record=training_record(personal=dose))
    assert "Of 1,234 held-out patients, 90.4% had an outcome inside it." in card


def test_the_card_says_that_a_record_knows_no_answers() -> None:
    assert "the training record says nothing about it" in card_of(good_evidence(STUDIES["binary"]))
