"""Who is in service: a fold over the ledger's events. Nothing else remembers it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from theragate.release.ledger import Event, Row

__all__ = ["Approval", "ReleaseState", "StudyState", "fold"]


@dataclass(frozen=True)
class Approval:
    """One person's approval of one statement."""

    version: str
    actor: str
    identity: str


@dataclass(frozen=True)
class StudyState:
    """What the events of one study have led to.

    Parameters
    ----------
    champion
        The event that put the present champion into service; None where there is none.
    past
        Those of its predecessors, the last one first. A champion that was rolled back is not among them: a rollback
        goes one step back and never forth.
    revoked, revoked_models
        The versions that may not be champion again, and the digests of their estimators, under whatever number.
    approvals
        Who has approved, by statement.
    """

    champion: Event | None = None
    past: tuple[Event, ...] = ()
    revoked: frozenset[str] = frozenset()
    revoked_models: frozenset[str] = frozenset()
    approvals: Mapping[str, tuple[Approval, ...]] = field(default_factory=dict)

    @property
    def rollback_target(self) -> Event | None:
        """The last champion before the present one that is not revoked; after a withdrawal the withdrawn one."""
        current = None if self.champion is None else self.champion.version
        return next((event for event in self.past if not self.is_revoked(event) and event.version != current), None)

    @property
    def incumbent(self) -> Event | None:
        """Whom a challenger has to be compared with: the champion, or without one the last that is not revoked."""
        return self.champion or self.rollback_target

    def after(self, event: Event) -> "StudyState":
        """Return the state after `event`, of this study."""
        if event.kind == "approve":
            approval = Approval(version=event.version, actor=event.actor, identity=event.identity)
            others = self.approvals.get(event.statement_sha256, ())
            return replace(self, approvals={**self.approvals, event.statement_sha256: (*others, approval)})
        if event.kind == "promote":
            return replace(self, champion=event, past=self._retired())
        if event.kind == "rollback":
            place = next(
                (index for index, former in enumerate(self.past) if former.version == event.version), len(self.past)
            )
            return replace(self, champion=event, past=self.past[place + 1 :])
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
        """Return whether the version of `event`, or another one with the same estimator, was revoked."""
        return event.version in self.revoked or event.model_sha256 in self.revoked_models

    def _retired(self) -> tuple[Event, ...]:
        return self.past if self.champion is None else (self.champion, *self.past)


@dataclass(frozen=True)
class ReleaseState:
    """The state of every study, and the last row that it rests on."""

    studies: Mapping[str, StudyState] = field(default_factory=dict)
    head: Row | None = None

    def of(self, study: str) -> StudyState:
        """Return the state of one study; the empty one where nothing has happened."""
        return self.studies.get(study, StudyState())

    def after(self, row: Row) -> "ReleaseState":
        """Return the state after one more row."""
        study = row.event.study
        return ReleaseState({**self.studies, study: self.of(study).after(row.event)}, head=row)


def fold(rows: Iterable[Row], *, start: ReleaseState | None = None) -> ReleaseState:
    """Return what `rows`, verified and in their order, have led to, from the state `start` on."""
    state = start or ReleaseState()
    for row in rows:
        state = state.after(row)
    return state
