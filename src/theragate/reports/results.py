"""The page of results: what was measured of each study, with intervals, beside what is known from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from theragate.errors import ConfigurationError
from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Comparison, Evidence
from theragate.gates.types import Verdict
from theragate.gates.words import capital
from theragate.numbers import plural
from theragate.reports.effects import design_words, hazard_words
from theragate.reports.headline import estimate_text
from theragate.reports.markdown import escape, table
from theragate.study import TASKS, Sentence, Spec, Study, spec_of

__all__ = ["Known", "Result", "read_known", "results_page"]

_INTRODUCTION = """# Results

*Written by `theragate results` from `reports/`; the right-hand sides come from `published.json`. Do not edit.*

Every measured number is of held-out patients, with a 95% interval by patient. *Known* numbers are other people's, or
were computed apart from this pipeline: other splits, sometimes other patients, and no interval unless one stands there.
They say what others have found. What is judged is the paired difference from the simple reference model, on the same
patients in the same folds. A verdict of BLOCKED is a result: docs/gates/README.md says what each gate protects."""

_HAZARD_RATIO = "hazard ratio"  # of the separate check; it is no metric of a prediction


class Known(Spec):
    """One number that is known from elsewhere; `value` is written as its source writes it.

    `metric` is a metric's name, for a group followed by the group's key: ``r2[ancestry=White]``; or ``hazard ratio``.
    """

    metric: str
    value: Annotated[str, Field(min_length=1)]
    what: Sentence
    source: Sentence


@dataclass(frozen=True)
class Result:
    """A study with its *published* evidence, in which small cells are suppressed, and its verdict."""

    study: Study
    evidence: Evidence
    verdict: Verdict


def read_known(content: Any) -> dict[str, tuple[Known, ...]]:
    """Check the content of ``docs/published.json``: study to list of numbers.

    Raises
    ------
    ConfigurationError
        If it has another form.
    """
    return spec_of(
        dict[str, tuple[Known, ...]],
        content,
        subject="docs/published.json",
        remedy="It maps a study to numbers, each with metric, value, what and source; correct the entry.",
        error=ConfigurationError,
    )


def results_page(results: Sequence[Result], known: Mapping[str, Sequence[Known]], *, absent: Sequence[str]) -> str:
    """Return the page as Markdown; `absent` are the studies without a verdict."""
    parts = [_INTRODUCTION, "## In one table", _summary(results, known)]
    if absent:
        parts.append(f"Not run yet: {', '.join(f'`{name}`' for name in absent)}.")
    parts += [_section(result, known.get(result.study.name, ())) for result in results]
    return "\n\n".join(parts) + "\n"


def _summary(results: Sequence[Result], known: Mapping[str, Sequence[Known]]) -> str:
    rows = []
    for result in results:
        metric = TASKS[result.evidence.task].headline[0]
        treatment = result.evidence.treatment
        asked = metric if treatment is None else _HAZARD_RATIO
        beside = [_beside(one) for one in known.get(result.study.name, ()) if one.metric.partition("[")[0] == asked]
        measured = [estimate_text(metric, result.evidence.overall.get(metric))]
        if treatment is not None:
            measured.append(hazard_words(treatment))
            beside = [f"{_HAZARD_RATIO} {value}" for value in beside]
        label = ", OBSERVATIONAL" if treatment is not None and treatment.assigned == "in_practice" else ""
        rows.append(
            (
                f"[{result.study.name}](#{result.study.name}){label}",
                _patients(result.evidence),
                METRICS[metric].title,
                "; ".join(filter(None, measured)),
                "; ".join(beside) or "none",
                _decision(result.verdict),
            )
        )
    return table(("Study", "Patients", "Measure", "Measured (95% limits)", "Known", "Verdict"), rows)


def _section(result: Result, known: Sequence[Known]) -> str:
    evidence = result.evidence
    simulated = "**SIMULATED: these patients do not exist.** " if evidence.cohort.simulated else ""
    same = evidence.family == evidence.reference_family
    design = f" {capital(design_words(evidence.treatment))}." if evidence.treatment else ""
    against = "" if same else f", against the reference `{evidence.reference_family}`"
    lead = (
        f"{simulated}{escape(result.study.card.title)}. {capital(_patients(evidence))}.{design} "
        f"Selected: `{evidence.family}`{against}. {_decision(result.verdict)}."
    )
    task = TASKS[evidence.task]
    names = [*task.headline, *task.also_listed]
    compared = {comparison.metric: comparison for comparison in evidence.comparisons}
    rows = [
        (METRICS[name].title, estimate_text(name, evidence.overall.get(name)), *_against(name, compared.get(name)))
        for name in names
    ]
    rows += [(_metric_title(one.metric), _of_group(one.metric, evidence), "", "") for one in known if "[" in one.metric]
    if evidence.treatment and hazard_words(evidence.treatment):
        rows.append(("Separate check by Cox regression", hazard_words(evidence.treatment), "", ""))
    measured = table(("Measure", "Measured (95% limits)", "Reference model", "Difference (paired)"), rows)
    parts = [f"## {result.study.name}", lead, measured]
    if known:
        parts.append(
            table(
                ("Known", "Value", "Of what", "Source"),
                [(_metric_title(one.metric), one.value, one.what, one.source) for one in known],
            )
        )
    return "\n\n".join(parts)


def _against(metric: str, compared: Comparison | None) -> tuple[str, str]:
    if compared is None:
        return "", ""
    return estimate_text(metric, compared.reference), estimate_text(metric, compared.difference, difference=True)


def _beside(one: Known) -> str:
    group = one.metric.rstrip("]").partition("=")[2]
    return f"{one.value} ({group})" if group else one.value


def _metric_title(metric: str) -> str:
    name, _, group = metric.rstrip("]").partition("[")
    title = METRICS[name].title if name in METRICS else capital(name)
    return f"{title}, {group.replace('=', ': ')}" if group else title


def _of_group(metric: str, evidence: Evidence) -> str:
    name, _, key = metric.rstrip("]").partition("[")
    groups = {group.key: group for group in evidence.groups}
    return estimate_text(name, groups[key].metrics.get(name)) if key in groups else "not measured"


def _patients(evidence: Evidence) -> str:
    cohort = evidence.cohort
    noun = "simulated patient" if cohort.simulated else "patient"
    return plural(cohort.patients, noun) + ("" if cohort.events is None else f", {cohort.events:,} with the event")


def _decision(verdict: Verdict) -> str:
    blocking = ", ".join(f"{finding.code} {finding.status}" for finding in verdict.blocking)
    return f"{verdict.decision} by {blocking}" if blocking else verdict.decision
