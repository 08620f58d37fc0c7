import math
import time as clock
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from threadpoolctl import threadpool_limits

from theragate.evidence.catalogue import METRICS, metrics_of
from theragate.evidence.inputs.predictions import BinaryTarget, HeldOut
from theragate.evidence.intervals.widening import factor, paired_factor
from theragate.evidence.measure import measure
from theragate.evidence.types import Estimate

FAST = 200


def permuted(target, held_out, order):
    moved = replace(
        held_out,
        **{name: getattr(held_out, name)[:, order] for name in ("selected", "reference", "null")},
        scenarios={name: values[:, order] for name, values in held_out.scenarios.items()},
        groups={name: labels[order] for name, labels in held_out.groups.items()},
    )
    columns = {name: getattr(target, name)[order] for name in ("event", "time", "value") if hasattr(target, name)}
    return replace(target, **columns), moved


def every_estimate(found):
    for group in found.groups:
        yield from group.metrics.values()
    for comparison in found.comparisons:
        yield from (comparison.model, comparison.reference, comparison.difference)
    for scenario in found.scenarios:
        yield from (*scenario.metrics.values(), *scenario.differences.values())
    for item in found.net_benefit:
        yield from (item.model, item.difference)
    yield from (item.difference for item in found.contrasts)
    yield from found.overall.values()


def assert_sound(found):
    for estimate in every_estimate(found):
        numbers = [estimate.value, estimate.lower, estimate.upper, estimate.se]
        assert all(number is None or math.isfinite(number) for number in numbers), estimate
        if estimate.decidable:
            assert estimate.upper_only or estimate.lower <= estimate.value + 1e-12, estimate
            assert estimate.value - 1e-12 <= estimate.upper, estimate
        else:
            assert estimate.why, estimate
    for family in found.families.values():
        matrix = np.array(family.correlation)
        assert np.isfinite(matrix).all()
        assert np.allclose(matrix, matrix.T)
        assert np.allclose(np.diag(matrix), 1)
        assert np.linalg.eigvalsh(matrix).min() > -1e-8


def test_everything_is_measured(make_cohort, task):
    found = measure(*make_cohort(task, n=400), resamples=FAST, seed=1)
    assert set(found.overall) == {metric.name for metric in metrics_of(task)}
    # The root mean squared error has limits from 1,000 patients on: large errors are too rare before.
    without = {name for name, estimate in found.overall.items() if not estimate.decidable}
    assert without == ({"rmse"} if task == "regression" else set())
    assert_sound(found)
    assert {group.key for group in found.groups if group.judged} == {"sex=female", "sex=male"}
    assert "sex & age_band" in {group.attribute for group in found.groups}
    assert "age_band=Missing" in {group.key for group in found.groups}
    assert sum(group.n for group in found.groups if group.attribute == "sex & age_band") == 400
    assert all(len(values) == 2 for values in found.repeats.values())
    assert [scenario.name for scenario in found.scenarios] == ["noise"]


def test_each_repeat_is_measured_by_itself_and_the_measures_are_averaged(make_cohort, task):
    target, held_out = make_cohort(task, n=400, repeats=4)
    found = measure(target, held_out, resamples=FAST, seed=1)
    alone = [
        measure(target, one_repeat(held_out, repeat), resamples=FAST, seed=1).overall
        for repeat in range(len(held_out.selected))
    ]
    for name, estimate in found.overall.items():
        assert estimate.value == pytest.approx(np.mean([own[name].value for own in alone]), abs=1e-9), name
        assert len(found.repeats[name]) == 4, name
        assert np.mean(found.repeats[name]) == pytest.approx(estimate.value, abs=1e-9), name


def test_the_mean_of_the_repeats_predictions_which_nobody_gets_is_not_judged():
    # Every repeat is as overconfident as an overfitted model; only their mean is calibrated.
    rng = np.random.default_rng(4)
    n, repeats = 1500, 8
    x = rng.normal(size=n)
    event = rng.random(n) < expit(x)
    held_out = HeldOut(
        selected=expit(x + rng.normal(0, 1.2, (repeats, n))),
        reference=np.full((repeats, n), 0.5),
        null=np.full((repeats, n), 0.5),
        scenarios={},
        groups={},
        judged=frozenset(),
    )
    together = measure(BinaryTarget(event, None, None), held_out, resamples=FAST, seed=1).overall
    alone = measure(BinaryTarget(event, None, None), one_repeat(held_out, 0), resamples=FAST, seed=1).overall
    assert together["calibration_slope"].upper < 0.6
    assert together["ici"].value == pytest.approx(alone["ici"].value, rel=0.15)
    assert together["auroc"].value == pytest.approx(alone["auroc"].value, abs=0.015)
    # Eight repeats know the mean better than one does, but no better than patients allow.
    assert 0.4 < together["auroc"].se / alone["auroc"].se < 1


