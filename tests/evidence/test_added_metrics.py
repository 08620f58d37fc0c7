"""Metrics of others are measured where the study names their package, and nowhere else."""

from dataclasses import replace
from typing import Any

import pytest
from made_extensions import METRIC, MadeExtensions

from theragate.errors import ExtensionError
from theragate.evidence.catalogue import METRICS, added_by, metrics_of, report_only
from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.measure import measure, measure_effects
from theragate.evidence.measuring.assembler import Measured
from theragate.extensions import METRICS as GROUP
from theragate.extensions import use
from theragate.study import TASKS
from theragate.testing.metrics import sample

NAME = "acme-metrics"


def measured(target: Any, held_out: Any) -> Measured:
    if isinstance(target, EffectTarget):
        return measure_effects(target, held_out, resamples=200, seed=1)[0]
    return measure(target, held_out, resamples=200, seed=1)


@pytest.mark.parametrize("task", TASKS)
def test_they_are_measured_beside_ours_which_stay_what_they_are(task, acme: MadeExtensions) -> None:
    acme.metrics()
    use(NAME)
    target, held_out = sample(task)
    found = measured(replace(target, extensions=(NAME,)), held_out)
    ours = measured(target, held_out)
    (name,) = set(found.overall) - set(ours.overall)
    assert name == ("root_brier" if TASKS[task].predicts_risk else "spread")
    assert {key: found.overall[key] for key in ours.overall} == ours.overall
    estimate = found.overall[name]
    assert 0 <= estimate.lower < estimate.value < estimate.upper
    assert name in found.repeats or TASKS[task].compares_treatments
    assert name == metrics_of(task, [NAME])[-1].name
    assert report_only(task, [NAME]) == (*report_only(task), *([name] if name == "spread" else []))


def test_a_study_that_does_not_name_it_measures_ours_even_after_another_did(acme: MadeExtensions) -> None:
    acme.metrics()
    before = metrics_of("binary")
    use(NAME)
    assert "root_brier" not in METRICS
    assert metrics_of("binary", [NAME]) == (*before, METRICS["root_brier"])
    assert metrics_of("binary") == before


def test_it_is_not_measured_before_the_process_may_import_it(acme: MadeExtensions) -> None:
    acme.metrics()
    with pytest.raises(ExtensionError, match="its code is imported where a study or a trust file names it"):
        metrics_of("binary", [NAME])
    assert not acme.imported("acme_metrics")


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        (
            "ROOT_BRIER = Metric(",
            "ROOT_BRIER = dict(",
            "it is a `theragate.evidence.catalogue.Metric`; received an object",
        ),
        ('name="root_brier"', 'name="brier_root"', "the entry point has the metric's name, .*received `brier_root`"),
        ('("binary", "survival")', '("binary", "ranking")', "its tasks are some of binary, regression"),
        (
            '("binary", "survival")',
            '("binary", "regression")',
            "for the task regression it is a function of sums of quant",
        ),
        ("decimals=2", 'decimals=2, ranked="uno"', "it is a function of named sums, with a normal interval"),
        ("decimals=2", "decimals=2, bounds=(1.0, 0.0)", "its lower bound is below its upper bound"),
    ],
)
def test_what_is_no_metric_is_one_line(acme: MadeExtensions, before, after, match) -> None:
    assert before in METRIC
    acme.metrics(source=METRIC.replace(before, after))
    use(NAME)
    with pytest.raises(ExtensionError, match=f"extension `{NAME}`, `root_brier` in `theragate.metrics`: {match}"):
        metrics_of("binary", [NAME])


def test_a_name_that_is_taken_is_refused(acme: MadeExtensions) -> None:
    source = METRIC.replace('name="root_brier"', 'name="brier"')
    acme.add("acme-brier", {"acme_brier.py": source}, {GROUP: {"brier": "acme_brier:ROOT_BRIER"}})
    acme.metrics()
    acme.metrics("zenith", "zenith_metrics")
    for name in ("acme-brier", NAME, "zenith"):
        use(name)
    with pytest.raises(ExtensionError, match="its name is its own; received the name of one of ours"):
        added_by("acme-brier")
    assert METRICS["brier"].title == "Brier score"
    assert len(added_by(NAME)) == 2
    with pytest.raises(ExtensionError, match=f"its name is its own; received the name of one of `{NAME}`"):
        metrics_of("binary", [NAME, "zenith"])


def test_a_value_beyond_its_bounds_is_one_line(acme: MadeExtensions) -> None:
    acme.metrics(source=METRIC.replace("decimals=2", "decimals=2, bounds=(0.0, 0.1)"))
    use(NAME)
    target, held_out = sample("binary")
    with pytest.raises(ExtensionError, match=r"its values lie within its bounds, 0.0 and 0.1; received one that does"):
        measured(replace(target, extensions=(NAME,)), held_out)


@pytest.mark.parametrize(
    ("formula", "received"),
    [("sums['nothing']", "the error KeyError"), ("1 / 0", "the error ZeroDivisionError"), ("1.0", "an array of shape")],
)
def test_what_a_formula_raises_is_one_line(acme: MadeExtensions, formula, received) -> None:
    acme.metrics(source=METRIC.replace('np.sqrt(ratio(sums["squared_error"], sums["seen"]))', formula))
    use(NAME)
    target, held_out = sample("binary")
    with pytest.raises(ExtensionError, match=f"it gives one number for each resample; received {received}"):
        measured(replace(target, extensions=(NAME,)), held_out)
