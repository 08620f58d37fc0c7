import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from theragate.evidence.inputs.predictions import BinaryTarget
from theragate.evidence.measuring.decisions import decisions, paired_decisions
from theragate.evidence.sampling.counts import confusion, count, draw_counts
from theragate.evidence.sampling.draws import draw_cells, draws


def sample(n=400, *, kinds=4, seed=0):
    rng = np.random.default_rng(seed)
    risk = np.round(rng.beta(2, 4, n), 2)
    return risk, rng.random(n) < risk, rng.integers(0, kinds, n)


def test_rates_by_hand():
    # At .5: true positives 2 of 3 events, false positives 1 of 2 others.
    risk, event = np.array([0.9, 0.5, 0.4, 0.6, 0.1]), np.array([1, 1, 1, 0, 0], bool)
    found = confusion(count(risk, event, np.zeros(5, int), kinds=1, thresholds=(0.5,))).at(0)
    rates = {name: value.item() for name, value in found.rates().items()}
    assert rates == pytest.approx(
        {
            "sensitivity": 2 / 3,
            "specificity": 1 / 2,
            "positive_predictive_value": 2 / 3,
            "selection_rate": 3 / 5,
            "accuracy": 3 / 5,
        }
    )
    assert found.net_benefit(0.5).model.item() == pytest.approx(2 / 5 - 1 / 5)


def test_nobody_in_the_denominator_is_nan_and_no_warning():
    found = confusion(count(np.array([0.1]), np.array([False]), np.array([0]), kinds=2, thresholds=(0.5,))).at(0)
    assert np.isnan(found.rates()["sensitivity"]).tolist() == [True, True]
    assert np.isnan(found.rates()["accuracy"]).tolist() == [False, True]
    assert draw_counts(np.zeros((2, 2, 2), np.int64), resamples=3, seed=0).sum() == 0


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 60), st.integers(0, 1000), st.lists(st.sampled_from([0.1, 0.25, 0.3, 0.7]), unique=True, min_size=1)
)
def test_counts_are_those_of_each_threshold_by_itself(n, seed, thresholds):
    risk, event, atoms = sample(n, seed=seed)
    members = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]], bool)
    found = confusion(count(risk, event, atoms, kinds=4, thresholds=sorted(thresholds)), members)
    for place, threshold in enumerate(sorted(thresholds)):
        for group, own in enumerate(members):
            inside = own[atoms]
            assert found.true_positives[group, place] == (inside & event & (risk >= threshold)).sum()
            assert found.false_positives[group, place] == (inside & ~event & (risk >= threshold)).sum()
            assert found.events[group, 0] == (inside & event).sum()


def test_drawing_counts_is_drawing_patients():
    """Means, spreads and correlations of rates agree with a bootstrap of rows."""
    risk, event, atoms = sample()
    counts = count(risk, event, atoms, kinds=4, thresholds=(0.3,))
    drawn = confusion(draw_counts(counts, resamples=4000, seed=1), np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)).at(0)
    (weights,) = (np.concatenate(list(draws(400, resamples=4000, seed=2))),)
    for name, cells in drawn.rates().items():
        selected, right = risk >= 0.3, (risk >= 0.3) == event
        of, among = {
            "sensitivity": (selected, event),
            "specificity": (~selected, ~event),
            "accuracy": (right, event | ~event),
            "positive_predictive_value": (event, selected),
            "selection_rate": (selected, event | ~event),
        }[name]
        rows = np.stack(
            [weights @ (of & among & own) / (weights @ (among & own)) for own in (atoms >= 0, atoms <= 1)], axis=1
        )
        assert cells.mean(axis=0) == pytest.approx(rows.mean(axis=0), abs=2e-3)
        assert cells.std(axis=0) == pytest.approx(rows.std(axis=0), rel=0.06)
        assert np.corrcoef(cells.T)[0, 1] == pytest.approx(np.corrcoef(rows.T)[0, 1], abs=0.06)


