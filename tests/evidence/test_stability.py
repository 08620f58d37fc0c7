"""How much predictions hang on who was in the cohort: by hand, against other libraries, and with a known truth."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, r2_score, roc_auc_score, root_mean_squared_error
from sksurv.metrics import concordance_index_censored

from theragate.errors import EvidenceError
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, SurvivalTarget
from theragate.evidence.refits.stability import Refits, instability_curve, measure_stability


def samples(rng, n: int, b: int) -> np.ndarray:
    return rng.multinomial(n, np.full(n, 1 / n), size=b)


def refitted(n: int = 120, b: int = 20, *, seed: int = 1) -> tuple[np.ndarray, Refits]:
    """Risks by a logistic model whose coefficients move a little from refit to refit."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    log_odds = rng.normal(0, 0.2, (b, 1)) + rng.normal(1, 0.3, (b, 1)) * x
    return x, Refits(1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-log_odds)), samples(rng, n, b))


def target_of(task: str, x: np.ndarray, *, seed: int = 2) -> BinaryTarget | QuantityTarget | SurvivalTarget:
    rng = np.random.default_rng(seed)
    if task == "binary":
        return BinaryTarget(rng.random(len(x)) < 1 / (1 + np.exp(-x)), None, None)
    if task == "regression":
        return QuantityTarget(x + rng.normal(size=len(x)))
    died, lost = rng.exponential(1 / np.exp(x)), rng.uniform(0, 3, len(x))
    return SurvivalTarget(np.minimum(died, lost), died <= lost, 1.0, None, None)


def test_the_difference_and_its_error_by_hand():
    """Distances 1 and 3 by refit, plus or minus 1 by patient, with no interaction: 20 refits and 2 patients."""
    distances = np.where(np.arange(20)[:, None] < 10, 2.0, 4.0) + np.array([-1.0, 1.0])
    refits = Refits(np.zeros(2), distances, np.ones((20, 2), dtype=int))
    found = measure_stability(QuantityTarget(np.array([0.0, 1.0])), refits, seed=1).difference
    assert found.value == pytest.approx(3.0)
    # Refits' means are ten times 2 and ten times 4; patients' means 2 and 4; nothing is left between them.
    of_refits, of_patients = (20 / 19) / 20, 2 / 2
    variance = of_refits + of_patients
    freedom = variance**2 / (of_refits**2 / 19 + of_patients**2)
    assert freedom == pytest.approx(1.1079, abs=1e-4)
    width = math.log(found.upper / found.lower)
    assert width == pytest.approx(2 * 10.1251 * math.sqrt(variance) / 3, rel=1e-3)
    assert found.band(1.959963984540054) == pytest.approx((found.lower, found.upper))


def test_the_mean_is_over_patients_and_refits(task):
    x, refits = refitted()
    found = measure_stability(target_of(task, x), refits, seed=1)
    assert found.refits == 20
    assert found.difference.value == pytest.approx(np.abs(refits.predictions - refits.original).mean())
    assert found.difference.scale == "log"
    assert (
        set(found.optimism)
        == {
            "binary": {"auroc", "brier"},
            "survival": {"concordance_index", "brier"},
            "regression": {"r2", "rmse"},
        }[task]
    )


def test_optimism_agrees_with_other_libraries():
    x, refits = refitted()
    counts = refits.drawn.astype(float)
    event, value = target_of("binary", x).event, target_of("regression", x).value
    died = target_of("survival", x)
    cases = {
        "auroc": ("binary", lambda p, w: roc_auc_score(event, p, sample_weight=w)),
        "brier": ("binary", lambda p, w: brier_score_loss(event, p, sample_weight=w)),
        "r2": ("regression", lambda p, w: r2_score(value, p, sample_weight=w)),
        "rmse": ("regression", lambda p, w: root_mean_squared_error(value, p, sample_weight=w)),
        "concordance_index": ("survival", lambda p, w: harrell(died, p, w.astype(int))),
    }
    for metric, (task, score) in cases.items():
        gains = [score(p, w) - score(p, np.ones(len(x))) for p, w in zip(refits.predictions, counts, strict=True)]
        found = measure_stability(target_of(task, x), refits, seed=1).optimism[metric]
        assert found.value == pytest.approx(np.mean(gains), abs=1e-12)
        half = 2.093 * np.std(gains, ddof=1) / math.sqrt(20)  # t of 19 degrees
        assert found.upper - found.lower == pytest.approx(2 * half, rel=1e-3)


