"""Held-out predictions to evidence: the one door to measuring."""

from dataclasses import replace

from threadpoolctl import threadpool_limits

from theragate.errors import EvidenceError
from theragate.evidence.inputs.effects import EffectHeldOut, EffectTarget, check_effects, in_order
from theragate.evidence.inputs.order import in_canonical_order
from theragate.evidence.inputs.predictions import HeldOut, Target, check
from theragate.evidence.measuring.assembler import Measured, assemble
from theragate.evidence.measuring.comparability import treatment_evidence
from theragate.evidence.measuring.effects import EffectMeasurement
from theragate.evidence.measuring.predicted import PredictionMeasurement
from theragate.evidence.measuring.sites import cluster_evidence
from theragate.evidence.types import TreatmentEvidence

__all__ = ["RESAMPLES", "Measured", "measure", "measure_effects"]

RESAMPLES = 2000
_FEWEST_RESAMPLES = 200


def measure(target: Target, held_out: HeldOut, *, resamples: int = RESAMPLES, seed: int) -> Measured:
    """Measure held-out predictions, overall and per group, with 95% limits.

    What is estimated is the performance of one model of the recipe, as one is released: each repeat's predictions are
    measured by themselves, and the measures are averaged. Limits are by sampling of patients, each with the predictions
    of all repeats. Standard errors and correlations come from a joint bootstrap (of patients, of cells of patients
    alike in a large cohort, or of counts), or from influence values (see ``intervals/limits.py``). The order of the
    patients and the names of groups and patients change nothing; the same input and seed give the same numbers.

    Parameters
    ----------
    target
        The outcomes.
    held_out
        The predictions and the groups, in the outcomes' order.
    resamples
        Of the bootstrap, at least 200; 2000 know a standard error to 1.6%.
    seed
        Of the bootstrap.

    Raises
    ------
    EvidenceError
        If the input cannot be measured (see `inputs.predictions.check`), or there are too few resamples.
    """
    if resamples < _FEWEST_RESAMPLES:
        raise EvidenceError(
            "resamples",
            rule=f"the bootstrap has at least {_FEWEST_RESAMPLES} resamples",
            received=str(resamples),
            remedy=f"Use {RESAMPLES}.",
        )
    check(target, held_out)
    # With more threads the last digits of matrix products depend on their number, and so on the machine.
    with threadpool_limits(1, user_api="blas"):
        ordered = in_canonical_order(target, held_out)
        measured = assemble(PredictionMeasurement(*ordered, resamples=resamples, seed=seed))
        return replace(measured, clusters=cluster_evidence(*ordered))


def measure_effects(
    target: EffectTarget, held_out: EffectHeldOut, *, resamples: int = RESAMPLES, seed: int
) -> tuple[Measured, TreatmentEvidence]:
    """Measure predicted effects of held-out patients, overall and per group, with 95% limits.

    The order of the patients and the names of groups change nothing; the same input and seed give the same numbers.

    Parameters
    ----------
    target
        Outcomes, arms and the decision.
    held_out
        Predictions, nuisances, covariates and groups, in the outcomes' order.
    resamples, seed
        Of the bootstrap.

    Raises
    ------
    EvidenceError
        If the input cannot be measured (see `check_effects`), or Cox regression has no solution.
    """
    check_effects(target, held_out)
    with threadpool_limits(1, user_api="blas"):
        measured = EffectMeasurement(*in_order(target, held_out), resamples=resamples, seed=seed)
        evidence = assemble(measured)
        evidence = replace(evidence, clusters=cluster_evidence(measured.target, measured.held_out.predictions))
        return evidence, treatment_evidence(measured.target, measured.held_out, measured.average_effects())
