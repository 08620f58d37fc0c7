"""Of whom stability and membership are measured in a large study: a random sample of the patients learned from."""

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.outcomes import Outcome, Treated
from theragate.cohorts.samples import sample_rows
from theragate.learning.seeds import derive
from theragate.study import Study

__all__ = ["audit_sample"]


def audit_sample(
    outcome: Outcome,
    learned: NDArray[np.intp],
    study: Study,
    *,
    seed: int,
    clusters: NDArray[np.intp] | None,
) -> NDArray[np.intp] | None:
    """Return the sample to which the recipe is fitted again, whole, on bootstrap samples and on halves.

    A model of fewer patients varies more with who these are, and remembers more of each, as long as the recipe is the
    same: so that what is measured in the sample bounds, as a rule, what is true of the released model. The exceptions
    are those of ``docs/gates/TG009-stability.md``.

    Parameters
    ----------
    outcome
        Of the whole cohort, n patients.
    learned
        The positions of those whom the released model learned from, ascending.
    study
        Says by ``tuning.sample`` how many are enough.
    seed
        That of training.
    clusters
        Shape (n,): the patients' clusters, which are taken whole; None where each stands alone.

    Returns
    -------
    Ascending positions; None where no more patients are learned from than are enough, and where treatments are
    compared: then everybody is audited.
    """
    most = study.tuning.sample
    if isinstance(outcome, Treated) or len(learned) <= most:
        return None
    return sample_rows(outcome, learned, most=most, seed=derive(seed, study.name, "audit sample"), clusters=clusters)
