"""What a threshold decides where outcomes are plain counts: rates and net benefit, of all groups jointly."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from theragate.evidence.definitions.arithmetic import Floats
from theragate.evidence.definitions.net_benefit import NetBenefit
from theragate.evidence.inputs.predictions import BinaryTarget, SurvivalTarget
from theragate.evidence.sampling.counts import Confusion, confusion, count, draw_counts

__all__ = ["DECIDED", "Benefits", "Decisions", "decisions", "paired_decisions", "range_of"]

DECIDED = (
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "selection_rate",
    "accuracy",
    "net_benefit",
    "net_benefit_gain",
)
_THRESHOLDS = 25
_HELD = 2**22  # counts held at once


@dataclass(frozen=True)
class Benefits:
    """Net benefit over the range: of the patients as they are (thresholds,), and in resamples (b, thresholds)."""

    point: NetBenefit
    drawn: NetBenefit


@dataclass(frozen=True)
class Decisions:
    """What was decided of one group: by metric its value, its denominator, and its values in the resamples (b,)."""

    points: dict[str, float]
    denominators: dict[str, float]
    replicates: dict[str, Floats]
    benefits: Benefits = field(repr=False)


def range_of(target: BinaryTarget | SurvivalTarget) -> tuple[float, ...]:
    """Return 25 even thresholds over the declared range, and the clinical one; none where none is declared."""
    if target.threshold is None or target.threshold_range is None:
        return ()
    low, high = target.threshold_range
    grid = {float(f"{value:.4g}") for value in np.linspace(low, high, _THRESHOLDS)[1:-1]}
    return tuple(sorted(grid | {low, high, target.threshold}))


def decisions(
    target: BinaryTarget,
    risk: Floats,
    *,
    atoms: NDArray[np.intp],
    kinds: int,
    subsets: Sequence[NDArray[np.intp]],
    ranged: Sequence[bool],
    resamples: int,
    seed: int,
) -> list[Decisions]:
    """Measure what the thresholds decide in each subset of the patients.

    Parameters
    ----------
    atoms
        Shape (n,): numbers from 0 to `kinds` - 1; each subset has all patients of an atom or none.
    subsets
        The positions of each subset's patients in the cohort.
    ranged
        For which subsets the net benefit is wanted over the whole range of thresholds, and not at the clinical one
        alone.
    """
    thresholds = range_of(target)
    at = thresholds.index(float(target.threshold or 0.0))
    members = np.zeros((len(subsets), kinds), dtype=np.bool_)
    for own, rows in zip(members, subsets, strict=True):
        own[atoms[rows]] = True
    counts = count(risk, target.event, atoms, kinds=kinds, thresholds=thresholds)
    whole = confusion(counts, members)
    block = max(1, min(resamples, _HELD // counts.size))
    drawn = [
        confusion(draw_counts(counts, resamples=min(block, resamples - start), seed=(seed, start)), members)
        for start in range(0, resamples, block)
    ]
    return [
        _decided(
            _of_subset(whole, subset),
            _joined([_of_subset(part, subset) for part in drawn]),
            at=at,
            thresholds=thresholds,
            ranged=wanted,
        )
        for subset, wanted in enumerate(ranged)
    ]


def paired_decisions(
    target: BinaryTarget, first: Floats, second: Floats, *, resamples: int, seed: int
) -> tuple[Decisions, Decisions]:
    """Measure what the clinical threshold decides by two risks of the same patients, drawn together.

    A cell is then whom both select, whom one of them does, and whom none does, with and without the event.
    """
    threshold = float(target.threshold or 0.0)
    both = (first >= threshold) * 2 + (second >= threshold).astype(np.intp)
    counts = count(np.zeros_like(first), target.event, both, kinds=4, thresholds=(threshold,))[:, 0, :]
    drawn = draw_counts(counts, resamples=resamples, seed=(seed, resamples))
    measured = []
    for selects in (np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])):
        reached = np.stack([1 - selects, selects]).astype(np.int64)
        parts = [confusion((reached @ cells)[..., None, :, :]) for cells in (counts, drawn)]
        measured.append(_decided(*(_of_subset(part, 0) for part in parts), at=0, thresholds=(threshold,), ranged=False))
    return measured[0], measured[1]


def _of_subset(counts: Confusion, subset: int) -> Confusion:
    return Confusion(*(getattr(counts, name)[..., subset, :] for name in Confusion.__dataclass_fields__))


def _joined(parts: Sequence[Confusion]) -> Confusion:
    names = Confusion.__dataclass_fields__
    return Confusion(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _decided(whole: Confusion, drawn: Confusion, *, at: int, thresholds: tuple[float, ...], ranged: bool) -> Decisions:
    point, resampled = whole.at(at), drawn.at(at)
    return Decisions(
        points={name: float(value) for name, value in _metrics(point, thresholds[at]).items()},
        denominators={name: float(value) for name, value in point.denominators().items()},
        replicates=_metrics(resampled, thresholds[at]),
        benefits=Benefits(
            *(
                part.net_benefit(np.array(thresholds)) if ranged else part.only(at).net_benefit(thresholds[at])
                for part in (whole, drawn)
            )
        ),
    )


def _metrics(counts: Confusion, threshold: float) -> dict[str, Floats]:
    benefit = counts.net_benefit(threshold)
    return counts.rates() | {"net_benefit": benefit.model, "net_benefit_gain": benefit.gain}
