"""Limits that several looks share: wider for every gate, and never narrower."""

import math

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from scipy.stats import norm

from theragate.evidence.types import Estimate, Evidence
from theragate.gates import decide, read_policy
from theragate.gates._shared_level import chance_of_the_best, shared_critical, widened

SHA = "9" * 64


def with_looks(task: str, **limits):
    study = STUDIES[task]
    entry = study.gates["held_out_use"] | limits
    return study.model_copy(update={"gates": study.gates | {"held_out_use": entry}})


def test_the_chance_of_the_best_by_hand():
    assert chance_of_the_best(1) == pytest.approx(0.025)
    assert chance_of_the_best(2) == pytest.approx(0.025 + 0.975 * 0.025)


@pytest.mark.parametrize("looks", [1, 2, 20, 1000])
def test_the_critical_value_gives_each_look_its_part(looks):
    assert norm.sf(shared_critical(looks)) * looks == pytest.approx(0.025)


def test_a_limit_moves_away_on_the_scale_of_its_estimate():
    auroc = Estimate(value=0.8, lower=0.7, upper=0.87, se=0.25, scale="logit", method="by hand")
    evidence = good_evidence(STUDIES["binary"])
    evidence = evidence.model_copy(update={"overall": evidence.overall | {"auroc": auroc}})
    wide = widened(evidence, 20).overall["auroc"]
    ratio = norm.isf(0.025 / 20) / norm.isf(0.025)

    def logit(share: float) -> float:
        return math.log(share / (1 - share))

    assert logit(0.8) - logit(wide.lower) == pytest.approx(ratio * (logit(0.8) - logit(0.7)))
    assert logit(wide.upper) - logit(0.8) == pytest.approx(ratio * (logit(0.87) - logit(0.8)))
    assert (wide.value, wide.se) == (0.8, 0.25)


def test_an_upper_limit_that_stands_alone_moves_too():
    evidence = good_evidence(STUDIES["binary"])
    ici = Estimate(value=0.02, upper=0.04, se=0.01, method="by hand")
    evidence = evidence.model_copy(update={"overall": evidence.overall | {"ici": ici}})
    wide = widened(evidence, 20).overall["ici"]
    assert (wide.lower, wide.upper) == (None, pytest.approx(0.02 + 0.02 * norm.isf(0.025 / 20) / norm.isf(0.025)))


def test_a_distance_with_an_upper_limit_alone_is_wider_too():
    evidence = good_evidence(STUDIES["binary"])
    ici = Estimate(value=0.02, upper=0.03, se=0.005, method="by hand")
    wide = widened(evidence.model_copy(update={"overall": evidence.overall | {"ici": ici}}), 20).overall["ici"]
    assert wide.lower is None
    assert wide.upper == pytest.approx(0.02 + 0.01 * norm.isf(0.025 / 20) / norm.isf(0.025))


def estimates(item: object) -> list[Estimate]:
    if isinstance(item, Estimate):
        return [item]
    if isinstance(item, dict):
        return [found for part in item.values() for found in estimates(part)]
    if isinstance(item, tuple):
        return [found for part in item for found in estimates(part)]
    fields = getattr(type(item), "model_fields", {})
    return [found for name in fields for found in estimates(getattr(item, name))]


@pytest.mark.parametrize("task", list(STUDIES))
def test_every_interval_of_the_evidence_is_wider_and_nothing_else_changes(task):
    evidence = good_evidence(STUDIES[task])
    wide = widened(evidence, 20)
    before, after = estimates(evidence), estimates(wide)
    assert len(before) == len(after) > 10
    for narrow, broad in zip(before, after, strict=True):
        exact = narrow.lower == narrow.value == narrow.upper
        if narrow.lower is not None and not exact:
            assert broad.lower < narrow.lower
        if narrow.upper is not None and not exact:
            assert broad.upper > narrow.upper
        assert (broad.value, broad.se, broad.scale) == (narrow.value, narrow.se, narrow.scale)
    assert Evidence.model_validate_json(wide.model_dump_json()).predictions_sha256 == evidence.predictions_sha256
    assert widened(evidence, 1) == evidence


def test_a_model_that_passes_alone_has_to_be_surer_among_twenty():
    floor = STUDIES["binary"].gates["discrimination"]["floor"]
    close = Estimate(value=floor + 0.023, lower=floor + 0.001, upper=floor + 0.045, se=0.011, method="by hand")
    evidence = good_evidence(STUDIES["binary"])
    evidence = evidence.model_copy(update={"overall": evidence.overall | {"auroc": close}})
    answers = {}
    for adjust in ("none", "bonferroni"):
        verdict = decide(evidence, read_policy(with_looks("binary", adjust=adjust)), evidence_sha256=SHA)
        answers[adjust] = next(finding for finding in verdict.findings if finding.gate == "discrimination")
    assert answers["none"].status == "pass"
    assert answers["bonferroni"].status == "insufficient"
    assert answers["bonferroni"].comparisons[0].lower < close.lower, "the finding shows the limit that it judged"
