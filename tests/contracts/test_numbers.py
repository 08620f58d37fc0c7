"""One rule book for numbers: every metric is written alike wherever a person reads it."""

from dataclasses import replace
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from gates.evidence_by_hand import STUDIES, changed, good_evidence
from records_by_hand import provenance_of, training_record
from rich.console import Console

from theragate.commands import summary
from theragate.evidence.catalogue import METRICS, metrics_of
from theragate.evidence.types import Comparison, Estimate, Evidence
from theragate.evidence.writing import interval
from theragate.gates import decide, read_policy
from theragate.gates._judging import Limit, Question, answer_all
from theragate.gates.types import Verdict
from theragate.registry.tables import comparison_page, version_page
from theragate.reports.card import model_card
from theragate.reports.headline import estimate_text, headline
from theragate.reports.results import Result, results_page
from theragate.study import TASKS

CASES = [(task, metric.name) for task in STUDIES for metric in metrics_of(task)]


def estimate_of(metric: str) -> Estimate:
    """Numbers with more digits than any metric is written with, which are possible for each of them."""
    size = 10.0 if METRICS[metric].unit == "outcome" else 1.0
    return Estimate(value=0.4567894 * size, lower=0.4012346 * size, upper=0.5098765 * size, se=0.03, method="by hand")


def measured(task: str, metric: str) -> tuple[Evidence, Verdict]:
    study = STUDIES[task]
    estimate = estimate_of(metric)
    compared = Comparison(metric=metric, model=estimate, reference=estimate, difference=estimate)
    evidence = changed(
        good_evidence(study), overall=good_evidence(study).overall | {metric: estimate}, comparisons=(compared,)
    )
    return evidence, decide(evidence, read_policy(study), evidence_sha256="9" * 64)


def printed(*parts: Any) -> str:
    console = Console(width=300, file=StringIO(), highlight=False)
    console.print(*parts)
    return console.file.getvalue()


def written(metric: str, *, difference: bool = False) -> str:
    estimate = estimate_of(metric)
    return interval(metric, estimate.value or 0.0, lower=estimate.lower, upper=estimate.upper, difference=difference)


@pytest.fixture
def all_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every metric be one of the main ones, so that all of them are written everywhere."""
    for task in STUDIES:
        every = tuple(metric.name for metric in metrics_of(task))
        monkeypatch.setitem(TASKS, task, replace(TASKS[task], headline=every, also_listed=()))


@pytest.mark.usefixtures("all_metrics")
@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_metric_is_written_alike_on_every_page(task, metric, monkeypatch):
    study, (evidence, verdict) = STUDIES[task], measured(task, metric)
    title, text = METRICS[metric].title, written(metric)
    card = model_card(study, evidence, verdict, training_record(), provenance_of(), waivers=(), look=1)
    if metric != "log_observed_expected":  # the card has the ratio itself, in a row of its own
        marked = f"{title} (report only)" if METRICS[metric].report_only else title
        assert f"| {marked} | {text} |" in card
    results = results_page([Result(study, evidence, verdict)], {}, absent=())
    assert f"| {title} | {text} | {text} | {written(metric, difference=True)} |" in results
    release = {"study": study.name, "version": "3", "obstacle": None, "approved_by": [], "signed_by": "k"}
    release |= {"unsigned": {"aliases": [], "registered_by": ""}, "metrics": headline(evidence), "evidence_problem": ""}
    release |= {"in_service": "", "alerts": []}
    assert f"    {title:<42}{text}\n" in printed(version_page(release))
    state = SimpleNamespace(looks=1, waivers=SimpleNamespace(accepted=False), conditions=())
    monkeypatch.setattr(summary, "read_judged", lambda _: SimpleNamespace(evidence=evidence, verdict=verdict))
    monkeypatch.setattr(summary, "assess_readiness", lambda *_: state)
    monkeypatch.setattr(summary, "as_of_today", lambda _: ())
    console: Any = Console(width=300, file=StringIO(), highlight=False)
    summary._show_study(console, SimpleNamespace(), SimpleNamespace(), SimpleNamespace())
    assert f"    {title:<42}{text}\n" in console.file.getvalue()


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_a_metric_is_judged_in_the_same_words(task, metric):
    """A finding's sentence is what the verdict, the card and MLflow's description say of a comparison."""
    question = Question(
        subject="overall",
        metric=metric,
        label="the metric",
        estimate=estimate_of(metric),
        limit=Limit(low=-100.0, high=100.0),
        amount=2000,
        unit="patients",
    )
    (answer,) = answer_all([question], {})
    assert answer.sentence.startswith(f"the metric is {written(metric)}: ")


@pytest.mark.parametrize("metric", METRICS)
def test_a_difference_is_written_alike_in_the_comparison_of_releases(metric):
    text = estimate_text(metric, estimate_of(metric), difference=True)
    page = {"study": "s", "challenger": "4", "champion": "3", "paired": True, "changed": {}}
    assert text == written(metric, difference=True)
    assert f"    {METRICS[metric].title:<42}{text}\n" in printed(
        comparison_page(page | {"differences": {METRICS[metric].title: text}})
    )
