"""From the answers to a gate's questions to its finding: the status, the summary and the next step."""

from collections.abc import Sequence

from theragate.gates._judging import NOT_MEASURED, Answer
from theragate.gates.types import Status
from theragate.gates.words import capital, rounded_up
from theragate.numbers import plural

__all__ = ["more_data", "overall_status", "summed_up", "worst"]


def overall_status(answers: Sequence[Answer]) -> Status:
    """Return the gate's answer: harm fails, all must pass, and where nothing decides nothing is known."""
    deciding = [answer.status for answer in answers if answer.decides]
    if "fail" in deciding:
        return "fail"
    return "pass" if deciding and set(deciding) == {"pass"} else "insufficient"


def worst(answers: Sequence[Answer]) -> Answer:
    """Return the deciding answer that is most in question."""
    order = {"fail": 0, "insufficient": 1, "not_applicable": 2, "pass": 3}
    deciding = [answer for answer in answers if answer.decides]
    return min(deciding, key=lambda answer: (order[answer.status], -answer.question.data_needed))


def more_data(answers: Sequence[Answer]) -> str:
    """Say roughly how much more data would decide, for the answer that needs most."""
    question = worst(answers).question
    if not question.decidable:
        why = "" if question.why_not == NOT_MEASURED.why else f": {question.why_not}"
        return f"{capital(question.label)} has to be measured first{why}."
    if question.on_bad_side:
        return (
            f"{capital(question.label)} is already on the wrong side of its limit: more data would probably end in "
            "a fail. Improve the model, or have a named person accept the finding."
        )
    if question.withheld or question.amount is None:
        return f"More {question.unit} are needed for: {question.label}."
    factor = question.data_needed
    if factor > 100:
        return f"No realistic number of {question.unit} would decide it: {question.label} is too close to its limit."
    more = rounded_up(question.amount * (factor - 1))
    unit = question.unit if more > 1 else question.unit[:-1]
    return (
        f"About {more:,} more {unit} (there are {question.amount:,}) would decide it, if the estimate stays where it "
        f"is: {question.label}."
    )


def summed_up(answers: Sequence[Answer]) -> str:
    """Return up to three comparisons in words; of more, the number of each kind and the one most in question."""
    deciding = [answer for answer in answers if answer.decides]
    if len(deciding) <= 3:
        return capital("; ".join(answer.sentence for answer in deciding)) + "."
    counts = {status: sum(answer.status == status for answer in deciding) for status in ("pass", "fail")}
    open_ones = len(deciding) - counts["pass"] - counts["fail"]
    parts = [f"{counts['pass']} of {plural(len(deciding), 'comparison')} keep their limits"]
    parts += [f"{counts['fail']} {'breaks its own' if counts['fail'] == 1 else 'break theirs'}"] * bool(counts["fail"])
    parts += [f"{open_ones} {'is' if open_ones == 1 else 'are'} not certain"] * bool(open_ones)
    extreme = worst(deciding)
    lead = "Closest to its limit" if extreme.status == "pass" else "Most in question"
    return f"{', '.join(parts)}. {lead}: {extreme.sentence}."