def test_equal_repeats_say_what_one_of_them_says(make_cohort, task):
    target, held_out = make_cohort(task, n=400, repeats=1)
    thrice = replace(
        held_out,
        selected=np.repeat(held_out.selected, 3, axis=0),
        reference=np.repeat(held_out.reference, 3, axis=0),
        null=np.repeat(held_out.null, 3, axis=0),
        scenarios={name: np.repeat(values, 3, axis=0) for name, values in held_out.scenarios.items()},
    )
    once, again = (measure(target, one, resamples=2000, seed=1) for one in (held_out, thrice))
    for name, estimate in once.overall.items():
        assert again.overall[name].value == pytest.approx(estimate.value, abs=1e-9), name
        if estimate.lower is not None:
            # Counts are drawn in another way than patients are.
            width = estimate.upper - estimate.lower
            assert again.overall[name].lower == pytest.approx(estimate.lower, abs=0.06 * width), name
            assert again.overall[name].upper == pytest.approx(estimate.upper, abs=0.06 * width), name


def one_repeat(held_out: HeldOut, repeat: int) -> HeldOut:
    at = slice(repeat, repeat + 1)
    return replace(
        held_out,
        selected=held_out.selected[at],
        reference=held_out.reference[at],
        null=held_out.null[at],
        scenarios={name: values[at] for name, values in held_out.scenarios.items()},
    )


@pytest.mark.parametrize(
    ("task", "curves"),
    [
        ("binary", {"roc", "calibration", "decision", "decision_treat_all"}),
        ("survival", {"auc_over_time", "calibration", "decision", "decision_treat_all"}),
        ("regression", {"calibration", "errors"}),
    ],
)
def test_curves_have_points_and_limits(make_cohort, task, curves):
    found = measure(*make_cohort(task), resamples=FAST, seed=1).curves
    assert set(found) == curves
    for name, curve in found.items():
        assert len(curve.x) == len(curve.y) > 5
        assert list(curve.x) == sorted(curve.x)
        if name != "decision_treat_all":
            assert all(
                low <= y + 1e-9 and y <= high + 1e-9
                for low, y, high in zip(curve.lower, curve.y, curve.upper, strict=True)
            )


def test_counts(make_cohort):
    target, held_out = make_cohort("survival")
    found = measure(target, held_out, resamples=FAST, seed=1)
    assert found.events == int((target.event & (target.time <= 1)).sum())
    assert found.non_events == int((target.time > 1).sum())
    assert found.events + found.non_events + found.censored_before_horizon == 300
    assert measure(*make_cohort("binary"), resamples=FAST, seed=1).censored_before_horizon is None
    assert measure(*make_cohort("regression"), resamples=FAST, seed=1).events is None


def test_same_seed_same_numbers_and_another_seed_other_limits(make_cohort, task):
    cohort = make_cohort(task)
    first, again = (measure(*cohort, resamples=FAST, seed=1) for _ in range(2))
    assert first == again
    other = measure(*cohort, resamples=FAST, seed=2)
    assert other.overall["calibration_slope"].value == first.overall["calibration_slope"].value
    assert other.overall["calibration_slope"].se != first.overall["calibration_slope"].se


def test_the_number_of_threads_changes_nothing(make_cohort):
    cohort = make_cohort("binary", n=600)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(measure(*cohort, resamples=FAST, seed=1))
    assert found[0] == found[1]


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_the_order_of_patients_changes_nothing(make_cohort, task, seed):
    cohort = make_cohort(task, n=120, seed=seed)
    order = np.random.default_rng(seed).permutation(120)
    assert measure(*permuted(*cohort, order), resamples=FAST, seed=1) == measure(*cohort, resamples=FAST, seed=1)


def test_the_names_of_groups_change_nothing_but_names(make_cohort, task):
    target, held_out = make_cohort(task, n=200)
    renamed = {"sex": np.where(held_out.groups["sex"] == "female", "a", "b"), "age_band": held_out.groups["age_band"]}
    first = measure(target, held_out, resamples=FAST, seed=1)
    second = measure(target, replace(held_out, groups=renamed), resamples=FAST, seed=1)
    assert [group.metrics for group in first.groups] == [group.metrics for group in second.groups]
    assert first.overall == second.overall


