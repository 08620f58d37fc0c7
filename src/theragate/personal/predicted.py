"""What a model predicts, in the words of its study: for answers and cards."""

from theragate.numbers import declared
from theragate.study import BinaryOutcome, EffectOutcome, QuantityOutcome, Study

__all__ = ["predicted_words"]


def predicted_words(study: Study) -> str:
    """Return what is predicted for one patient, and the study's description of the outcome."""
    outcome = study.outcome
    if isinstance(outcome, EffectOutcome):
        what = f"how much more {outcome.treatment.name} would do for this patient than {outcome.treatment.control}"
    elif isinstance(outcome, BinaryOutcome):
        what = f"the probability of `{outcome.positive}`"
    elif isinstance(outcome, QuantityOutcome):
        what = f"`{outcome.column}`, in {outcome.unit}"
    else:
        what = f"the risk of the event within {declared(outcome.horizon)} {outcome.unit}"
    return f"{what}. Outcome: {outcome.description}"
