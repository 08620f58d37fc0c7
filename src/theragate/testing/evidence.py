"""Evidence of a small simulated cohort, with which a gate can be tried."""

from functools import cache

from theragate.evidence.inputs.effects import EffectTarget
from theragate.evidence.measure import measure, measure_effects
from theragate.evidence.types import CohortFacts, DataFacts, Evidence
from theragate.gates import Declared
from theragate.study import TASKS, TaskName
from theragate.testing.cohorts import make_study
from theragate.testing.metrics import N, sample

__all__ = ["sample_declared", "sample_evidence"]


def sample_declared(task: TaskName) -> Declared:
    """Return what the study of `sample_evidence` declares: the ``declared`` of a gate."""
    return Declared.of(make_study(task))


@cache
def sample_evidence(task: TaskName) -> Evidence:
    """Return evidence about a model that predicts nearly as well as can be, of 1,000 patients who do not exist.

    It has no groups, no refits and no champion; `pydantic.BaseModel.model_copy` changes what a gate asks of.
    """
    target, held_out = sample(task)
    treatment = None
    if isinstance(target, EffectTarget):
        measured, treatment = measure_effects(target, held_out, resamples=200, seed=1)
    else:
        measured = measure(target, held_out, resamples=200, seed=1)
    return Evidence(
        study=f"small_{task}",
        task=task,
        horizon=getattr(target, "horizon", None),
        cohort=CohortFacts(
            sha256="0" * 64,
            patients=N,
            events=measured.events,
            non_events=measured.non_events,
            censored_before_horizon=measured.censored_before_horizon,
            simulated=True,
        ),
        data=DataFacts(suite_sha256="0" * 64, expectations=1, critical=(), warnings=(), leakage=(), suspected=()),
        predictions_sha256="0" * 64,
        model_sha256="0" * 64,
        family=TASKS[task].reference,
        reference_family=TASKS[task].reference,
        report_only=(),
        overall=measured.overall,
        comparisons=measured.comparisons,
        groups=measured.groups,
        contrasts=measured.contrasts,
        families=measured.families,
        net_benefit=measured.net_benefit,
        scenarios=measured.scenarios,
        repeats=measured.repeats,
        curves=measured.curves,
        treatment=treatment,
    )
