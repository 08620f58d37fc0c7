"""What a study of a treatment found, in words: for the card, for MLflow and for the terminal. Light."""

from theragate.evidence.published import publish
from theragate.evidence.types import Evidence, TreatmentEvidence
from theragate.evidence.writing import average_effect, band, interval
from theragate.gates.words import group_words
from theragate.numbers import number, percent, plural
from theragate.reports.headline import estimate_text
from theragate.reports.markdown import fields_list, table
from theragate.study import EffectOutcome, Study

__all__ = ["design_words", "hazard_words", "treatment_lines", "treatment_section"]

ASSIGNED = {
    "at_random": "randomised: treatment was assigned at random",
    "in_practice": "OBSERVATIONAL: treatment was chosen in practice, and only what was recorded could be adjusted for",
}


def design_words(treatment: TreatmentEvidence) -> str:
    """Say how treatment was assigned."""
    return ASSIGNED[treatment.assigned]


def treatment_lines(evidence: Evidence) -> list[str]:
    """Return the lines that the terminal shows of a treatment; none where no treatments are compared."""
    treatment = evidence.treatment
    if treatment is None:
        return []
    lines = [f"{design_words(treatment)}", f"average effect: {_average(evidence)}"]
    if hazard_words(treatment):
        lines.append(f"separate check: {hazard_words(treatment)}")
    return lines


def treatment_section(evidence: Evidence, study: Study) -> str:
    """Return the card's section on the treatment itself, which holds whether or not anything is personalised."""
    evidence = publish(evidence)  # a card goes where everything published goes
    treatment, outcome = evidence.treatment, study.outcome
    if treatment is None or not isinstance(outcome, EffectOutcome):
        return ""
    rows = {
        "Compared": f"{outcome.treatment.name}, with {outcome.treatment.control}",
        "Design": f"{design_words(treatment)}. {outcome.treatment.reason}",
        "Arms": "; ".join(_arm_words(arm.treated, arm.n, arm.events) for arm in treatment.arms),
        "Average effect, doubly robust": _average(evidence),
        "Difference of the arms as they are": estimate_text("average_effect", treatment.crude),
    }
    if hazard_words(treatment):
        rows["Separate check, Cox regression"] = hazard_words(treatment)
    rows |= _overlap_rows(treatment)
    groups = [
        (
            group_words(group.attribute, group.label),
            f"{group.n:,}",
            estimate_text("average_effect", group.metrics.get("average_effect")),
            _band(treatment, group.key),
        )
        for group in evidence.groups
        if " & " not in group.attribute
    ]
    text = f"### Effect of the treatment\n\n{fields_list(rows)}"
    if not groups:
        return text
    header = ("Group", "Patients", "Average effect (95% interval)", "Simultaneous band of all groups")
    return (
        f"{text}\n\n#### Average effect in each group\n\n{table(header, groups)}\n\nThe bands hold for all groups at "
        "once in 95 of 100 studies. Groups whose bands overlap are not shown to differ."
    )


def _average(evidence: Evidence) -> str:
    estimate = evidence.overall.get("average_effect")
    return average_effect(evidence.treatment, estimate) or estimate_text("average_effect", estimate)


def _arm_words(treated: bool, n: int, events: int | None) -> str:
    name = "treated" if treated else "controls"
    return f"{n:,} {name}" + ("" if events is None else f", {events:,} with the event")


def hazard_words(treatment: TreatmentEvidence) -> str:
    """Return the separate check by Cox regression as a hazard ratio with limits; empty where there is no time."""
    ratio = treatment.hazard_ratio
    if ratio is None or ratio.value is None:
        return ""
    how = f"adjusted for {plural(treatment.adjusted_for, 'column')}" if treatment.adjusted_for else "not adjusted"
    numbers = interval("observed_expected", ratio.value, lower=ratio.lower, upper=ratio.upper)
    return f"hazard ratio {numbers}, treated to control, {how}"


def _overlap_rows(treatment: TreatmentEvidence) -> dict[str, str]:
    overlap = treatment.overlap
    controls, treated = overlap.effective
    outside = "not known" if overlap.outside.value is None else percent(overlap.outside.value)
    rows = {
        "Chance of treatment": f"known, {percent(treatment.propensity)}"
        if treatment.propensity
        else f"estimated; below 10% or above 90% in {outside} of the patients",
    }
    if overlap.after:
        feature, after = overlap.worst_after
        worst, before = max(overlap.before.items(), key=lambda item: (item[1], item[0]))
        arms = f"{number(controls, 0)} controls and {number(treated, 0)} treated"
        rows["Balance of the features"] = (
            f"largest standardised difference {number(before, 2)} (`{worst}`), after weighting {number(after, 2)} "
            f"(`{feature}`); the weighted arms are worth {arms}"
        )
    return rows


def _band(treatment: TreatmentEvidence, key: str) -> str:
    simultaneous = treatment.bands.get(key)
    return "–" if simultaneous is None else band("average_effect", simultaneous.lower, simultaneous.upper)
