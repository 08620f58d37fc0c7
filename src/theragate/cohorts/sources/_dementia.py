"""The world ``caide_dementia``: dementia within twenty years of midlife, by the CAIDE risk score.

Risk factors are independent of one another, with the margins of the Finnish cohort; the risk is that of the published
score with APOE (Kivipelto et al., Lancet Neurol 2006;5:735, model 2). Both are simpler than life: there is nothing to
find beyond the points of the score.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["caide_points", "caide_risk", "dementia"]

Numbers = NDArray[np.float64]


def dementia(patients: int, random: np.random.Generator) -> pd.DataFrame:
    """Draw people in midlife, and whether they have dementia twenty years later."""

    def normal(mean: float, deviation: float, low: float, high: float, *, digits: int) -> Numbers:
        return np.clip(random.normal(mean, deviation, patients), low, high).round(digits)

    frame = pd.DataFrame(
        {
            "age": normal(50.4, 6.0, 39, 65, digits=0),
            "education": normal(8.6, 3.4, 2, 20, digits=0),
            "sex": np.where(random.uniform(size=patients) < 0.38, "male", "female"),
            "systolic": normal(144, 20, 85, 240, digits=0),
            "bmi": normal(26.6, 3.7, 16, 50, digits=1),
            "cholesterol": normal(6.7, 1.2, 3, 13, digits=1),
            "activity": np.where(random.uniform(size=patients) < 0.60, "inactive", "active"),
            "apoe": np.where(random.uniform(size=patients) < 0.35, "carrier", "non-carrier"),
        }
    )
    ill = random.uniform(size=patients) < caide_risk(caide_points(frame))
    return frame.assign(dementia=np.where(ill, "yes", "no"))


def caide_points(frame: pd.DataFrame) -> Numbers:
    """Return the points of the score with APOE, shape (n,); 0 to 18."""
    age, education = frame["age"].to_numpy(), frame["education"].to_numpy()
    parts = [
        np.select([age > 53, age >= 47], [5, 3]),
        np.select([education <= 6, education <= 9], [4, 3]),
        np.where(frame["sex"] == "male", 1, 0),
        np.where(frame["systolic"] > 140, 2, 0),
        np.where(frame["bmi"] > 30, 2, 0),
        np.where(frame["cholesterol"] > 6.5, 1, 0),
        np.where(frame["activity"] == "inactive", 1, 0),
        np.where(frame["apoe"] == "carrier", 2, 0),
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def caide_risk(points: Numbers) -> Numbers:
    """Return the risk of dementia within twenty years at so many points of the score with APOE, shape (n,)."""
    return np.asarray(1 / (1 + np.exp(8.083 - 1.020 - 0.390 * points)), dtype=np.float64)