def harrell(target: SurvivalTarget, risk: np.ndarray, drawn: np.ndarray) -> float:
    rows = np.repeat(np.arange(len(risk)), drawn)
    return concordance_index_censored(target.event[rows], target.time[rows], risk[rows])[0]


def test_the_brier_score_of_a_sample_uses_that_samples_own_censoring():
    """Three patients; the one who is lost at time 1 is drawn twice, once, or not at all."""
    target = SurvivalTarget(np.array([0.5, 1.0, 2.0]), np.array([True, False, False]), 1.5, None, None)
    risk = np.array([0.8, 0.5, 0.3])
    drawn = np.array([[1, 1, 1], [1, 0, 2], [0, 1, 2], [1, 2, 0]] * 5)
    refits = Refits(risk, np.tile(risk, (20, 1)) + np.linspace(-0.1, 0.1, 20)[:, None], drawn)
    found = measure_stability(target, refits, seed=1).optimism["brier"]
    assert found.value == pytest.approx(
        np.mean([one(p, d) - one(p, (1, 1, 1)) for p, d in zip(refits.predictions, drawn, strict=True)])
    )


def one(risk: np.ndarray, drawn) -> float:
    """The weighted score by hand: who is followed to the horizon counts for those who are lost before it."""
    died, lost, free = drawn
    weight = free + lost if free else 0
    return (died * (risk[0] - 1) ** 2 + weight * risk[2] ** 2) / (died + weight)


def test_an_overfitted_refit_is_optimistic():
    """A refit that memorises its own sample does better there than on everybody."""
    rng = np.random.default_rng(5)
    value, n = rng.normal(size=80), 80
    drawn = samples(rng, n, 40)
    predictions = np.where(drawn > 0, value, 0.0) + rng.normal(0, 0.1, (40, n))
    found = measure_stability(QuantityTarget(value), Refits(value, predictions, drawn), seed=1).optimism
    assert found["r2"].lower > 0.2
    assert found["rmse"].upper < -0.2


@pytest.mark.parametrize(("n", "b"), [(40, 50), (150, 20), (400, 50)])
def test_its_interval_covers_a_known_truth(n, b):
    """Coefficients vary from refit to refit, patients from cohort to cohort; the mean distance is an integral."""
    rng = np.random.default_rng(n + b)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    truth = float(weights @ np.sqrt(0.04 + 0.09 * nodes**2)) / weights.sum() * math.sqrt(2 / math.pi)
    held = above = 0
    for _ in range(300):
        x = rng.normal(size=n)
        moved = x + rng.normal(0, 0.2, (b, 1)) + rng.normal(0, 0.3, (b, 1)) * x
        refits = Refits(x, moved, np.ones((b, n), dtype=int))
        found = measure_stability(QuantityTarget(x), refits, seed=1).difference
        held += found.lower <= truth <= found.upper
        above += found.upper < truth
    # 95%, within three and a half errors of 300 cohorts
    assert 0.906 <= held / 300 <= 0.994
    assert above / 300 <= 0.057


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(20)), st.permutations(range(12)))
def test_neither_the_order_of_patients_nor_that_of_refits_matters(refit_order, patient_order):
    x, refits = refitted(n=12)
    event = target_of("binary", x).event
    turned = Refits(
        refits.original[patient_order],
        refits.predictions[refit_order][:, patient_order],
        refits.drawn[refit_order][:, patient_order],
    )
    before = measure_stability(BinaryTarget(event, None, None), refits, seed=1)
    after = measure_stability(BinaryTarget(event[patient_order], None, None), turned, seed=2)
    for mine, other in (
        (before.difference, after.difference),
        *((before.optimism[name], after.optimism[name]) for name in before.optimism),
    ):
        assert (mine.value, mine.lower, mine.upper) == pytest.approx((other.value, other.lower, other.upper), abs=1e-12)


