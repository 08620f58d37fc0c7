"""Numbers with their Monte-Carlo error."""

import math

import numpy as np

from simulations.truth import Floats

__all__ = ["quantile", "share"]


def share(count: int, replicates: int) -> dict[str, float]:
    """Return ``count`` of ``replicates`` as a share with its standard error (never 0: by the rule of succession)."""
    likely = (count + 1) / (replicates + 2)
    return {
        "value": round(count / replicates, 5) if replicates else math.nan,
        "se": round(math.sqrt(likely * (1 - likely) / max(replicates, 1)), 5),
        "replicates": replicates,
    }


def quantile(values: Floats, level: float) -> dict[str, float]:
    """Return the `level` quantile with its bootstrap standard error (400 resamples, seeded)."""
    rng = np.random.default_rng(1)
    drawn = rng.choice(values, size=(400, len(values)))
    return {
        "value": round(float(np.quantile(values, level)), 4),
        "se": round(float(np.quantile(drawn, level, axis=1).std(ddof=1)), 4),
        "replicates": len(values),
    }
