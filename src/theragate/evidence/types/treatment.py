"""What is known of a treatment besides the metrics of its prediction."""

from typing import Literal

from theragate.evidence.types.estimate import Estimate
from theragate.study import Spec

__all__ = ["OverlapEvidence", "SimultaneousBand", "TreatmentArm", "TreatmentEvidence"]


class TreatmentArm(Spec):
    """The patients of one arm; ``events`` and ``non_events`` are None for a quantity, or where they are few."""

    treated: bool
    n: int
    events: int | None
    non_events: int | None


class OverlapEvidence(Spec):
    """Whether treated patients and controls can be compared, by their (known or estimated) chance of treatment.

    ``outside`` is the share of patients whose chance of treatment is below 0.1 or above 0.9. ``effective`` is how many
    patients the weighted arms are worth (controls, treated). ``before`` and ``after`` are the absolute standardised
    differences of each feature's mean between the arms, as they are and weighted by the inverse chance of the arm. They
    describe these patients and have no sampling error (Austin, Stat Med 2009;28:3083).
    """

    outside: Estimate
    effective: tuple[float, float]
    before: dict[str, float]
    after: dict[str, float]

    @property
    def worst_after(self) -> tuple[str, float]:
        """The feature that is least balanced after weighting, and its difference."""
        return max(self.after.items(), key=lambda item: (item[1], item[0]))


class SimultaneousBand(Spec):
    """Limits within which the average effects of all groups lie at once, in 95 of 100 studies."""

    lower: float
    upper: float


class TreatmentEvidence(Spec):
    """What is known of a treatment besides the metrics of its prediction.

    ``crude`` is the difference between the arms as they are, freed of censoring and of nothing else. ``hazard_ratio``
    is the separate check by Cox regression (treated to control; None without a time), and ``adjusted_for`` says of how
    many columns it is adjusted. ``bands`` are by group key; ``critical`` is their critical value.
    """

    assigned: Literal["at_random", "in_practice"]
    effect: Literal["event", "restricted_mean", "mean"]
    unit: str
    arms: tuple[TreatmentArm, ...]
    propensity: float | None
    overlap: OverlapEvidence
    crude: Estimate
    hazard_ratio: Estimate | None
    adjusted_for: int
    bands: dict[str, SimultaneousBand]
    critical: float
