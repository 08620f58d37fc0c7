"""The words and numbers that MLflow shows of a bundle: tags, parameters, metrics, descriptions."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from theragate.evidence.catalogue import report_only
from theragate.evidence.types import Estimate
from theragate.tracking.bundle import Bundle
from theragate.tracking.description import LONGEST_TEXT, cut, described, design_words
from theragate.tracking.names import group_names

__all__ = [
    "WAIVED_UNTIL",
    "dataset_fields",
    "experiment_text",
    "metrics",
    "parameters",
    "recipe",
    "revision_tags",
    "run_name",
    "run_text",
    "tags",
    "trial_name",
]

WAIVED_UNTIL = "theragate.waived_until"


def run_name(bundle: Bundle) -> str:
    """Name a run by its verdict, family and the first digits of its key: MLflow's list of runs shows no tags."""
    simulated = "SIMULATED · " if bundle.evidence.cohort.simulated else ""
    return f"{simulated}{bundle.verdict.decision} · {bundle.evidence.family} · {bundle.key[:7]}"


def trial_name(number: int, family: str) -> str:
    """Name a trial's run so that alphabetical order is the order of the trials."""
    return f"trial {number:03d} · {family}"


def tags(bundle: Bundle) -> dict[str, str]:
    """Return the tags that bind a run or a version to its inputs and to what was decided."""
    verdict = bundle.verdict
    named = {
        "theragate.key": bundle.key,
        "theragate.verdict": verdict.decision,
        "theragate.blocked_by": ", ".join(finding.gate for finding in verdict.blocking),
        "theragate.comparator": verdict.comparator,
        "theragate.waivers": cut("; ".join(bundle.waivers)),
        WAIVED_UNTIL: str(bundle.waived_until or ""),
        "sha256.data": verdict.cohort_sha256,
        "sha256.predictions": verdict.predictions_sha256,
        "sha256.policy": verdict.policy_sha256,
        "sha256.evidence": verdict.evidence_sha256,
        "sha256.model": verdict.model_sha256,
        "theragate.simulated": "true" if bundle.evidence.cohort.simulated else "",
        "theragate.treatment": _assigned(bundle) or "",
        "dvc.experiment": bundle.experiment or "",
        "dvc.baseline": bundle.baseline or "",
    }
    return {name: value for name, value in named.items() if value} | revision_tags(bundle)


def revision_tags(bundle: Bundle) -> dict[str, str]:
    """Return the tags about the state of the project; only these, and the text below, may change later."""
    commit = {} if bundle.commit is None else {"git.commit": bundle.commit}
    conditions = {f"theragate.{name}": status for name, status in bundle.conditions.items()}
    return commit | conditions | {"git.dirty": str(bundle.dirty).lower(), "theragate.looks": str(bundle.looks)}


def recipe(bundle: Bundle) -> dict[str, Any]:
    """Return what identifies this model and refits it, for the day when it is the champion."""
    verdict, selected = bundle.verdict, bundle.record.selected
    return {
        "study": bundle.study.name,
        "model_sha256": verdict.model_sha256,
        "cohort_sha256": verdict.cohort_sha256,
        "predictions_sha256": verdict.predictions_sha256,
        "family": selected.family,
        "params": selected.params,
        "features": list(bundle.record.features),
    }


def parameters(bundle: Bundle) -> dict[str, str]:
    """Return the run's parameters: the family with its settings, the search, the split, the seed."""
    record, study = bundle.record, bundle.study
    validation = study.validation.model_dump(exclude={"reason"})
    chosen = {
        "family": bundle.evidence.family,
        **{f"model.{name}": value for name, value in record.selected.params.items()},
        "reference": bundle.evidence.reference_family,
        "features": len(record.features),
        "patients": bundle.evidence.cohort.patients,
        "seed": record.seed,
        "tuning.trials": study.tuning.trials,
        **{f"validation.{name}": value for name, value in validation.items()},
    }
    return {name: _text(value) for name, value in chosen.items()}


