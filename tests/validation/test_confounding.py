"""Batches with a known truth: one that has nothing to do with the outcome is not accused, one that goes with it is."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.cohort_frame import CohortFrame
from theragate.cohorts.outcomes import Binary, Censored, Outcome, Quantity, Treated
from theragate.study import Batch
from theragate.validation.confounding import confounded, explained_by_batch
from theragate.validation.leakage import find_leaks

REASON = "Plates were read on different days."


def outcome_of(
    kind: str, risk: np.ndarray, random: np.random.Generator, *, longer: np.ndarray | None = None
) -> Outcome:
    """Draw outcomes that depend on a risk from 0 to 1; `longer` is how long each patient is followed."""
    n = len(risk)
    if kind == "quantity":
        return Quantity(np.exp(3 * risk + random.normal(size=n)))
    if kind == "event":
        return Binary(random.uniform(size=n) < risk)
    time = random.exponential(1 / np.maximum(risk, 0.02))
    end = np.full(n, 1.5) if longer is None else longer
    return Censored(np.minimum(time, end), time <= end, horizon=1.0)


KINDS = pytest.mark.parametrize("kind", ["event", "quantity", "time"])


@KINDS
@pytest.mark.parametrize(("n", "groups"), [(57, 5), (200, 2), (200, 40), (6_000, 12)])
def test_a_batch_that_has_nothing_to_do_with_the_outcome_is_not_accused(kind, n, groups):
    random = np.random.default_rng(n + groups)
    for _ in range(12):
        batch = pd.Series(random.integers(0, groups, n), name="plate")
        assert [*confounded(batch, outcome_of(kind, np.full(n, 0.4), random))] == []


def test_the_test_is_exact_in_few_patients():
    """Of independent batches as few are below a chance as it says, whatever its size."""
    random = np.random.default_rng(4)
    chances = []
    for _ in range(120):
        batch, event = random.integers(0, 6, 40), random.uniform(size=40) < 0.2
        chances.append(explained_by_batch(batch.astype(np.intp), event.astype(float))[1])
    assert np.mean(np.array(chances) <= 0.1) == pytest.approx(0.1, abs=0.06)


@KINDS
@pytest.mark.parametrize(("n", "spread"), [(60, 0.45), (300, 0.25), (6_000, 0.2)])
def test_a_batch_with_which_the_outcome_goes_is_found(kind, n, spread):
    random = np.random.default_rng(n)
    code = random.integers(0, 3, n)
    risk = 0.5 + spread * (code - 1.0)
    batch = pd.Series(np.array(["a", "b", "c"])[code], name="plate")
    (found,) = confounded(batch, outcome_of(kind, risk, random))
    assert (found.check, found.feature, found.severity) == ("batch", "plate", "warning")
    assert found.estimate is not None
    assert found.limit is not None
    assert found.estimate > found.limit
    assert "`plate`" in found.sentence


def test_a_difference_too_small_to_matter_is_no_finding_however_many_there_are():
    random = np.random.default_rng(1)
    code = random.integers(0, 2, 200_000)
    outcome = outcome_of("event", 0.3 + 0.02 * code, random)
    share, chance = explained_by_batch(code, outcome.event.astype(float))
    assert chance < 1e-6
    assert 0 < share < 0.02
    assert [*confounded(pd.Series(code, name="plate"), outcome)] == []


def test_batches_that_are_followed_for_different_times_are_not_accused_of_that():
    random = np.random.default_rng(2)
    code = random.integers(0, 3, 400)
    longer = np.array([0.3, 1.0, 4.0])[code]
    outcome = outcome_of("time", np.full(400, 0.7), random, longer=longer)
    assert outcome.event[code == 2].mean() > 4 * outcome.event[code == 0].mean()
    assert [*confounded(pd.Series(code, name="year"), outcome)] == []


def test_the_bladder_samples_of_the_literature_are_confounded():
    """The counts of Leek et al. (2010), by batch: samples of a cancer, and others."""
    counts = {1: (11, 0), 2: (14, 4), 3: (0, 4), 4: (0, 5), 5: (15, 4)}
    batch = np.repeat([*counts], [sum(pair) for pair in counts.values()])
    cancer = np.concatenate([np.repeat([True, False], pair) for pair in counts.values()])
    (found,) = confounded(pd.Series(batch, name="batch"), Binary(cancer))
    within = 18 * (14 / 18) * (4 / 18) + 19 * (15 / 19) * (4 / 19)
    total = 57 * (40 / 57) * (17 / 57)
    assert found.estimate == pytest.approx(1 - within / total * 56 / 52, abs=1e-6)


def test_a_treatment_that_was_given_in_other_batches_is_found_and_so_is_a_missing_batch():
    random = np.random.default_rng(3)
    treated = random.uniform(size=200) < 0.5
    measured = Quantity(random.normal(size=200))
    batch = pd.Series(np.where(treated, "b", None), name="plate", dtype="str")
    outcome = Treated(measured, treated, effect="mean", higher_is_better=True, propensity=None, name="arm")
    (found,) = confounded(batch, outcome)
    assert "The treatment goes with the batch `plate`" in found.sentence
    fair = pd.Series(random.integers(0, 3, 200), name="plate")
    assert [*confounded(fair, outcome)] == []


@pytest.mark.parametrize("batch", [np.zeros(40, dtype=np.intp), np.arange(40)])
def test_one_batch_or_one_each_explains_nothing(batch):
    scores = np.random.default_rng(0).normal(size=40)
    assert explained_by_batch(batch, scores) == (0.0, 1.0)
    assert explained_by_batch(np.arange(40) % 2, np.ones(40)) == (0.0, 1.0)


def test_the_order_and_the_names_of_batches_make_no_difference():
    random = np.random.default_rng(9)
    code = random.integers(0, 4, 90)
    event = random.uniform(size=90) < 0.2 + 0.2 * code
    one = [*confounded(pd.Series(code, name="b"), Binary(event))]
    other = [*confounded(pd.Series(np.array(["x", "z", "y", "w"])[code], name="b"), Binary(event))]
    assert one == other
    order = random.permutation(90)
    (turned,) = confounded(pd.Series(code[order], name="b"), Binary(event[order]))
    assert turned.estimate == one[0].estimate


def test_a_declared_batch_is_no_feature_and_is_looked_at(real):
    frame, study = real("breast_cancer_diagnosis")
    column = study.outcome_columns[0]
    event = (frame[column] == study.measured.positive).to_numpy()
    random = np.random.default_rng(0)
    declared = study.model_copy(update={"batch": Batch(column="plate", reason=REASON)})
    assert "plate" in declared.hidden
    fair = frame.assign(plate=random.integers(0, 4, len(frame)))
    assert find_leaks(CohortFrame(fair), declared) == ()
    apart = frame.assign(plate=np.where(event, "late", "early"))
    (found,) = find_leaks(CohortFrame(apart), declared)
    assert (found.check, found.severity) == ("batch", "warning")
    leaks = {leak.check for leak in find_leaks(CohortFrame(apart), study)}
    assert "copy" in leaks, "as a feature it would be a leak"
