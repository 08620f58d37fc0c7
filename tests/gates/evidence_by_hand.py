"""Evidence made by hand: for each task a model that every gate lets through, and ways to make it worse."""

from pathlib import Path
from typing import Any

from theragate.evidence.types import (
    AttackEvidence,
    ChampionEvidence,
    CohortFacts,
    Comparison,
    Contrast,
    DataFacts,
    Estimate,
    Evidence,
    Family,
    GroupEvidence,
    MembershipEvidence,
    OverlapEvidence,
    ScenarioEvidence,
    StabilityEvidence,
    ThresholdEvidence,
    TreatmentArm,
    TreatmentEvidence,
)
from theragate.gates import GATES, Gate, read_policy
from theragate.study import EffectOutcome, LabelledGroups, NoDecision, Study, load_study

ROOT = Path(__file__).parents[2]
SHA = "0" * 64
TASKS = {
    "binary": "breast_cancer_diagnosis",
    "regression": "diabetes_progression",
    "survival": "heart_attack_survival",
    "treatment_effect": "hormone_therapy_benefit",
}


def estimate(value: float, se: float) -> Estimate:
    """An estimate with a normal interval on its own scale."""
    return Estimate(value=value, lower=value - 1.96 * se, upper=value + 1.96 * se, se=se, method="by hand")


GOOD = {
    "binary": {
        "auroc": estimate(0.98, 0.005),
        "brier_skill": estimate(0.8, 0.02),
        "calibration_slope": estimate(1.0, 0.05),
        "observed_expected": estimate(1.0, 0.05),
        "ici": estimate(0.02, 0.005),
        "sensitivity": estimate(0.97, 0.005),
        "net_benefit_gain": estimate(0.05, 0.01),
    },
    "regression": {
        "r2": estimate(0.48, 0.04),
        "rmse": estimate(54.0, 2.0),
        "mae": estimate(44.0, 1.5),
        "calibration_slope": estimate(1.0, 0.05),
        "mean_error": estimate(0.5, 2.0),
    },
    "survival": {
        "concordance_index": estimate(0.78, 0.015),
        "brier_skill": estimate(0.3, 0.05),
        "calibration_slope": estimate(1.0, 0.05),
        "observed_expected": estimate(1.0, 0.05),
        "ici": estimate(0.02, 0.005),
        "sensitivity": estimate(0.8, 0.005),
        "net_benefit_gain": estimate(0.04, 0.01),
    },
    "treatment_effect": {
        "average_effect": estimate(99.0, 20.0),
        "autoc": estimate(60.0, 10.0),
        "calibration_slope": estimate(1.0, 0.1),
        "effect_error": estimate(0.0, 5.0),
        "policy_gain": estimate(8.0, 1.0),
    },
}
FAIR = {
    "log_observed_expected": estimate(0.0, 0.05),
    "net_benefit_gain": estimate(0.03, 0.01),
    "mean_error": estimate(0.0, 2.0),
    "mae": estimate(44.0, 2.0),
    "sensitivity": estimate(0.9, 0.01),
    "ici": estimate(0.02, 0.005),
    "average_effect": estimate(99.0, 20.0),
    "effect_error": estimate(0.0, 5.0),
    "policy_gain": estimate(3.0, 1.0),
}
RANKING = {"binary": "auroc", "regression": "r2", "survival": "concordance_index", "treatment_effect": "autoc"}
RANGE = tuple(round(0.1 + 0.025 * step, 6) for step in range(13))  # of the study with a survival outcome
EQUAL = {"sensitivity": estimate(0.0, 0.01), "mae": estimate(0.0, 2.0), "log_observed_expected": estimate(0.0, 0.04)}