def test_the_same_input_gives_the_same_bytes(task):
    x, refits = refitted()
    one, other = (measure_stability(target_of(task, x), refits, seed=1).model_dump_json() for _ in range(2))
    assert one == other


def test_refits_that_never_move_decide_nothing():
    x, refits = refitted()
    still = Refits(refits.original, np.tile(refits.original, (20, 1)), refits.drawn)
    found = measure_stability(target_of("binary", x), still, seed=1).difference
    assert (found.value, found.decidable) == (0.0, False)
    assert "as if nothing had been learned anew" in found.why
    flat = Refits(np.full(len(x), 0.25), np.full((20, len(x)), 0.5), refits.drawn)
    found = measure_stability(target_of("binary", x), flat, seed=1)
    for estimate in (found.difference, found.optimism["auroc"]):
        assert estimate.why == "no spread from which an error could be estimated"
    assert found.difference.value == 0.25
    assert found.optimism["auroc"].value == pytest.approx(0.0, abs=1e-12)


def test_samples_of_one_class_leave_a_metric_out():
    event = np.array([True, False, False, False])
    drawn = np.tile([0, 2, 1, 1], (20, 1))
    risk = np.array([0.5, 0.2, 0.3, 0.4])
    refits = Refits(risk, np.clip(np.tile(risk, (20, 1)) + np.linspace(0, 0.1, 20)[:, None], 0, 1), drawn)
    found = measure_stability(BinaryTarget(event, None, None), refits, seed=1).optimism
    assert found["auroc"].why == "not defined in too many refits"
    assert found["brier"].value is not None


@pytest.mark.parametrize(
    ("part", "broken", "message"),
    [
        ("predictions", lambda p: p[:19], "at least 20 refits.*received 19"),
        ("predictions", lambda p: p[0], "at least 20 refits.*received 0"),
        ("predictions", lambda p: p[:, :-1], "each of the 120 patients.*shapes"),
        ("original", lambda p: p[:-1], "each of the 120 patients.*shapes"),
        ("predictions", lambda p: np.where(p > 0.9, np.nan, p), "every number is finite"),
        ("original", lambda p: p * np.inf, "every number is finite.*120 that are not"),
        ("predictions", lambda p: p + 0.5, "a risk lies between 0 and 1"),
        ("drawn", lambda d: d.astype(float), "whole numbers.*float64"),
        ("drawn", lambda d: np.vstack([d[:1], d[1:] * 2]), "as many patients as the others.*19 of another size"),
        (
            "drawn",
            lambda d: d - np.eye(20, 120, dtype=int) * 9 + np.eye(20, 120, 1, dtype=int) * 9,
            "each sample draws",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(part, broken, message):
    x, refits = refitted()
    parts = {name: getattr(refits, name) for name in ("original", "predictions", "drawn")}
    with pytest.raises(EvidenceError, match=message):
        measure_stability(target_of("binary", x), Refits(**parts | {part: broken(parts[part])}), seed=1)


def test_the_curve_is_the_middle_95_percent_of_one_patients_refits_from_low_to_high_predictions():
    original = np.repeat([0.2, 0.6], 11)
    spread = np.linspace(-0.1, 0.1, 41)
    refits = Refits(original, original + spread[:, None], np.ones((41, 22), dtype=int))
    curve = instability_curve(refits)
    assert curve.x == pytest.approx((0.2, 0.6))
    assert curve.y == pytest.approx((0.2, 0.6))
    assert curve.lower == pytest.approx((0.105, 0.505))
    assert curve.upper == pytest.approx((0.295, 0.695))


def test_no_point_of_the_curve_is_of_fewer_than_11_patients():
    x, refits = refitted()
    assert len(instability_curve(refits).x) == len(x) // 11
