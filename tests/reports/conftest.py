"""Evidence made by hand, for each task, as the evidence room would hand it over."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records_by_hand import training_record

from theragate.evidence.types import (
    CohortFacts,
    Contrast,
    Curve,
    DataFacts,
    Estimate,
    Evidence,
    Family,
    GroupEvidence,
    ThresholdEvidence,
)
from theragate.learning.record import TrainingRecord
from theragate.study import Study, load_study

ROOT = Path(__file__).parents[2]
SHA = "0" * 64
STUDIES = ("breast_cancer_diagnosis", "diabetes_progression", "heart_attack_survival", "light_chain_mortality")


def estimate(value: float, half_width: float, **more: Any) -> Estimate:
    return Estimate(value=value, lower=value - half_width, upper=value + half_width, method="made by hand", **more)


def curve(x: np.ndarray, y: np.ndarray, half_width: np.ndarray | float) -> Curve:
    lower, upper = y - half_width, y + half_width
    return Curve(x=tuple(x.tolist()), y=tuple(y.tolist()), lower=tuple(lower.tolist()), upper=tuple(upper.tolist()))


OVERALL = {
    "binary": {
        "auroc": estimate(0.952, 0.008),
        "observed_expected": estimate(1.03, 0.11),
        "calibration_slope": estimate(0.97, 0.1),
        "ici": estimate(0.021, 0.009),
        "sensitivity": estimate(0.97, 0.02),
        "specificity": estimate(0.88, 0.03),
        "net_benefit_gain": estimate(0.041, 0.012),
    },
    "survival": {
        "concordance_index": estimate(0.771, 0.031),
        "auc_at_horizon": estimate(0.802, 0.036),
        "observed_expected": estimate(0.98, 0.13),
        "calibration_slope": estimate(1.02, 0.19),
        "ici": estimate(0.028, 0.012),
        "sensitivity": estimate(0.81, 0.06),
        "specificity": estimate(0.64, 0.05),
        "net_benefit_gain": estimate(0.034, 0.02),
    },
    "regression": {
        "r2": estimate(0.482, 0.06),
        "mae": estimate(44.3, 2.6),
        "rmse": estimate(55.0, 3.1),
        "mean_error": estimate(-0.3, 5.1),
        "calibration_slope": estimate(0.98, 0.1),
    },
}


def group_metrics(task: str, shift: float) -> dict[str, Estimate]:
    if task == "regression":
        return {
            "r2": estimate(0.45 + shift, 0.1),
            "mae": estimate(44 + 20 * shift, 4.0),
            "mean_error": estimate(30 * shift, 8.0),
        }
    discrimination = "auroc" if task == "binary" else "concordance_index"
    return {
        discrimination: estimate(0.74 + shift, 0.06),
        "observed_expected": estimate(math.exp(shift), 0.1),
        "log_observed_expected": estimate(shift, 0.16),
        "net_benefit_gain": estimate(0.03 + shift / 5, 0.02),
        "sensitivity": estimate(0.8 + shift, 0.07),
    }


def group_of(
    attribute: str,
    label: str,
    task: str,
    *,
    n: int = 200,
    shift: float = 0.0,
    judged: bool = True,
    events: int | None = None,
) -> GroupEvidence:
    events = (n // 3 if events is None else events) if task != "regression" else None
    return GroupEvidence(
        attribute=attribute,
        label=label,
        judged=judged,
        n=n,
        share=min(1.0, n / 500),
        events=events,
        non_events=None if events is None else n - events,
        metrics=group_metrics(task, shift),
    )


def curves(task: str, horizon: float | None) -> dict[str, Curve]:
    share = np.linspace(0.0, 1.0, 101)
    grid = np.linspace(0.02, 0.9, 50)
    thresholds = np.linspace(0.1, 0.4, 25)
    if task == "regression":
        value = np.linspace(60, 290, 50)
        deciles = np.linspace(80, 260, 10)
        return {
            "calibration": curve(value, 4 + 0.97 * value, 6 + 0.001 * (value - 150) ** 2),
            "errors": curve(deciles, 6 * np.sin(deciles / 25), 13.0),
        }
    made = {
        "calibration": curve(grid, grid + 0.04 * np.sin(6 * grid), 0.03 + 0.08 * grid),
        "decision": curve(thresholds, 0.25 - 0.3 * thresholds, 0.02),
        "decision_treat_all": Curve(
            x=tuple(thresholds.tolist()), y=tuple((0.3 - 0.7 * thresholds / (1 - thresholds)).tolist())
        ),
    }
    if task == "binary":
        return {"roc": curve(share, np.clip(share**0.05, 0, 1), 0.0)} | made
    assert horizon is not None
    times = np.linspace(horizon / 10, horizon, 10)
    return {"auc_over_time": curve(times, 0.78 + 0.02 * np.cos(times / 90), 0.04)} | made


@pytest.fixture(scope="session")
def studies() -> dict[str, Study]:
    return {name: load_study(ROOT / "params.yaml", name) for name in STUDIES}


@pytest.fixture
def make_evidence(studies: dict[str, Study]) -> Callable[..., Evidence]:
    def make(name: str, *, groups: list[GroupEvidence] | None = None, simulated: bool = False) -> Evidence:
        return evidence_of(studies[name], groups=groups, simulated=simulated)

    return make


def evidence_of(study: Study, *, groups: list[GroupEvidence] | None = None, simulated: bool = False) -> Evidence:
    task = study.task
    horizon = getattr(study.outcome, "horizon", None)
    if groups is None:
        groups = default_groups(study)
    return Evidence(
        study=study.name,
        task=task,
        horizon=horizon,
        cohort=CohortFacts(
            sha256=SHA,
            patients=500,
            events=None if task == "regression" else 138,
            non_events=None if task == "regression" else 362,
            simulated=simulated,
        ),
        data=DataFacts(suite_sha256=SHA, expectations=20, critical=(), warnings=(), leakage=()),
        predictions_sha256=SHA,
        model_sha256=SHA,
        family="xgboost",
        reference_family="logistic",
        overall=OVERALL[task],
        comparisons=(),
        groups=tuple(groups),
        contrasts=contrasts_of(groups),
        families={"all": Family(members=(), correlation=())},
        net_benefit=tuple(
            ThresholdEvidence(threshold=t, model=estimate(0.2, 0.02), treat_all=0.1, difference=estimate(0.1, 0.02))
            for t in (0.1, 0.2, 0.4)
        )
        if task != "regression"
        else (),
        curves=curves(task, horizon),
    )


def contrasts_of(groups: list[GroupEvidence]) -> tuple[Contrast, ...]:
    if len(groups) < 2:
        return ()
    first, other = groups[0], groups[1]
    return (
        Contrast(
            metric="sensitivity",
            attribute=first.attribute,
            group=first.label,
            other=other.label,
            difference=estimate(0.01, 0.1),
        ),
    )


def default_groups(study: Study) -> list[GroupEvidence]:
    task = study.task
    if not study.subgroups:
        return []
    return [
        group_of("sex", "male", task, n=300, shift=0.02),
        group_of("sex", "female", task, n=200, shift=-0.05),
        group_of("age_band", "≤65", task, n=180, shift=0.2, judged=task == "survival"),
        group_of("age_band", "65–75", task, n=130, shift=0.0, judged=task == "survival"),
        group_of("age_band", ">75", task, n=190, shift=-0.08, judged=task == "survival"),
        group_of("sex & age_band", "male & ≤65", task, n=140, shift=0.1, judged=False),
        group_of("sex & age_band", "female & >75", task, n=60, shift=-0.1, judged=False),
        group_of("sex & age_band", "female & Missing", task, n=7, shift=-0.1, judged=False),
        GroupEvidence(
            attribute="sex & age_band",
            label="female & ≤65",
            judged=False,
            n=40,
            share=0.08,
            events=None if task == "regression" else 0,
            non_events=None if task == "regression" else 40,
            metrics=dict.fromkeys(group_metrics(task, 0), Estimate.absent("no event in this group")),
        ),
    ]


@pytest.fixture
def make_group() -> Callable[..., GroupEvidence]:
    return group_of


@pytest.fixture
def record() -> TrainingRecord:
    features = ["age", "sysbp", "diasbp", "bmi", "hr", "chf", "sho", "gender", "bp", "s5", "kappa"]
    importances = {name: {"mean": 0.04 / (rank + 1), "sd": 0.006} for rank, name in enumerate(features)}
    return training_record(importances=importances)