def group(
    attribute: str, label: str, *, judged: bool = True, n: int = 1000, share: float = 0.5, **more: Any
) -> GroupEvidence:
    """A group that is served well; `gains` says what it gains over the range, `against` the reference what."""
    events, ranking = more.pop("events", 400), more.pop("ranking", "concordance_index")
    gained, against = more.pop("gains", estimate(0.03, 0.01)), more.pop("against", estimate(0.005, 0.01))
    model, grid = estimate(0.78, 0.02), more.pop("grid", RANGE)
    return GroupEvidence(
        attribute=attribute,
        label=label,
        judged=judged,
        n=n,
        share=share,
        events=events,
        non_events=None if events is None else n - events,
        metrics=FAIR | more.pop("metrics", {}),
        comparisons=(Comparison(metric=ranking, model=model, reference=model, difference=against),) if judged else (),
        net_benefit=over(grid, gained) if judged and events is not None else (),
    )


def with_groups(evidence: Evidence, groups: list[GroupEvidence], **differences: Estimate) -> Evidence:
    """Replace the groups, their contrasts (equal but for `differences`) and the families of both."""
    pairs = [(a, b) for i, a in enumerate(groups) for b in groups[i + 1 :] if a.attribute == b.attribute]
    contrasts = [
        Contrast(metric=metric, attribute=a.attribute, group=a.label, other=b.label, difference=difference)
        for metric, difference in (EQUAL | differences).items()
        for a, b in pairs
    ]
    families = dict(evidence.families)
    for metric in FAIR:
        members = [f"{metric}[{g.key}]" for g in groups]
        members += [f"{metric}[{c.key}]" for c in contrasts if c.metric == metric]
        families[metric] = independent(metric, *members)
    families["against_reference"] = independent(
        *(f"{c.metric}[{g.key} - reference]" for g in groups for c in g.comparisons)
    )
    for g in groups:
        members = [f"net_benefit_gain@{row.threshold:g}[{g.key}]" for row in g.net_benefit]
        families[f"net_benefit_range[{g.key}]"] = independent(*members)
    return changed(evidence, groups=tuple(groups), contrasts=tuple(contrasts), families=families)


def independent(*members: str) -> Family:
    size = len(members)
    return Family(members=members, correlation=tuple(tuple(float(i == j) for j in range(size)) for i in range(size)))


def changed(evidence: Evidence, **parts: Any) -> Evidence:
    """A copy with other parts."""
    return evidence.model_copy(update=parts)


def overall(evidence: Evidence, **estimates: Estimate | None) -> Evidence:
    """A copy with other overall metrics; None takes one away."""
    merged = {name: value for name, value in (evidence.overall | estimates).items() if value is not None}
    return changed(evidence, overall=merged)


def declared_groups(study: Study, **more: Any) -> list[GroupEvidence]:
    events = None if study.task == "regression" else 400
    grid = tuple(row.threshold for row in thresholds(study))
    return [
        group(name, label, judged=spec.judged, events=events, ranking=RANKING[study.task], grid=grid, **more)
        for name, spec in study.subgroups.items()
        for label in (spec.labels.values() if isinstance(spec, LabelledGroups) else spec.names)
    ]


def good_evidence(study: Study) -> Evidence:
    """A large, calibrated, useful, fair and robust model."""
    task, events = study.task, None if study.task == "regression" else 800
    ranking = RANKING[task]
    evidence = Evidence(
        study=study.name,
        task=task,
        horizon=getattr(study.measured, "horizon", None),
        cohort=CohortFacts(sha256=SHA, patients=2000, events=events, non_events=None if events is None else 1200),
        data=DataFacts(suite_sha256=SHA, expectations=20, critical=(), warnings=(), leakage=()),
        predictions_sha256="1" * 64,
        model_sha256="2" * 64,
        family="xgboost",
        reference_family=study.tuning.reference,
        overall=GOOD[task],
        comparisons=(
            Comparison(
                metric=ranking,
                model=GOOD[task][ranking],
                reference=GOOD[task][ranking],
                difference=estimate(0.005, 0.004),
            ),
        ),
        groups=(),
        contrasts=(),
        families={"calibration": independent("calibration_slope", "observed_expected", "ici", "mean_error")},
        net_benefit=thresholds(study),
        scenarios=tuple(
            ScenarioEvidence(name=name, metrics={}, differences={ranking: estimate(-0.002, 0.002)})
            for name in study.scenarios
        ),
        stability=stability(
            estimate(8.0, 0.5) if task in ("regression", "treatment_effect") else estimate(0.02, 0.002), metric=ranking
        ),
        membership=membership(estimate(0.53, 0.01), loss=task != "treatment_effect"),
        treatment=treatment() if isinstance(study.outcome, EffectOutcome) else None,
        champion=champion(estimate(0.005, 0.004), metric=ranking),
    )
    return with_groups(evidence, declared_groups(study))


