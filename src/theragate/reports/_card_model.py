"""What the card says of the model itself: what it predicts, from what, and what its answer for one patient is worth."""

from theragate.cohorts.provenance import Provenance
from theragate.evidence.published import SMALLEST_CELL
from theragate.evidence.types import Evidence
from theragate.gates.words import plural
from theragate.learning.record import TrainingRecord
from theragate.numbers import declared, percent, significant
from theragate.reports.headline import unknown
from theragate.study import BinaryOutcome, EffectOutcome, QuantityOutcome, Study

__all__ = ["cohort_words", "model_summary", "trust_ingredients"]


def model_summary(study: Study, evidence: Evidence) -> dict[str, str]:
    """Return what the model predicts, and from how many patients it was learned."""
    outcome = study.outcome
    if isinstance(outcome, EffectOutcome):
        predicted = f"how much more {outcome.treatment.name} would do for this patient than {outcome.treatment.control}"
    elif isinstance(outcome, BinaryOutcome):
        predicted = f"the probability of `{outcome.positive}`"
    elif isinstance(outcome, QuantityOutcome):
        predicted = f"`{outcome.column}`, in {outcome.unit}"
    else:
        predicted = f"the risk of the event within {declared(outcome.horizon)} {outcome.unit}"
    return {
        "Summary": f"Predicts, for one patient, {predicted}. Outcome: {outcome.description} "
        f"Learned and tested on {cohort_words(evidence)}",
        "Keywords": f"{evidence.task}, {evidence.family.replace('_', ' ')}, {study.name.replace('_', ' ')}",
    }


def trust_ingredients(
    study: Study, evidence: Evidence, record: TrainingRecord, provenance: Provenance
) -> dict[str, str]:
    """Return where the data and the model come from, and what nobody has declared."""
    dropped = study.features.dropped
    others = [f"`{name}` {each.version} ({each.sha256[:12]})" for name, each in study.installed.items()]
    return {
        "Outcomes and outputs": study.outcome.description,
        "Model type": _model_words(evidence, record),
        **({"Packages of others": f"{', '.join(others)}."} if others else {}),
        "Answer for one patient": _personal_words(record),
        "Missing inputs": record.personal.imputation if record.personal else unknown("the training record is silent"),
        "Input data source": f"{study.source.citation} Licence: {study.source.licence}",
        "Version of the source": provenance.version or unknown("ingestion recorded none"),
        "Input data types": ", ".join(record.features) or unknown("the training record lists none"),
        "Columns kept from the model": " ".join(f"`{column}`: {reason}" for column, reason in dropped.items())
        or "None.",
        "Development data characterization": cohort_words(evidence),
        "Bias mitigation approaches": "None was applied; differences are measured and judged.",
        "Ongoing maintenance": unknown("no plan is declared"),
        "Funding source": unknown("params.yaml has no field for it"),
        "Stakeholders consulted": unknown("params.yaml has no field for it"),
    }


def _model_words(evidence: Evidence, record: TrainingRecord) -> str:
    params = record.selected.params
    settings = ", ".join(f"{name} {_value(value)}" for name, value in sorted(params.items()))
    return (
        f"`{evidence.family}`{f' ({settings})' if settings else ''}, compared with the simple reference "
        f"`{evidence.reference_family}`. {record.selection.rule}{_setback_words(record)}"
    ).strip()


def _personal_words(record: TrainingRecord) -> str:
    """Say what the interval beside a prediction claims, how it held, and how often a clinician is asked to decide."""
    personal = record.personal
    if personal is None:
        return unknown("the training record says nothing about it")
    measured, answers = personal.measured, personal.answers
    refused = "Inputs that the study does not accept, or the model was never tested with, get a reason and no number."
    differences = personal.differences
    if differences is not None and not differences.shown:
        return f"{personal.claim} {refused}"
    if not measured:
        held = ""
    elif "coverage" in measured:
        patients = plural(int(measured["patients"]), "held-out patient")
        held = f" Of {patients}, {percent(measured['coverage'])} had an outcome inside it."
    else:
        what = "the share with the event" if differences is None else "their mean doubly robust score"
        held = (
            f" In {measured['fifths_in_agreement']} of {measured['fifths']} groups of held-out patients with like "
            f"predictions, {what} agreed with it."
        )
    sure, none = answers["prediction"], answers["no answer"]
    without = f", {percent(none)} no number" if none else ""
    return (
        f"A prediction with an interval and what drove it. {personal.claim}{held} Of the patients learned from, "
        f"{percent(sure)} would get a prediction to rely on{without}; for the others, the answer is that a clinician "
        f"decides. {refused}"
    )


def _value(value: float) -> str:
    return significant(value, 4) if isinstance(value, float) else str(value)


def cohort_words(evidence: Evidence) -> str:
    """Return how many patients there are, and how many of them had the event, unless these are few."""
    cohort = evidence.cohort
    words = plural(cohort.patients, "simulated patient" if cohort.simulated else "patient")
    if cohort.events is None:
        return f"{words}."
    if min(cohort.events, cohort.patients - cohort.events) < SMALLEST_CELL:
        return f"{words}, few of them with or without the event."
    lost = cohort.censored_before_horizon
    return f"{words}, {cohort.events:,} with the event" + (
        f", {lost:,} lost to follow-up before the horizon." if lost else "."
    )


def _setback_words(record: TrainingRecord) -> str:
    if not record.setbacks:
        return ""
    return f" Not every family had a solution: {'; '.join(map(str, record.setbacks))}."