def test_a_group_is_measured_as_if_it_were_the_cohort(make_cohort, task):
    target, held_out = make_cohort(task, n=400)
    (group,) = [item for item in measure(target, held_out, resamples=FAST, seed=1).groups if item.key == "sex=female"]
    alone = measure(
        *permuted(target, held_out, np.flatnonzero(held_out.groups["sex"] == "female")), resamples=FAST, seed=1
    )
    assert group.n == (held_out.groups["sex"] == "female").sum()
    for name, estimate in alone.overall.items():
        assert group.metrics[name].value == pytest.approx(estimate.value, abs=1e-9), name


def test_contrasts_are_differences_of_groups(make_cohort, task):
    found = measure(*make_cohort(task, n=400), resamples=FAST, seed=1)
    groups = {group.key: group.metrics for group in found.groups}
    assert {item.metric for item in found.contrasts} == {m.name for m in metrics_of(task) if m.contrasted}
    assert len({item.key for item in found.contrasts}) == 1 + 3
    for item in found.contrasts:
        first, second = (groups[f"{item.attribute}={label}"][item.metric] for label in (item.group, item.other))
        assert item.difference.value == pytest.approx(first.value - second.value)


def test_families_hold_all_that_has_an_error(make_cohort, task):
    found = measure(*make_cohort(task, n=400), resamples=FAST, seed=1)
    for metric in metrics_of(task):
        expected = [metric.name] if found.overall[metric.name].se else []
        expected += [f"{metric.name}[{group.key}]" for group in found.groups if group.metrics[metric.name].se]
        expected += [f"{metric.name}[{c.key}]" for c in found.contrasts if c.metric == metric.name and c.difference.se]
        family = found.families.get(metric.name)
        assert list(family.members if family else ()) == expected
    assert set(found.families["calibration"].members) >= {"calibration_slope"}


def test_correlations_are_those_of_shared_patients(make_cohort):
    found = measure(*make_cohort("binary", n=600, groups=True), resamples=1000, seed=1)
    for name in ("auroc", "brier"):
        family = found.families[name].among([name, f"{name}[sex=female]", f"{name}[sex=male]"])
        matrix = np.array(family.correlation)
        assert abs(matrix[1, 2]) < 0.12, "groups without a common patient"
        assert (matrix[0, 1:] > 0.4).all(), "a group is part of the whole"


def test_net_benefit_covers_the_declared_range(make_cohort):
    found = measure(*make_cohort("binary"), resamples=FAST, seed=1)
    thresholds = [item.threshold for item in found.net_benefit]
    assert (thresholds[0], thresholds[-1]) == (0.1, 0.5)
    assert 25 <= len(thresholds) <= 26
    (clinical,) = [item for item in found.net_benefit if item.threshold == 0.25]
    assert clinical.difference.value == pytest.approx(found.overall["net_benefit_gain"].value, abs=1e-12)
    assert clinical.difference.se == pytest.approx(found.overall["net_benefit_gain"].se, rel=1e-9)
    assert "net_benefit_gain@0.25" in found.families["net_benefit_range"].members


def test_without_a_decision_there_is_no_benefit(make_cohort):
    target, held_out = make_cohort("binary")
    found = measure(BinaryTarget(target.event, None, None), held_out, resamples=FAST, seed=1)
    assert found.net_benefit == ()
    assert "net_benefit_range" not in found.families
    assert "no clinical threshold declared" in found.overall["sensitivity"].why
    assert found.overall["auroc"].decidable


def test_a_model_that_is_its_reference_differs_by_nothing(make_cohort, task):
    target, held_out = make_cohort(task)
    same = replace(held_out, reference=held_out.selected, scenarios={"none": held_out.selected})
    found = measure(target, same, resamples=FAST, seed=1)
    differences = [item.difference for item in found.comparisons] + list(found.scenarios[0].differences.values())
    assert {(item.value, item.lower, item.upper) for item in differences} == {(0.0, 0.0, 0.0)}


def test_better_predictions_measure_better(make_cohort, task):
    """Direction: mixing predictions with noise is never good for what has a good direction."""
    target, held_out = make_cohort(task, n=2000, repeats=1, groups=False)
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(held_out.selected, axis=1)
    worse = replace(held_out, selected=(held_out.selected + 2 * shuffled) / 3, scenarios={})
    good, bad = (measure(target, item, resamples=FAST, seed=1).overall for item in (held_out, worse))
    for metric in metrics_of(task):
        if metric.direction == "higher" and metric.name not in ("sensitivity", "specificity"):
            assert good[metric.name].value > bad[metric.name].value, metric.name
        if metric.direction == "lower":
            assert good[metric.name].value < bad[metric.name].value, metric.name


