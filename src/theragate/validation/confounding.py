"""Whether the outcome goes with the batch in which patients were measured: a model of such patients may know the batch.

With thousands of measurements a batch is easily told, whatever the disease. If patients with the outcome were measured
in other batches than those without, a model that only knows the batch looks good, in held-out patients of the same
batches too, and no correction afterwards can tell the two apart (Leek et al., Nat Rev Genet 2010;11:733).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, rankdata

from theragate.cohorts.outcomes import Binary, Censored, MeasuredOutcome, Outcome, Treated
from theragate.validation._leakage_signs import measured_part
from theragate.validation.types import LeakageFinding

__all__ = ["confounded", "explained_by_batch"]

LEAST = 0.02  # share of the variation: a model that only knew such a batch would have an AUROC of about 0.58
CHANCE = 0.001  # how seldom a batch that has nothing to do with the outcome explains so much
_DRAWS = 4_999
_MANY = 4_000  # patients, from which on the test's limiting distribution serves

Scores = NDArray[np.float64]


def confounded(batch: pd.Series, outcome: Outcome) -> Iterator[LeakageFinding]:
    """Yield what of a study goes with the batch of its n patients: the outcome; where there are arms, the treatment.

    It is found if the batch explains at least `LEAST` of its variation, beyond what as many groups explain by chance,
    and if groups drawn at random would explain as much in fewer than `CHANCE` of all draws.

    Parameters
    ----------
    batch
        The batch of each patient, of any type; where it is missing, that is a batch too.
    outcome
        Theirs.
    """
    name, labels = str(batch.name), pd.factorize(batch, use_na_sentinel=False)[0].astype(np.intp)
    asked = [("outcome", _scores(measured_part(outcome)))]
    if isinstance(outcome, Treated):
        asked.append(("treatment", outcome.treated.astype(np.float64)))
    for what, scores in asked:
        share, chance = explained_by_batch(labels, scores)
        if share >= LEAST and chance <= CHANCE:
            yield LeakageFinding(
                check="batch",
                feature=name,
                severity="warning",
                statistic=f"share of the variation of the {what} that the batch explains",
                estimate=round(share, 6),
                limit=LEAST,
                sentence=f"The {what} goes with the batch `{name}`: whatever tells the batches apart seems to tell "
                f"the {what}.",
            )


def explained_by_batch(batch: NDArray[np.intp], scores: Scores) -> tuple[float, float]:
    """Return the share of the variation of scores that a batch explains beyond chance, and how often chance does so.

    Parameters
    ----------
    batch
        Shape (n,), whole numbers from 0.
    scores
        Shape (n,).

    Returns
    -------
    The share is epsilon squared (Kelley, PNAS 1935;21:554), 0 on average where the two are independent. The chance is
    that of a permutation test with a fixed seed; of many patients, that of its limiting distribution, chi squared.
    """
    n, groups = len(scores), len(np.unique(batch))
    centred = scores - scores.mean()
    total = float(centred @ centred)
    if groups < 2 or groups >= n or total <= 0:
        return 0.0, 1.0
    sizes = np.bincount(batch).astype(np.float64)
    sizes[sizes == 0] = 1.0

    def between(values: Scores) -> float:
        return float((np.bincount(batch, weights=values, minlength=len(sizes)) ** 2 / sizes).sum()) / total

    raw = between(centred)
    share = 1 - (1 - raw) * (n - 1) / (n - groups)
    if n > _MANY:
        return share, float(chi2.sf(raw * (n - 1), groups - 1))
    random = np.random.default_rng(0)
    as_much = sum(between(random.permutation(centred)) >= raw - 1e-12 for _ in range(_DRAWS))
    return share, (1 + as_much) / (1 + _DRAWS)


def _scores(outcome: MeasuredOutcome) -> Scores:
    """Return what of an outcome is compared between batches: the event, the rank, or the martingale residual.

    A martingale residual is the number of events of a patient less the number expected in as long a follow-up
    (Therneau, Grambsch, Fleming, Biometrika 1990;77:147), so that batches may be followed for different times.
    """
    if isinstance(outcome, Binary):
        return outcome.event.astype(np.float64)
    if isinstance(outcome, Censored):
        return outcome.event - _hazard(outcome)
    return np.asarray(rankdata(outcome.value), dtype=np.float64)


def _hazard(outcome: Censored) -> Scores:
    """Return the cumulative hazard of all patients together at the end of each one's follow-up, by Nelson and Aalen."""
    times, place = np.unique(outcome.time, return_inverse=True)
    events = np.bincount(place, weights=outcome.event, minlength=len(times))
    at_risk = np.cumsum(np.bincount(place, minlength=len(times))[::-1])[::-1]
    return np.asarray(np.cumsum(events / at_risk)[place], dtype=np.float64)
