"""Waivers in words, for the card, for MLflow and for the terminal."""

from collections.abc import Iterable, Sequence

from theragate.gates.types import Verdict
from theragate.release.waivers import Standing, Waiver, mismatch
from theragate.reports.verdict import Acceptance

__all__ = ["as_judged", "as_of_today", "in_one_line"]


def as_judged(waivers: Sequence[Waiver], verdict: Verdict) -> tuple[Acceptance, ...]:
    """Return waivers as a card shows them, which knows the verdict and no clock."""
    return _rows((waiver, mismatch(waiver, verdict)) for waiver in waivers)


def as_of_today(standing: Standing) -> tuple[Acceptance, ...]:
    """Return waivers as they count today, in the order of their codes."""
    pairs = [*((waiver, "") for waiver in standing.counting), *standing.others]
    return _rows(sorted(pairs, key=lambda pair: pair[0].code))


def in_one_line(standing: Standing) -> str:
    """Say who accepts what blocks: ``waived by A until 2026-12-31``; empty where not all of it is accepted."""
    if not standing.accepted:
        return ""
    names = ", ".join(dict.fromkeys(waiver.by for waiver in standing.counting))
    return f"waived by {names} until {standing.until}"


def _rows(pairs: Iterable[tuple[Waiver, str]]) -> tuple[Acceptance, ...]:
    return tuple(
        Acceptance(
            finding=f"{waiver.code} {waiver.gate} ({waiver.status})",
            by=waiver.by,
            reason=waiver.reason,
            issued=str(waiver.issued),
            expires=str(waiver.expires),
            why_not=why,
        )
        for waiver, why in pairs
    )
