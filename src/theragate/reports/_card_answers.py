"""What the card says of the answer for one patient: what its interval claims, and in which groups it holds."""

from theragate.learning.record import GroupCoverage, PersonalRecord, TrainingRecord
from theragate.numbers import percent, plural
from theragate.reports.headline import unknown

__all__ = ["answer_fields"]


def answer_fields(record: TrainingRecord) -> dict[str, str]:
    """Return the fields of the card about the answer for one patient."""
    personal = record.personal
    silent = unknown("the training record says nothing about it")
    return {
        "Answer for one patient": _personal_words(personal) if personal else silent,
        "Missing inputs": personal.imputation if personal else silent,
        "Interval by group": _group_words(personal) if personal else silent,
    }


def _personal_words(personal: PersonalRecord) -> str:
    """Say what the interval beside a prediction claims, how it held, and how often a clinician is asked to decide."""
    measured, answers = personal.measured, personal.answers
    refused = "Inputs that the study does not accept, or the model was never tested with, get a reason and no number."
    differences = personal.differences
    if differences is not None and not differences.shown:
        return f"{personal.claim} {refused}"
    if not measured:
        held = ""
    elif "coverage" in measured:
        patients = plural(int(measured["patients"]), "held-out patient")
        held = f" Of {patients}, {percent(measured['coverage'])} had an outcome inside it."
    else:
        what = "the share with the event" if differences is None else "their mean doubly robust score"
        held = (
            f" In {measured['fifths_in_agreement']} of {measured['fifths']} groups of held-out patients with like "
            f"predictions, {what} agreed with it."
        )
    sure, none = answers["prediction"], answers["no answer"]
    without = f", {percent(none)} no number" if none else ""
    return (
        f"A prediction with an interval and what drove it. {personal.claim}{held} Of the patients learned from, "
        f"{percent(sure)} would get a prediction to rely on{without}; for the others, the answer is that a clinician "
        f"decides. {refused}{_sample_words(personal)}"
    )


def _sample_words(personal: PersonalRecord) -> str:
    if personal.sample is None:
        return ""
    return (
        f" All of this was learned and measured in a random sample of {personal.sample.patients:,} of the "
        f"{personal.sample.of:,} patients."
    )


def _group_words(personal: PersonalRecord) -> str:
    """Say in which judged groups the interval held for held-out patients."""
    if personal.differences is not None and not personal.differences.shown:
        return "There is no interval of one's own."
    if not personal.groups:
        return "No group is judged, so that it is not known whether it holds alike in groups of patients."
    if personal.differences is not None:
        return "That it holds within a group is not shown: nobody's own benefit is seen, and groups are too small."
    return "; ".join(f"{one.attribute}, {one.group}: {_held(one)}" for one in personal.groups) + "."


def _held(one: GroupCoverage) -> str:
    if one.patients is None:
        return "not shown, hardly anybody was held out"
    own = ", by limits of its own" if one.own else ""
    if one.coverage is not None and one.lower is not None and one.upper is not None:
        limits = f"{percent(one.lower, 1)} to {percent(one.upper, 1)}"
        return f"held {percent(one.coverage, 1)} of {plural(one.patients, 'patient')} ({limits}){own}"
    if one.agrees is None:
        return "not shown, too few had the event or had it not"
    return "the share with the event agreed" if one.agrees else "the share with the event did **not** agree"