def treatment(*, outside: float = 0.02, imbalance: float = 0.05) -> TreatmentEvidence:
    """A treatment that was chosen in practice: how far its arms can be compared."""
    share = Estimate(value=outside, lower=outside, upper=outside, method="by hand")
    return TreatmentEvidence(
        assigned="in_practice",
        effect="restricted_mean",
        unit="days",
        arms=tuple(TreatmentArm(treated=arm, n=1000, events=400, non_events=600) for arm in (False, True)),
        propensity=None,
        overlap=OverlapEvidence(
            outside=share,
            effective=(900.0, 800.0),
            before={"age": 0.5, "size": 0.1},
            after={"age": imbalance, "size": 0.01},
        ),
        crude=estimate(105.0, 25.0),
        hazard_ratio=estimate(0.68, 0.07),
        adjusted_for=8,
        bands={},
        critical=2.5,
    )


def stability(difference: Estimate, *, metric: str) -> StabilityEvidence:
    """How far one patient's prediction moves, over 50 refits."""
    return StabilityEvidence(refits=50, difference=difference, optimism={metric: estimate(0.02, 0.001)})


def membership(auc: Estimate, *, rate: Estimate | None = None, loss: bool = True, **more: Any) -> MembershipEvidence:
    """An audit of 20 models in which every attack succeeds alike."""
    attack = AttackEvidence(auc=auc, rate_at_one_in_1000=rate or estimate(0.003, 0.001))
    attacks = {"likelihood_ratio": attack} | ({"loss": attack} if loss else {})
    return MembershipEvidence(**{"models": 20, "patients": 2000, "attacks": attacks} | more)


def champion(difference: Estimate, *, metric: str, **more: Any) -> ChampionEvidence:
    """The model against the champion."""
    model = estimate(0.78, 0.015)
    comparison = Comparison(metric=metric, model=model, reference=model, difference=difference)
    fields = {
        "model_sha256": "c" * 64,
        "recipe_sha256": "5" * 64,
        "family": "ridge_cox",
        "same_cohort": True,
        "comparisons": (comparison,),
    }
    return ChampionEvidence(**fields | more)


def thresholds(study: Study, gain: Estimate | None = None) -> tuple[ThresholdEvidence, ...]:
    decision = study.decision
    if isinstance(decision, NoDecision):
        return ()
    low, high = decision.range
    grid = sorted({decision.threshold, high, *(round(low + (high - low) * step / 12, 6) for step in range(12))})
    return over(tuple(grid), gain or estimate(0.03, 0.01))


def over(grid: tuple[float, ...], gained: Estimate) -> tuple[ThresholdEvidence, ...]:
    """The same gain at every threshold."""
    model = estimate(0.2, 0.01)
    return tuple(ThresholdEvidence(threshold=t, model=model, treat_all=0.1, difference=gained) for t in grid)


STUDIES = {task: load_study(ROOT / "params.yaml", name) for task, name in TASKS.items()}


def task_for(gate: str) -> str:
    """The task by whose study a gate is tried out: survival, where it is asked of one."""
    return "survival" if "survival" in GATES[gate].tasks else "treatment_effect"


def gate_of(name: str, task: str = "", **limits: Any) -> Gate:
    """Return a gate of a task's study, with other limits where given."""
    study = STUDIES[task or task_for(name)]
    gates = study.gates | {name: study.gates[name] | limits}
    policy = read_policy(study.model_copy(update={"gates": gates}))
    return next(gate for gate in policy.gates if gate.name == name)
