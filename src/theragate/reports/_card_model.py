"""What the card says of the model itself: what it predicts, from what, and what its answer for one patient is worth."""

from theragate.cohorts.provenance import Provenance
from theragate.evidence.published import SMALLEST_CELL
from theragate.evidence.types import Evidence
from theragate.learning.record import TrainingRecord
from theragate.numbers import plural, significant
from theragate.personal.predicted import predicted_words
from theragate.reports._card_answers import answer_fields
from theragate.reports.headline import unknown
from theragate.study import Study

__all__ = ["cohort_words", "model_summary", "trust_ingredients"]


def model_summary(study: Study, evidence: Evidence) -> dict[str, str]:
    """Return what the model predicts, and from how many patients it was learned."""
    return {
        "Summary": f"Predicts, for one patient, {predicted_words(study)} "
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
        **answer_fields(record),
        **_audit_words(evidence),
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


def _audit_words(evidence: Evidence) -> dict[str, str]:
    """Return of whom stability and membership were measured, where that is not everybody."""
    audited = evidence.audited
    if audited is None:
        return {}
    return {
        "Patients audited": "How stable predictions are, and whether they tell who was learned from, was measured in a "
        f"random sample of {audited.patients:,} of the {audited.of:,} patients learned from. A model of fewer patients "
        "is less stable and remembers more of each, so that what passes in the sample passes, as a rule, for all."
    }


def _setback_words(record: TrainingRecord) -> str:
    if not record.setbacks:
        return ""
    return f" Not every family had a solution: {'; '.join(map(str, record.setbacks))}."