def metrics(bundle: Bundle) -> dict[str, float]:
    """Return the published numbers: ``auroc``, ``auroc.lower``, ``auroc.upper``, ``auroc/sex female`` and so on.

    For subgroups and stresses only the metrics that the study's gates judge are logged, and six digits of each number,
    so that a comparison of runs stays readable; the artifact ``evidence.json`` has everything. What could not be
    estimated is left out.
    """
    evidence, logged = bundle.evidence, dict[str, float]()
    for metric, estimate in evidence.overall.items():
        logged.update(_limits(metric, estimate))
    for comparison in evidence.comparisons:
        logged.update(_limits(f"{comparison.metric}/minus reference", comparison.difference))
    judged = _judged_metrics(bundle.study.gates) | ({"average_effect"} if evidence.treatment else set())
    for group, name in zip(evidence.groups, group_names(evidence.groups), strict=True):
        for metric in sorted(judged & set(group.metrics)):
            logged.update(_limits(f"{metric}/{name}", group.metrics[metric]))
    for scenario in evidence.scenarios:
        for metric in sorted(judged & set(scenario.metrics)):
            logged.update(_limits(f"{metric}/stress {scenario.name}", scenario.metrics[metric]))
    for attack, success in (evidence.membership.attacks if evidence.membership else {}).items():
        logged.update(_limits(f"membership_auc/{attack.replace('_', ' ')}", success.auc))
    return logged


def _limits(name: str, estimate: Estimate) -> Iterator[tuple[str, float]]:
    for suffix, value in (("", estimate.value), (".lower", estimate.lower), (".upper", estimate.upper)):
        if value is not None:
            yield f"{name}{suffix}", float(f"{value:.6g}")


def _judged_metrics(gates: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the metrics that the gates judge in groups and under stresses."""
    named = {gates[gate]["metric"] for gate in ("discrimination", "robustness") if "metric" in gates.get(gate, {})}
    fairness = gates.get("fairness", {})
    return named | set(fairness.get("within_group", {})) | set(fairness.get("between_groups", {}))


def dataset_fields(bundle: Bundle) -> dict[str, str]:
    """Return name, digest, source, schema and profile of the cohort, without loading its table."""
    cohort, source = bundle.evidence.cohort, bundle.study.source
    origin = {"kind": source.kind, "citation": source.citation, "version": bundle.provenance.version}
    types = {"number": "double", "text": "string"}
    schema = [
        {"type": types[column.type], "name": column.name, "required": True} for column in bundle.record.input_schema
    ]
    profile = {"num_rows": cohort.patients, "events": cohort.events, "sha256": cohort.sha256}
    return {
        "name": bundle.study.name,
        "digest": cohort.sha256[:12],  # MLflow accepts 36 at most; the profile and a tag have all
        "source_type": "theragate",
        "source": json.dumps(origin, ensure_ascii=False),
        "schema": json.dumps({"mlflow_colspec": schema}, ensure_ascii=False),
        "profile": json.dumps({name: value for name, value in profile.items() if value is not None}),
    }


def experiment_text(bundle: Bundle) -> str:
    """Describe the study to a reviewer who is new to it. The first line is plain text, since lists show it raw."""
    card, gates = bundle.study.card, bundle.study.gates
    metric = gates.get("discrimination", gates.get("non_inferiority", {})).get("metric", "metric")
    simulated = ("SIMULATED COHORT. " if bundle.evidence.cohort.simulated else "") + design_words(_assigned(bundle))
    shown = ", ".join(f"`{name}`" for name in report_only(bundle.evidence.task, bundle.study.installed))
    text = f"""{simulated}{card.title}

{card.intended_use}

- For: {card.users}
- Population: {card.population}
- Owner: {card.owner}

A run is one training, named by what the gates decided; the runs below it are the trials of the final tuning.
`{metric}.lower` and `{metric}.upper` are the limits of the 95% interval of `{metric}`; a mean distance such as `ici`
has an upper limit alone. `{metric}/minus reference` is the difference to the simple reference model, `{metric}/…` with
a group's name the value in that group, and `{metric}/stress …` the value under a declared stress of the inputs.
Reported and never judged: {shown}."""
    return text[:LONGEST_TEXT]


def run_text(bundle: Bundle) -> str:
    """Describe a run or a version: the verdict, and how to reproduce it."""
    return described(
        bundle.description,
        simulated=bundle.evidence.cohort.simulated,
        assigned=_assigned(bundle),
        reproduce=bundle.reproduce,
    )


def _assigned(bundle: Bundle) -> str | None:
    treatment = bundle.evidence.treatment
    return None if treatment is None else treatment.assigned


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=list)
