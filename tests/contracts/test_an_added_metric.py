"""To add a metric, one object is enough, ours or others': it is measured, shown, logged and judged like the others."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from gates.evidence_by_hand import STUDIES, changed, good_evidence
from made_extensions import MadeExtensions
from records_by_hand import provenance_of, training_record

from theragate.evidence.catalogue import METRICS, Metric
from theragate.evidence.definitions.arithmetic import ratio
from theragate.evidence.definitions.metric import of_risks
from theragate.evidence.measure import measure
from theragate.gates import decide, read_policy
from theragate.reports.card import model_card
from theragate.testing.predictions import MAKERS
from theragate.tracking.content import metrics

NEW = Metric(
    name="root_brier",
    title="Root of the Brier score",
    tasks=("binary", "survival"),
    description="The typical distance between predicted risk and what happened.",
    source="Brier, Mon Weather Rev 1950;78:1",
    direction="lower",
    decimals=2,
    formulas=(of_risks(lambda sums: np.sqrt(ratio(sums["squared_error"], sums["seen"]))),),
)


@pytest.mark.parametrize("extensions", [(), ("acme-metrics",)], ids=["of the catalogue", "of an extension"])
@pytest.mark.parametrize(("widest", "status"), [(1.0, "pass"), (1e-6, "insufficient")])
def test_an_added_metric_is_measured_shown_logged_and_judged(
    widest, status, extensions, acme: MadeExtensions, monkeypatch
):
    acme.metrics()
    study = STUDIES["survival"].model_copy(update={"extensions": extensions})
    if not extensions:
        monkeypatch.setitem(METRICS, NEW.name, NEW)
    target, held_out = MAKERS["survival"](n=600, groups=True, repeats=1)
    target = replace(target, extensions=tuple(study.installed))
    measured = measure(target, held_out, resamples=200, seed=1)
    estimate = measured.overall[NEW.name]
    assert estimate.value == pytest.approx(np.sqrt(measured.overall["brier"].value))
    assert estimate.lower < estimate.value < estimate.upper
    assert all(NEW.name in group.metrics for group in measured.groups)
    assert NEW.name in measured.families

    gates = study.gates | {"subgroup_adequacy": study.gates["subgroup_adequacy"] | {"half_width": {NEW.name: widest}}}
    study = study.model_copy(update={"gates": gates})
    evidence = good_evidence(study)
    groups = tuple(
        group.model_copy(update={"metrics": group.metrics | {NEW.name: estimate}}) for group in evidence.groups
    )
    evidence = changed(evidence, overall=evidence.overall | {NEW.name: estimate}, groups=groups)
    verdict = decide(evidence, read_policy(study), evidence_sha256="9" * 64)
    (finding,) = (finding for finding in verdict.findings if finding.gate == "subgroup_adequacy")
    assert finding.status == status
    assert any(comparison.metric == NEW.name for comparison in finding.comparisons)

    card = model_card(study, evidence, verdict, training_record(), provenance_of(), waivers=(), look=1)
    assert f"| {NEW.title} | {estimate.value:.2f} ({estimate.lower:.2f} to {estimate.upper:.2f}) |" in card
    assert acme.imported("acme_metrics") == bool(extensions)
    logged = metrics(SimpleNamespace(evidence=evidence, study=study))
    assert logged[NEW.name] == pytest.approx(estimate.value, rel=1e-5)
    assert {f"{NEW.name}.lower", f"{NEW.name}.upper"} <= set(logged)
