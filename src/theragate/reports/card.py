"""The model card.

The card has the sections of the CHAI Applied Model Card, version 0.2. What nobody has written or measured stands there
as not known, with the reason; nothing is invented. The card goes to MLflow with everything else that is published, so
that numbers of a few patients are kept out of it (see ``gates/_groups.py``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from theragate.evidence.catalogue import METRICS, metrics_of
from theragate.evidence.published import SMALLEST_CELL
from theragate.evidence.types import Evidence
from theragate.evidence.writing import interval
from theragate.gates import CONDITIONS
from theragate.gates.types import Finding, Judged, Verdict
from theragate.gates.words import plural, title
from theragate.numbers import declared, number, percent, significant
from theragate.reports.effects import treatment_section
from theragate.reports.headline import HEADLINE, estimate_text, unknown
from theragate.reports.markdown import escape, fields, fields_list, table
from theragate.reports.verdict import ANSWERS, Acceptance, decision_words, waiver_table
from theragate.study import BinaryOutcome, Decision, EffectOutcome, QuantityOutcome, Study, TreatmentDecision

__all__ = ["model_card"]

APART = "The released model is the one that was tested: it was fitted without the patients held out."
REFIT = {
    "nested_cross_validation": "The released model is refitted on all patients; that refit itself was not tested.",
    "holdout": APART,
    "temporal": APART,
    "site": APART,
}
COUNTS = ("events", "non_events", "patients")
USEFULNESS = ("discrimination", "personalisation", "calibration", "utility", "non_inferiority")
FAIRNESS = ("fairness", "subgroup_adequacy")
SAFETY = ("data_quality", "comparability", "suspicious_performance", "robustness", "stability", "privacy")


def model_card(
    study: Study,
    evidence: Evidence,
    verdict: Verdict,
    record: Mapping[str, Any],
    provenance: Mapping[str, Any],
    *,
    waivers: Sequence[Acceptance],
    look: int,
) -> str:
    """Return the model card as Markdown.

    Parameters
    ----------
    study
        What people have written about the model.
    evidence, verdict
        What was measured, and how it was judged.
    record
        From training: the selected family, its parameters, the rule of selection, the features.
    provenance
        From ingestion: the source and its version.
    waivers
        Every waiver of the study, whether or not it is about this verdict.
    look
        Which look at these held-out data the verdict is, from 1.
    """
    parts = [
        f"# {escape(study.card.title)}",
        *_banner(study, evidence, verdict),
        fields("Basic information", _basic(study)),
        fields("Release information", _release(evidence, verdict, look=look)),
        f"### Waivers\n\n{waiver_table(waivers)}",
        f"### Release conditions\n\n{_conditions(study)}",
        fields("Model summary", _model_summary(study, evidence)),
        *filter(None, [treatment_section(evidence, study)]),
        fields("Uses and directions", _uses(study)),
        fields("Warnings", _warnings(study, verdict)),
        fields("Trust ingredients", _trust(study, evidence, record, provenance)),
        *_key_metrics(study, evidence, verdict),
        fields("Resources", _resources(study, evidence, verdict)),
        fields("Bibliography", {"Data": study.source.citation} | _bibliography(evidence)),
    ]
    return "\n\n".join(parts) + "\n"


def _banner(study: Study, evidence: Evidence, verdict: Verdict) -> list[str]:
    lines = [f"> **{verdict.decision}**: {decision_words(verdict)}"]
    if study.unreviewed:
        lines.insert(0, "> **UNREVIEWED**: what begins with REVIEW was drafted from the data; no person stands for it.")
    if evidence.cohort.simulated:
        lines.insert(0, "> **SIMULATED**: these patients do not exist; the model must not be used on a person.")
    return lines


def _basic(study: Study) -> dict[str, str]:
    return {
        "Model name": study.name,
        "Model developer": study.card.owner,
        "Developer contact": unknown("params.yaml has no field for it"),
    }


def _release(evidence: Evidence, verdict: Verdict, *, look: int) -> dict[str, str]:
    stage = {
        "PASS": "Passed by its gates; not approved by anybody",
        "NOT_PERSONALISED": "Not personalised: the average effect is the result, and no model is released",
    }.get(verdict.decision, "Blocked by its gates")
    return {
        "Release stage": stage + (" (simulated cohort)" if evidence.cohort.simulated else ""),
        "Use of the held-out data": f"This verdict is look {look} at them; each look makes the next one less sure.",
        "Release date": unknown("a card is written before any release"),
        "Release version": f"model {verdict.model_sha256[:12]}, evidence {verdict.evidence_sha256[:12]}",
        "Global availability": unknown("nobody has declared where it may be used"),
        "Regulatory approval": unknown("none is recorded"),
    }


def _conditions(study: Study) -> str:
    """Return what else a release needs; whether it is so is asked at the time, and no file can say it."""
    rows = [
        (f"{kind.code} {kind.title}", kind.protects, study.gates[name]["reason"]) for name, kind in CONDITIONS.items()
    ]
    now = f"Judged when somebody asks: `theragate verdict {study.name}`."
    return f"{table(('Condition', 'What it protects', 'Reason'), rows)}\n\n{now}"


def _model_summary(study: Study, evidence: Evidence) -> dict[str, str]:
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
        f"Learned and tested on {_cohort_words(evidence)}",
        "Keywords": f"{evidence.task}, {evidence.family.replace('_', ' ')}, {study.name.replace('_', ' ')}",
    }


def _uses(study: Study) -> dict[str, str]:
    decision = study.decision
    if isinstance(decision, Decision):
        low, high = decision.range
        action, threshold = decision.action.rstrip("."), percent(decision.threshold)
        how = (
            f"{action}, from a predicted risk of {threshold} on; reasonable people differ between {percent(low)} and "
            f"{percent(high)}. Source: {decision.source}"
        )
    elif isinstance(decision, TreatmentDecision):
        low, high = decision.range
        how = (
            f"{decision.action.rstrip('.')}, from a predicted benefit of {significant(decision.threshold)} on; "
            f"reasonable people differ between {significant(low)} and {significant(high)}. Source: {decision.source}"
        )
    else:
        how = f"No decision at a threshold is prepared. {decision.none}"
    return {
        "Intended use and workflow": study.card.intended_use,
        "Primary intended users": study.card.users,
        "How to use": how,
        "Targeted patient population": study.card.population,
        "Cautioned out-of-scope settings": _sentences(study.card.out_of_scope),
    }


def _warnings(study: Study, verdict: Verdict) -> dict[str, str]:
    gates = [warning for finding in verdict.findings for warning in finding.warnings]
    found = _finding(verdict, "fairness")
    return {
        "Known risks and limitations": _sentences(study.card.cautions),
        "Known biases or ethical considerations": found.summary if found else unknown("fairness was not judged"),
        "Warnings of the gates": _sentences(gates) or "None.",
        "Clinical risk level": unknown("a clinician has to declare it"),
    }


def _trust(
    study: Study, evidence: Evidence, record: Mapping[str, Any], provenance: Mapping[str, Any]
) -> dict[str, str]:
    columns = record.get("features")
    dropped = study.features.dropped
    return {
        "Outcomes and outputs": study.outcome.description,
        "Model type": _model_words(evidence, record),
        "Answer for one patient": _personal_words(record),
        "Input data source": f"{study.source.citation} Licence: {study.source.licence}",
        "Version of the source": str(provenance.get("version") or unknown("ingestion recorded none")),
        "Input data types": ", ".join(map(str, columns)) if columns else unknown("the training record lists none"),
        "Columns kept from the model": " ".join(f"`{column}`: {reason}" for column, reason in dropped.items())
        or "None.",
        "Development data characterization": _cohort_words(evidence),
        "Bias mitigation approaches": "None was applied; differences are measured and judged.",
        "Ongoing maintenance": unknown("no plan is declared"),
        "Funding source": unknown("params.yaml has no field for it"),
        "Stakeholders consulted": unknown("params.yaml has no field for it"),
    }


def _model_words(evidence: Evidence, record: Mapping[str, Any]) -> str:
    selected = record.get("selected", {})
    params = selected.get("params", {}) if isinstance(selected, Mapping) else {}
    settings = ", ".join(f"{name} {_value(value)}" for name, value in sorted(params.items()))
    rule = record.get("selection", {}).get("rule", "")
    return (
        f"`{evidence.family}`{f' ({settings})' if settings else ''}, compared with the simple reference "
        f"`{evidence.reference_family}`. {rule}"
    ).strip()


def _personal_words(record: Mapping[str, Any]) -> str:
    """Say what the interval beside a prediction claims, how it held, and how often a clinician is asked to decide."""
    personal = record.get("personal")
    if personal is None:
        return unknown("the training record says nothing of it")
    measured, answers = personal["measured"], personal["answers"]
    refused = "Inputs that the study does not accept get a reason and no number."
    differences = personal.get("differences")
    if differences is not None and not differences["shown"]:
        return f"{personal['claim']} {refused}"
    if not measured:
        held = ""
    elif "coverage" in measured:
        held = f" Of {plural(measured['patients'], 'held-out patient')}, {percent(measured['coverage'])} were inside."
    else:
        what = "the share with the event" if differences is None else "their mean doubly robust score"
        held = (
            f" In {measured['fifths_in_agreement']} of {measured['fifths']} groups of held-out patients with like "
            f"predictions, {what} agreed with it."
        )
    sure = answers["prediction"]
    return (
        f"A prediction with an interval and what drove it. {personal['claim']}{held} Of the patients learned from, "
        f"{percent(sure)} would get a prediction to rely on; for the others, the answer is that a clinician decides. "
        f"{refused}"
    )


def _value(value: Any) -> str:
    if value is None:
        return "unset"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _key_metrics(study: Study, evidence: Evidence, verdict: Verdict) -> list[str]:
    # The log ratio is written as the ratio, which has a row of its own.
    measured = [metric for metric in metrics_of(evidence.task) if metric.name in evidence.overall]
    overall = table(
        ("Metric", "Overall (95% interval)", "What it says"),
        [
            (
                f"{metric.title} (report only)" if metric.report_only else metric.title,
                estimate_text(metric.name, evidence.overall[metric.name]),
                metric.description,
            )
            for metric in measured
            if metric.name != "log_observed_expected"
        ],
    )
    sections = {
        "Usefulness, usability and efficacy": (USEFULNESS, overall),
        "Fairness and equity": (
            FAIRNESS,
            f"{_comparisons(verdict, 'subgroup_adequacy')}\n\n{_comparisons(verdict, 'fairness')}",
        ),
        "Safety and reliability": (SAFETY, _comparisons(verdict, "robustness")),
    }
    parts = ["## Key metrics"]
    for heading, (gates, results) in sections.items():
        parts += [f"### {heading}", _key_metric(study, evidence, [_finding(verdict, gate) for gate in gates], results)]
    return parts


def _key_metric(study: Study, evidence: Evidence, findings: Sequence[Finding | None], results: str) -> str:
    known = [finding for finding in findings if finding is not None]
    scheme = study.validation
    rows = {
        "Test type": f"Internal validation, {scheme.scheme.replace('_', ' ')}.",
        "Testing data description": _cohort_words(evidence),
        "Validation process and justification": f"{scheme.reason} {REFIT[scheme.scheme]}",
    }
    judged = table(
        ("Gate", "Severity", "Metric goal", "Answer", "Interpretation"),
        [
            (finding.title, finding.severity, finding.reason, ANSWERS[finding.status], finding.summary)
            for finding in known
        ],
    )
    return f"{judged}\n\n{fields_list(rows)}\n\n**Results**\n\n{results}"


def _comparisons(verdict: Verdict, gate: str) -> str:
    finding = _finding(verdict, gate)
    if finding is None or not finding.comparisons:
        return finding.summary if finding else "Not judged."
    rows = [
        (
            row.subject,
            title(row.metric),
            _judged_text(row),
            row.limit,
            row.status,
            "decides" if row.decides else "listed",
        )
        for row in finding.comparisons
    ]
    return table(("Patients", "Metric", "Estimate (95% interval)", "Limit", "Answer", "Weight"), rows)


def _judged_text(row: Judged) -> str:
    if row.value is None:
        return row.note or "not measured"
    if row.metric in COUNTS:
        return number(row.value, 0)
    return interval(row.metric, row.value, lower=row.lower, upper=row.upper, difference=" - " in row.subject)


def _resources(study: Study, evidence: Evidence, verdict: Verdict) -> dict[str, str]:
    return {
        "Evaluation references": f"Evidence {verdict.evidence_sha256}, policy {verdict.policy_sha256}, "
        f"cohort {evidence.cohort.sha256}, predictions {evidence.predictions_sha256}, model {evidence.model_sha256}.",
        "Comparator": verdict.comparator,
        "Reproduce": f"`dvc repro gate@{study.name}`",
        "Peer-reviewed publications": unknown("none about this model is recorded; for the data see the bibliography"),
        "Patient consent or disclosure": unknown("params.yaml has no field for it"),
    }


def _bibliography(evidence: Evidence) -> dict[str, str]:
    sources = [METRICS[name].source for name in HEADLINE[evidence.task]]
    return {"Measures": "; ".join(dict.fromkeys(sources)) + "."}


def _cohort_words(evidence: Evidence) -> str:
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


def _finding(verdict: Verdict, gate: str) -> Finding | None:
    return next((finding for finding in verdict.findings if finding.gate == gate), None)


def _sentences(texts: Sequence[str]) -> str:
    return " ".join(texts)
