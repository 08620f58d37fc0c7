"""The card's key metrics: what was measured, and what every gate says of it."""

from collections.abc import Sequence

from theragate.evidence.catalogue import metrics_of
from theragate.evidence.types import Evidence
from theragate.evidence.writing import interval
from theragate.gates.types import Finding, Judged, Verdict
from theragate.gates.words import title
from theragate.numbers import number
from theragate.reports._card_model import cohort_words
from theragate.reports.headline import estimate_text
from theragate.reports.markdown import fields_list, table
from theragate.reports.verdict import ANSWERS, finding_of
from theragate.study import Study

__all__ = ["key_metrics"]

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


def key_metrics(study: Study, evidence: Evidence, verdict: Verdict) -> list[str]:
    """Return the section in its three parts, each with its gates, how it was tested, and the results.

    Gates of extensions come last, in a part of their own.
    """
    # The log ratio is written as the ratio, which has a row of its own.
    measured = [metric for metric in metrics_of(evidence.task, study.installed) if metric.name in evidence.overall]
    overall = table(
        ("Metric", "Overall (95% limits)", "What it says"),
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
    ours = {*USEFULNESS, *FAIRNESS, *SAFETY, "review"}
    theirs = tuple(finding.gate for finding in verdict.findings if finding.gate not in ours)
    if theirs:
        sections["Asked by packages of others"] = theirs, "\n\n".join(_comparisons(verdict, gate) for gate in theirs)
    parts = ["## Key metrics"]
    for heading, (gates, results) in sections.items():
        parts += [
            f"### {heading}",
            _key_metric(study, evidence, [finding_of(verdict, gate) for gate in gates], results),
        ]
    return parts


def _key_metric(study: Study, evidence: Evidence, findings: Sequence[Finding | None], results: str) -> str:
    known = [finding for finding in findings if finding is not None]
    scheme = study.validation
    rows = {
        "Test type": f"Internal validation, {scheme.scheme.replace('_', ' ')}.",
        "Testing data description": cohort_words(evidence),
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
    finding = finding_of(verdict, gate)
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
    return table(("Patients", "Metric", "Estimate (limits as judged)", "Limit", "Answer", "Weight"), rows)


def _judged_text(row: Judged) -> str:
    if row.value is None:
        return row.note or "not measured"
    if row.metric in COUNTS:
        return number(row.value, 0)
    return interval(row.metric, row.value, lower=row.lower, upper=row.upper, difference=" - " in row.subject)
