"""How figures put estimates, counts, groups and columns into words. Light: no plotting library."""

from collections.abc import Iterable

from theragate.evidence.catalogue import METRICS
from theragate.evidence.published import SMALLEST_CELL
from theragate.evidence.types import Estimate, Evidence
from theragate.evidence.writing import decimals_in_figure
from theragate.learning.record import TrainingRecord
from theragate.numbers import declared, with_limits
from theragate.study import (
    BinaryOutcome,
    EffectOutcome,
    QuantityOutcome,
    Study,
    SurvivalOutcome,
)

__all__ = [
    "absence_text",
    "attribute_title",
    "counts_text",
    "estimate_text",
    "event_word",
    "feature_label",
    "importances",
    "label_order",
    "numbers_line",
    "outcome_unit",
    "patients_line",
]

NO_BREAK = "\N{NO-BREAK SPACE}"


def estimate_text(metric: str, estimate: Estimate, *, scale: Iterable[float] = ()) -> str:
    """Write an estimate as ``0.81 (0.77 to 0.85)``, or say why there is none.

    `scale` are the other numbers on the figure's scale, with which an effect has its decimals in common.
    """
    if estimate.value is None:
        return absence_text(estimate)
    decimals = decimals_in_figure(metric, estimate.value, estimate.lower, estimate.upper, *scale)
    return with_limits(estimate.value, estimate.lower, estimate.upper, decimals=decimals)


def absence_text(estimate: Estimate) -> str:
    """Say why there is no estimate."""
    return estimate.why if estimate.why.startswith("withheld") else f"not estimable: {estimate.why}"


def counts_text(patients: int, events: int | None, non_events: int | None) -> tuple[str, str]:
    """Write the numbers of patients and of events; a number below 11 could point at a person and is not written.

    Where there are fewer than 11 patients *without* the event, the number of events is written as a bound, since the
    two numbers add up.
    """
    if 0 < patients < SMALLEST_CELL:
        return f"<{SMALLEST_CELL}", "–" if events is None else f"<{SMALLEST_CELL}"
    if events is None:
        return f"{patients:,}", "–"
    if 0 < events < SMALLEST_CELL:
        return f"{patients:,}", f"<{SMALLEST_CELL}"
    if non_events is not None and 0 < non_events < SMALLEST_CELL:
        return f"{patients:,}", f">{patients - SMALLEST_CELL:,}"
    return f"{patients:,}", f"{events:,}"


def feature_label(study: Study, feature: str) -> str:
    """Return what a clinician calls the column."""
    return study.features.labels.get(feature, feature.replace("_", " "))


def attribute_title(study: Study, attribute: str) -> str:
    """Return the title of a subgroup's attribute, or of two attributes that are crossed (``sex & age_band``)."""
    titles = [study.subgroups[key].title if key in study.subgroups else key for key in attribute.split(" & ")]
    return " × ".join(titles)


def label_order(study: Study, attribute: str, label: str) -> tuple[tuple[int, int], ...]:
    """Return the position of a label among those of its attribute: as declared, bands ascending, the unknown last."""
    keys, labels = attribute.split(" & "), label.split(" & ")
    if len(keys) != len(labels):  # groups withheld together
        return ((4, 0),)
    return tuple(_position(study, *pair) for pair in zip(keys, labels, strict=True))


def _position(study: Study, key: str, label: str) -> tuple[int, int]:
    spec = study.subgroups.get(key)
    names = spec.names if spec is not None else ()
    return (0, names.index(label)) if label in names else (3, 0)


def event_word(study: Study) -> str:
    """Return the event that a risk is about, in the study's words."""
    outcome = study.measured
    if isinstance(outcome, BinaryOutcome):
        return outcome.positive
    if isinstance(outcome, SurvivalOutcome):
        return f"event within {declared(outcome.horizon)} {outcome.unit}"
    return outcome.column.replace("_", " ")


def outcome_unit(study: Study) -> str:
    """Return the unit of what is predicted or of its time; empty for a risk without time."""
    if isinstance(study.outcome, QuantityOutcome | SurvivalOutcome | EffectOutcome):
        return study.outcome.unit
    return ""


def patients_line(evidence: Evidence, study: Study) -> str:
    """Say on how many patients a figure rests."""
    cohort = evidence.cohort
    patients, events = counts_text(cohort.patients, cohort.events, cohort.non_events)
    if cohort.events is None:
        return f"{patients} patients, each predicted by models that never saw that patient."
    kind = event_word(study) if isinstance(study.measured, BinaryOutcome) else "with the event"
    return f"{patients} patients, {events} {kind}, each predicted by models that never saw that patient."


def numbers_line(evidence: Evidence, *metrics: str) -> str:
    """Write the estimates of some metrics on one line, with their 95% limits."""
    parts = []
    for metric in metrics:
        if metric in evidence.overall:
            part = f"{METRICS[metric].title} {estimate_text(metric, evidence.overall[metric])}"
            parts.append(part.replace(" ", NO_BREAK))
    return " · ".join(parts)


def importances(record: TrainingRecord) -> list[tuple[str, float, float]]:
    """Return (feature, mean, standard deviation), the most important first, from a training record."""
    rows = [(name, importance.mean, importance.sd) for name, importance in record.importances.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0]))
