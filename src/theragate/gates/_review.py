"""TG000: what only a person can say has been said by a person."""

from theragate.gates._base import Declared
from theragate.gates.types import REVIEW, Finding
from theragate.gates.words import listing
from theragate.numbers import plural

__all__ = ["review"]

SHOWN = 6


def review(declared: Declared) -> tuple[Finding, ...]:
    """Return a finding that blocks, where texts of the study still have the mark of a draft; none otherwise.

    It is no gate and never a pass: that a mark is gone proves that somebody has removed it, and nothing more.
    """
    keys = declared.unreviewed
    if not keys:
        return ()
    shown = [f"`{key}`" for key in keys[:SHOWN]]
    more = [plural(len(keys) - SHOWN, "other")] if len(keys) > SHOWN else []
    return (
        Finding(
            code=REVIEW,
            gate="review",
            title="A declaration that a person has reviewed",
            severity="critical",
            protects="Against a model whose use and limits nobody has thought about.",
            reason="A draft knows the data, but neither the patients nor what the model is for.",
            status="insufficient",
            summary=f"UNREVIEWED: {plural(len(keys), 'text')} of the study in params.yaml still begin with REVIEW: "
            f"{listing([*shown, *more])}.",
            next_step="Write or confirm each of them together with a clinician, remove the mark, and run `dvc repro`.",
            waivable=False,
        ),
    )
