"""The page of results: what was measured, beside what is known, and nothing that small cells would give away."""

import json
from pathlib import Path

import pytest
from gates.evidence_by_hand import STUDIES, changed, estimate, good_evidence, overall

from theragate.errors import ConfigurationError
from theragate.evidence.types import Evidence
from theragate.gates import decide, read_policy
from theragate.reports.headline import estimate_text
from theragate.reports.results import Known, Result, read_known, results_page

ROOT = Path(__file__).parents[2]
KNOWN = {
    "heart_attack_survival": (
        Known(metric="concordance_index", value="0.76", what="The best of many.", source="Somebody 2024 | a <b>"),
        Known(metric="hazard ratio", value="2.0", what="Of the old.", source="Somebody else 2025"),
    )
}


def result(evidence: Evidence, task: str) -> Result:
    study = STUDIES[task]
    return Result(study, evidence, decide(evidence, read_policy(study), evidence_sha256="9" * 64))


def page(*results: Result, absent: tuple[str, ...] = ()) -> str:
    return results_page(results, KNOWN, absent=absent)


@pytest.mark.parametrize("task", STUDIES)
def test_every_task_has_a_row_and_a_section(task):
    evidence = good_evidence(STUDIES[task])
    text = page(result(evidence, task))
    name = STUDIES[task].name
    assert f"[{name}](#{name})" in text
    assert f"\n## {name}\n" in text
    assert "not known (it was not measured)" in text or task != "regression"


def test_measured_and_known_stand_side_by_side():
    evidence = overall(good_evidence(STUDIES["survival"]), concordance_index=estimate(0.741, 0.01))
    row = next(line for line in page(result(evidence, "survival")).splitlines() if line.startswith("| [heart"))
    assert "0.741 (0.721 to 0.761)" in row
    assert "| 0.76 |" in row
    assert "2,000 patients, 800 with the event" in row


def test_the_paired_difference_from_the_reference_is_shown_with_its_sign():
    text = page(result(good_evidence(STUDIES["survival"]), "survival"))
    assert "+0.005 (−0.003 to 0.013)" in text


def test_a_treatment_is_shown_with_its_design_and_the_separate_check_beside_the_known_one():
    evidence = good_evidence(STUDIES["treatment_effect"])
    name = STUDIES["treatment_effect"].name
    one = Known(metric="hazard ratio", value="0.50 (0.33 to 0.76)", what="As randomised.", source="A trial")
    text = results_page([result(evidence, "treatment_effect")], {name: (one,)}, absent=())
    row = next(line for line in text.splitlines() if line.startswith(f"| [{name}"))
    assert f"(#{name}), OBSERVATIONAL |" in row
    assert "; hazard ratio 0.68 (0.54 to 0.82), treated to control, adjusted for 8 columns |" in row
    assert "| hazard ratio 0.50 (0.33 to 0.76) |" in row
    assert "OBSERVATIONAL: treatment was chosen in practice" in text.split(f"## {name}")[1]
    assert "| Separate check by Cox regression | hazard ratio 0.68" in text
    randomised = changed(evidence, treatment=evidence.treatment.model_copy(update={"assigned": "at_random"}))
    assert "OBSERVATIONAL" not in page(result(randomised, "treatment_effect"))


def test_a_number_known_of_a_group_stands_beside_that_groups():
    evidence = good_evidence(STUDIES["survival"])
    group = evidence.groups[0]
    known = [
        Known(metric=f"concordance_index[{key}]", value="0.7", what="Of some.", source="Somebody 2024")
        for key in (group.key, "sex=nobody")
    ]
    text = results_page([result(evidence, "survival")], {STUDIES["survival"].name: known}, absent=())
    title = f"Concordance index (Harrell), {group.attribute}: {group.label}"
    assert f"| {title} | {estimate_text('concordance_index', group.metrics.get('concordance_index'))} |" in text
    assert f"| {title} | 0.7 |" in text
    assert "sex: nobody | not measured |" in text
    assert f"0.7 ({group.label}); 0.7 (nobody)" in text


def test_sources_are_cited_and_cannot_become_markup():
    text = page(result(good_evidence(STUDIES["survival"]), "survival"))
    assert "Somebody 2024 \\| a &lt;b>" in text
    assert "| Hazard ratio | 2.0 | Of the old. | Somebody else 2025 |" in text


def test_simulated_patients_are_labelled():
    evidence = good_evidence(STUDIES["survival"])
    simulated = changed(evidence, cohort=evidence.cohort.model_copy(update={"simulated": True}))
    text = page(result(simulated, "survival"))
    assert "**SIMULATED: these patients do not exist.**" in text
    assert "2,000 simulated patients" in text
    assert "SIMULATED" not in page(result(evidence, "survival"))


def test_what_blocks_is_named_and_what_has_not_run_too():
    evidence = overall(good_evidence(STUDIES["survival"]), calibration_slope=estimate(0.3, 0.05))
    text = page(result(evidence, "survival"), absent=("warfarin_dose",))
    assert "BLOCKED by TG004 fail" in text
    assert "Not run yet: `warfarin_dose`." in text


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], r"this entry is a mapping of keys to values; received \[\]"),
        ({"s": [{"metric": "auroc"}]}, r"`s\.0\.value`"),
        ({"s": "0.7"}, "`s`"),
    ],
    ids=["a list", "an entry without a value", "a text"],
)
def test_known_numbers_of_another_form_are_refused(content, place):
    with pytest.raises(ConfigurationError, match=f"docs/published.json.*{place}"):
        read_known(content)


def test_the_repositorys_own_numbers_are_well_formed():
    known = read_known(json.loads((ROOT / "docs" / "published.json").read_text(encoding="utf-8")))
    assert {"heart_attack_survival", "warfarin_dose"} <= set(known)
    assert all(len(one.source) > 10 for numbers in known.values() for one in numbers)