def test_values_stay_in_their_range(make_cohort, task):
    found = measure(*make_cohort(task, n=60), resamples=FAST, seed=1)
    for metrics in [found.overall, *(group.metrics for group in found.groups)]:
        for name, estimate in metrics.items():
            low, high = METRICS[name].bounds
            for number in (estimate.value, estimate.lower, estimate.upper):
                if number is not None:
                    assert low is None or number >= low, name
                    assert high is None or number <= high, name


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), n=st.integers(6, 40))
def test_tiny_cohorts_give_sound_evidence_or_none(make_cohort, task, seed, n):
    target, held_out = make_cohort(task, n=n, seed=seed)
    if task == "survival" and not ((target.event & (target.time <= 1)).any() and (target.time > 1).any()):
        return
    if task == "binary" and (target.event.all() or not target.event.any()):
        return
    assert_sound(measure(target, held_out, resamples=FAST, seed=1))


def test_extreme_risks_of_0_and_1_are_measured(make_cohort):
    target, held_out = make_cohort("binary")
    certain = np.round(held_out.selected)
    assert_sound(measure(target, replace(held_out, selected=certain), resamples=FAST, seed=1))
    perfect = np.repeat(target.event.astype(float)[None], 2, axis=0)
    found = measure(target, replace(held_out, selected=perfect), resamples=FAST, seed=1)
    assert_sound(found)
    assert (found.overall["auroc"].value, found.overall["auroc"].upper) == (1.0, 1.0)
    assert found.overall["auroc"].lower < 1
    assert found.overall["calibration_slope"].value is None


def test_a_constant_prediction_is_measured(make_cohort, task):
    target, held_out = make_cohort(task)
    found = measure(target, replace(held_out, selected=np.full_like(held_out.selected, 0.3)), resamples=FAST, seed=1)
    assert_sound(found)
    assert found.overall["calibration_slope"].value is None


def test_a_group_of_one_class_says_so(make_cohort):
    target, held_out = make_cohort("binary")
    labels = np.where(target.event & (np.arange(300) % 7 == 0), "rare", "other")
    found = measure(target, replace(held_out, groups={"ward": labels}, judged=frozenset()), resamples=FAST, seed=1)
    (rare,) = [group for group in found.groups if group.label == "rare"]
    assert rare.non_events == 0
    assert rare.metrics["auroc"] == Estimate.absent("nobody in this group is known to be free of the event")
    assert rare.metrics["sensitivity"].decidable
    assert rare.metrics["specificity"].value is None


def test_a_cohort_of_the_largest_study_takes_seconds(make_cohort):
    cohort = make_cohort("survival", n=7874)
    start = clock.process_time()
    measure(*cohort, seed=1)
    # About 4 s of one core; the limit leaves room for a busy or slower one.
    assert clock.process_time() - start < 12


@pytest.mark.parametrize("forest", [False, True])
def test_limits_of_cross_validated_predictions_are_wider_by_the_stated_factor(make_cohort, task, forest):
    target, held_out = make_cohort(task, n=400)
    plain = measure(target, held_out, resamples=FAST, seed=1)
    found = measure(target, replace(held_out, cross_validated=True, forest=forest), resamples=FAST, seed=1)
    pairs = [(name, plain.overall[name], wide) for name, wide in found.overall.items()]
    pairs += [
        (name, before.metrics[name], wide)
        for before, after in zip(plain.groups, found.groups, strict=True)
        for name, wide in after.metrics.items()
    ]
    pairs += [
        ("net_benefit_gain", before.difference, after.difference)
        for before, after in zip(plain.net_benefit, found.net_benefit, strict=True)
    ]
    grown = 0
    for name, before, after in pairs:
        assert after.value == before.value
        by = factor(name, task=task, forest=forest)
        if before.se:
            assert after.se == pytest.approx(by * before.se)
            assert after.reach[0] <= before.reach[0]
            assert after.upper >= before.upper
            grown += by > 1
    assert grown > 5
    for before, after in zip(plain.comparisons, found.comparisons, strict=True):
        assert after.difference.value == before.difference.value
        if before.difference.se:
            assert after.difference.se == pytest.approx(paired_factor(task) * before.difference.se)
    for name, after in found.scenarios[0].differences.items():
        before = plain.scenarios[0].differences[name]
        if before.se:
            assert after.se == pytest.approx(factor(name, task=task, forest=forest) * before.se), name
    for before, after in zip(plain.contrasts, found.contrasts, strict=True):
        assert not before.difference.se or after.difference.se >= before.difference.se