def test_every_resample_has_as_many_patients():
    counts = count(*sample(), kinds=4, thresholds=(0.3,))
    drawn = draw_counts(counts, resamples=50, seed=1)
    assert (drawn.sum(axis=(1, 2, 3)) == 400).all()
    assert (drawn[:, counts == 0] == 0).all()
    assert (drawn == draw_counts(counts, resamples=50, seed=1)).all()


def test_agrees_with_fairlearn():
    risk, event, atoms = sample(3000)
    frame = MetricFrame(
        metrics={
            "sensitivity": true_positive_rate,
            "false_positive_rate": false_positive_rate,
            "selection_rate": selection_rate,
            "accuracy": accuracy_score,
        },
        y_true=event.astype(int),
        y_pred=(risk >= 0.3).astype(int),
        sensitive_features=pd.Series(atoms, name="ward"),
        n_boot=60,
        ci_quantiles=[0.16, 0.84],
        random_state=0,
    )
    counts = count(risk, event, atoms, kinds=4, thresholds=(0.3,))
    point, drawn = (confusion(item).at(0).rates() for item in (counts, draw_counts(counts, resamples=2000, seed=1)))
    for rates in (point, drawn):
        rates["false_positive_rate"] = 1 - rates["specificity"]
    ratios = []
    for name in frame.by_group.columns:
        assert point[name] == pytest.approx(frame.by_group[name].to_numpy(dtype=float))
        low, high = (part[name].to_numpy(dtype=float) for part in frame.by_group_ci)
        ratios += list((high - low) / np.diff(np.quantile(drawn[name], [0.16, 0.84], axis=0), axis=0)[0])
    # 16 widths from 60 resamples each, with a standard error of about a tenth.
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)


def test_pairs_keep_what_two_risks_have_in_common():
    risk, event, _ = sample(500)
    target = BinaryTarget(event, 0.3, (0.1, 0.5))
    other = np.clip(risk + np.random.default_rng(3).normal(0, 0.02, 500), 0, 1)
    first, second = paired_decisions(target, risk, other, resamples=3000, seed=1)
    for found, own in ((first, risk), (second, other)):
        counts = count(own, event, np.zeros(500, int), kinds=1, thresholds=(0.3,))
        rates = {name: value.item() for name, value in confusion(counts).at(0).rates().items()}
        assert {name: found.points[name] for name in rates} == pytest.approx(rates)
    weights = np.concatenate(list(draws(500, resamples=3000, seed=2)))
    differ = ((risk >= 0.3).astype(float) - (other >= 0.3)) * event
    rows = weights @ differ / (weights @ event)
    paired = first.replicates["sensitivity"] - second.replicates["sensitivity"]
    assert paired.std() == pytest.approx(rows.std(), rel=0.08)
    assert paired.std() < 0.5 * first.replicates["sensitivity"].std()


def test_groups_overlap_in_the_same_draws():
    risk, event, atoms = sample(1000)
    places = [np.arange(1000), np.flatnonzero(atoms == 0)]
    whole, part = decisions(
        BinaryTarget(event, 0.3, (0.1, 0.5)),
        risk,
        atoms=atoms,
        kinds=4,
        subsets=places,
        ranged=[True, False],
        resamples=2000,
        seed=1,
    )
    correlation = np.corrcoef(whole.replicates["selection_rate"], part.replicates["selection_rate"])[0, 1]
    assert correlation == pytest.approx(np.sqrt(len(places[1]) / 1000), abs=0.08)
    assert whole.benefits.drawn.gain.shape == (2000, 25)
    assert part.benefits.drawn.gain[:, 0] == pytest.approx(part.replicates["net_benefit_gain"], nan_ok=True)
    assert part.benefits.point.gain == pytest.approx([part.points["net_benefit_gain"]])


def test_cells_are_drawn_with_their_means_and_spreads():
    sizes = np.array([1.0, 20.0, 400.0])
    drawn = np.concatenate(list(draw_cells(sizes, resamples=4000, seed=0)))
    assert drawn.shape == (4000, 3)
    assert drawn.mean(axis=0) == pytest.approx(sizes, rel=0.06)
    assert drawn.var(axis=0) == pytest.approx(sizes, rel=0.1)
