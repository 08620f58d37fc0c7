"""Which version is in service: a fold over the events of the ledger, and kept nowhere else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from theragate.release.ledger import Event, Row

__all__ = ["Approval", "LedgerState", "StudyState", "fold"]


@dataclass(frozen=True)
class Approval:
    """One person's approval of one statement."""

    version: str
    actor: str
    identity: str


@dataclass(frozen=True)
class StudyState:
    """The release state of one study, as its events have left it.

    Parameters
    ----------
    champion
        The event that put the present champion into service; None where there is no champion.
    past
        The events of its predecessors, the latest first. A champion that was rolled back from is not among them, so
        that a second rollback goes further back.
    revoked, revoked_models
        The versions that are never champion again, and the digests of their estimators, whatever their number.
    approvals
        The approvals of each statement, by its digest, that no promotion has used up. An approval is of one promotion:
        it is gone as soon as its statement comes into service or leaves it, whichever way.
    """

    champion: Event | None = None
    past: tuple[Event, ...] = ()
    revoked: frozenset[str] = frozenset()
    revoked_models: frozenset[str] = frozenset()
    approvals: Mapping[str, tuple[Approval, ...]] = field(default_factory=dict)

    @property
    def rollback_target(self) -> Event | None:
        """The latest predecessor of the champion that is not revoked; after a withdrawal, the withdrawn version."""
        current = None if self.champion is None else self.champion.version
        return next((event for event in self.past if not self.is_revoked(event) and event.version != current), None)

    @property
    def incumbent(self) -> Event | None:
        """The version that a challenger is compared with: the champion, or else the latest one that is not revoked."""
        return self.champion or self.rollback_target

    def after(self, event: Event) -> "StudyState":
        """Return the state after `event`, of this study."""
        if event.kind == "approve":
            approval = Approval(version=event.version, actor=event.actor, identity=event.identity)
            others = self.approvals.get(event.statement_sha256, ())
            return replace(self, approvals={**self.approvals, event.statement_sha256: (*others, approval)})
        return self._spending(event)._moved(event)

    def _spending(self, event: Event) -> "StudyState":
        """Drop the approvals of what comes into service, or leaves it, by `event`."""
        moving = {event.statement_sha256} | ({self.champion.statement_sha256} if self.champion else set())
        kept = {sha256: given for sha256, given in self.approvals.items() if sha256 not in moving}
        return replace(self, approvals=kept)

    def _moved(self, event: Event) -> "StudyState":
        if event.kind == "promote":
            return replace(self, champion=event, past=self._retired())
        if event.kind == "rollback":
            versions = [former.version for former in self.past]
            older = versions.index(event.version) + 1 if event.version in versions else len(versions)
            return replace(self, champion=event, past=self.past[older:])
        if event.kind == "withdraw":
            return replace(self, champion=None, past=self._retired())
        revoking = replace(
            self,
            revoked=self.revoked | {event.version},
            revoked_models=self.revoked_models | {event.model_sha256},
        )
        if self.champion is not None and revoking.is_revoked(self.champion):
            return replace(revoking, champion=None, past=self._retired())
        return revoking

    def is_revoked(self, event: Event) -> bool:
        """Return whether the version of `event`, or another version with the same estimator, was revoked."""
        return event.version in self.revoked or event.model_sha256 in self.revoked_models

    def _retired(self) -> tuple[Event, ...]:
        return self.past if self.champion is None else (self.champion, *self.past)


@dataclass(frozen=True)
class LedgerState:
    """The release state of every study, and the first and the last row of the ledger that it rests on."""

    studies: Mapping[str, StudyState] = field(default_factory=dict)
    head: Row | None = None
    first: Row | None = None

    def of(self, study: str) -> StudyState:
        """Return the state of one study; empty where the ledger has no event about it."""
        return self.studies.get(study, StudyState())

    def after(self, row: Row) -> "LedgerState":
        """Return the state after one more row."""
        study = row.event.study
        return LedgerState({**self.studies, study: self.of(study).after(row.event)}, head=row, first=self.first or row)


def fold(rows: Iterable[Row], *, start: LedgerState | None = None) -> LedgerState:
    """Return the state after `rows`, which are verified and in order, starting from the state `start`."""
    state = start or LedgerState()
    for row in rows:
        state = state.after(row)
    return state