@pytest.mark.parametrize("task", ["binary", "survival"])
def test_the_gain_is_that_of_the_range_at_the_clinical_threshold(make_cohort, task):
    target, held_out = make_cohort(task, n=400)
    found = measure(target, held_out, resamples=FAST, seed=1)
    clinical = [item.difference for item in found.net_benefit if item.threshold == target.threshold]
    assert clinical == [found.overall["net_benefit_gain"]]
    for group in found.groups:
        assert bool(group.net_benefit) == group.judged
        own = [item.difference for item in group.net_benefit if item.threshold == target.threshold]
        assert own == [group.metrics["net_benefit_gain"]] * group.judged
        if group.metrics["net_benefit_gain"].decidable:
            assert "Wilson" in group.metrics["net_benefit_gain"].method


def copied(cohort, *, copies):
    """Give every patient so many rows that say the same."""
    target, held_out = cohort
    rows = np.repeat(np.arange(len(held_out.null[0])), copies)
    columns = {name: value[rows] for name, value in vars(target).items() if isinstance(value, np.ndarray)}
    predictions = {name: getattr(held_out, name)[:, rows] for name in ("selected", "reference", "null")}
    scenarios = {name: values[:, rows] for name, values in held_out.scenarios.items()}
    groups = {name: labels[rows] for name, labels in held_out.groups.items()}
    return replace(target, **columns), replace(
        held_out, **predictions, scenarios=scenarios, groups=groups, patients=rows
    )


def test_a_mean_distance_has_an_upper_limit_alone(make_cohort):
    found = measure(*make_cohort("binary"), resamples=200, seed=1)
    for name in ("ici", "ece"):
        assert found.overall[name].upper_only
        assert found.overall[name].decidable
    for contrast in found.contrasts:
        if contrast.metric == "ici" and contrast.difference.decidable:
            assert not contrast.difference.upper_only


def test_waves_are_seen_by_the_limit_of_the_calibration_index():
    """Predictions that are right on average, with a sine around them: the true mean distance is 0.06."""
    rng = np.random.default_rng(0)
    log_odds = -1 + 1.2 * rng.normal(size=2000)
    event = rng.random(2000) < 1 / (1 + np.exp(-log_odds - 0.56 * np.sin(4 * (log_odds + 1))))
    risk = 1 / (1 + np.exp(-log_odds[None]))
    held_out = HeldOut(risk, risk, np.full_like(risk, event.mean()), scenarios={}, groups={}, judged=frozenset())
    ici = measure(BinaryTarget(event, None, None), held_out, resamples=400, seed=1).overall["ici"]
    assert ici.upper > 0.06


def test_the_band_of_the_whole_curve_holds_that_of_each_point(make_cohort, task):
    curve = measure(*make_cohort(task), resamples=400, seed=1).curves["calibration"]
    assert len(curve.x) == len(curve.band_lower) == len(curve.band_upper) > 50
    assert (np.array(curve.band_lower) <= np.array(curve.lower)).all()
    assert (np.array(curve.band_upper) >= np.array(curve.upper)).all()


def test_rows_that_a_patient_repeats_say_nothing_new(make_cohort, task):
    cohort = make_cohort(task)
    once = measure(*cohort, resamples=400, seed=1)
    thrice = measure(*copied(cohort, copies=3), resamples=400, seed=1)
    for name, estimate in once.overall.items():
        again = thrice.overall[name]
        # The points at which calibration is smoothed are quantiles of the rows; ties of a patient's rows are by Efron.
        near = {"ici": 1e-3, "cox_calibration_slope": 0.01}.get(name, 1e-9)
        assert again.value == pytest.approx(estimate.value, abs=near), name
        if estimate.se and estimate.decidable and METRICS[name].interval != "distance":
            # Three times the rows, taken for patients, would give errors of 0.58 of these.
            assert again.se == pytest.approx(estimate.se, rel=0.2), name


def test_rows_of_one_patient_give_no_limits(make_cohort, task):
    target, held_out = make_cohort(task)
    one = replace(held_out, patients=np.zeros(held_out.null.shape[1], dtype=int))
    found = measure(target, one, resamples=200, seed=1)
    assert not [name for name, estimate in found.overall.items() if estimate.decidable]
    assert not [name for group in found.groups for name, estimate in group.metrics.items() if estimate.decidable]
