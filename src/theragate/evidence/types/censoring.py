"""How outcomes that nobody saw are stood for, and what is known of the assumption behind it."""

from typing import Literal

from theragate.study import Spec

__all__ = ["CensoringEvidence"]


class CensoringEvidence(Spec):
    """How those followed long enough stand for those lost before the horizon, and whether losses look alike.

    Parameters
    ----------
    weights
        What the chance of being lost depends on: the ``features``, or nothing (``marginal``: the same for all).
    features
        How many features there are.
    penalty
        Of the model of who is lost; None where no feature foretold it, so that all weigh as by Kaplan and Meier.
    unobserved
        The share of patients whose chance of being followed to the horizon is below `LEAST_OBSERVED`, at which weights
        are cut off.
    depends_on
        Feature -> adjusted p (Holm, Scand J Stat 1979;6:65) of the test that losses have nothing to do with it, where
        it is below ``level``. Whatever it says, the weights stay as they were declared.
    level
        Of the test.
    """

    weights: Literal["features", "marginal"]
    features: int
    penalty: float | None
    unobserved: float
    depends_on: dict[str, float]
    level: float

    @property
    def assumption(self) -> str:
        """What has to hold for the numbers to be right, in a sentence."""
        if self.weights == "features":
            return (
                "Patients lost before the horizon are represented by those with like features who were followed: right "
                "if, among such patients, being lost had nothing to do with the outcome."
            )
        doubt = ""
        if self.depends_on:
            first = min(self.depends_on, key=lambda name: (self.depends_on[name], name))
            more = f" and {len(self.depends_on) - 1} more" if len(self.depends_on) > 1 else ""
            doubt = f" Losses do differ by `{first}`{more}."
        return (
            "Patients lost before the horizon are represented by all who were followed: right only if being lost had "
            f"nothing to do with the outcome.{doubt}"
        )
