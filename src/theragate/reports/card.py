"""The model card.

The card has the sections of the CHAI Applied Model Card, version 0.2. What nobody has written or measured stands there
as not known, with the reason; nothing is invented. The card goes to MLflow with everything else that is published, so
that numbers of a few patients are kept out of it (see ``gates/_groups.py``).
"""

from collections.abc import Sequence

from theragate.cohorts.provenance import Provenance
from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Evidence
from theragate.gates import CONDITIONS, chance_words
from theragate.gates.types import Verdict
from theragate.learning.record import TrainingRecord
from theragate.numbers import percent, significant
from theragate.reports._card_metrics import key_metrics
from theragate.reports._card_model import model_summary, trust_ingredients
from theragate.reports.clusters import cluster_section
from theragate.reports.effects import treatment_section
from theragate.reports.headline import unknown
from theragate.reports.markdown import escape, fields, table
from theragate.reports.verdict import Acceptance, assumption_words, decision_words, finding_of, waiver_table
from theragate.study import TASKS, Decision, Study, TreatmentDecision

__all__ = ["model_card"]


def model_card(
    study: Study,
    evidence: Evidence,
    verdict: Verdict,
    record: TrainingRecord,
    provenance: Provenance,
    *,
    waivers: Sequence[Acceptance],
    look: int,
    shared_by: int = 1,
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
    shared_by
        Among how many looks the policy shares out the 5% of every interval.
    """
    parts = [
        f"# {escape(study.card.title)}",
        *_banner(study, evidence, verdict),
        fields("Basic information", _basic(study)),
        fields("Release information", _release(evidence, verdict, look=look, shared_by=shared_by)),
        f"### Waivers\n\n{waiver_table(waivers)}",
        f"### Release conditions\n\n{_conditions(study)}",
        fields("Model summary", model_summary(study, evidence)),
        *filter(None, [treatment_section(evidence, study)]),
        *filter(None, [cluster_section(evidence, study)]),
        fields("Uses and directions", _uses(study)),
        fields("Warnings", _warnings(study, verdict)),
        fields("Trust ingredients", trust_ingredients(study, evidence, record, provenance)),
        *key_metrics(study, evidence, verdict),
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


def _release(evidence: Evidence, verdict: Verdict, *, look: int, shared_by: int) -> dict[str, str]:
    stage = {
        "PASS": "Passed its gates; not approved by anybody yet",
        "NOT_PERSONALISED": "Not personalised: the average effect is the result, and no model is released",
    }.get(verdict.decision, "Blocked by its gates")
    return {
        "Release stage": stage + (" (simulated cohort)" if evidence.cohort.simulated else ""),
        "Use of the held-out data": f"This verdict is look {look} at them. {chance_words(look, shared_by=shared_by)}",
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


def _uses(study: Study) -> dict[str, str]:
    decision = study.decision
    if isinstance(decision, Decision):
        low, high = decision.range
        action, threshold = decision.action.rstrip("."), percent(decision.threshold)
        how = (
            f"{action}, at a predicted risk of {threshold} or more; reasonable people choose between {percent(low)} "
            f"and {percent(high)}. Source: {decision.source}"
        )
    elif isinstance(decision, TreatmentDecision):
        low, high = decision.range
        how = (
            f"{decision.action.rstrip('.')}, at a predicted benefit of {significant(decision.threshold)} or more; "
            f"reasonable people choose between {significant(low)} and {significant(high)}. Source: {decision.source}"
        )
    else:
        how = f"The study prepares no decision at a threshold. {decision.none}"
    return {
        "Intended use and workflow": study.card.intended_use,
        "Primary intended users": study.card.users,
        "How to use": how,
        "Targeted patient population": study.card.population,
        "Cautioned out-of-scope settings": _sentences(study.card.out_of_scope),
    }


def _warnings(study: Study, verdict: Verdict) -> dict[str, str]:
    gates = [warning for finding in verdict.findings for warning in finding.warnings]
    assumed = assumption_words(verdict)
    fairness = finding_of(verdict, "fairness")
    return {
        "Known risks and limitations": _sentences(study.card.cautions),
        "Known biases or ethical considerations": fairness.summary if fairness else unknown("fairness was not judged"),
        "Warnings of the gates": _sentences(gates) or "None.",
        **({"Assumptions": _sentences(assumed)} if assumed else {}),
        "Clinical risk level": unknown("a clinician has to declare it"),
    }


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
    sources = [METRICS[name].source for name in TASKS[evidence.task].headline]
    return {"Measures": "; ".join(dict.fromkeys(sources)) + "."}


def _sentences(texts: Sequence[str]) -> str:
    return " ".join(texts)
