"""What may have changed since the verdict: the facts that conditions judge, and the waivers that count today."""

from dataclasses import dataclass

from theragate.gates import ReleaseFacts, conditions
from theragate.gates.types import Finding
from theragate.project.documents import JudgedStudy
from theragate.project.dvc_lock import unlocked
from theragate.project.looks_on_record import number_of_looks
from theragate.project.snapshot import Snapshot
from theragate.release.waivers import Standing, standing
from theragate.settings import Settings

__all__ = ["Readiness", "assess_readiness"]


@dataclass(frozen=True)
class Readiness:
    """What waivers and release conditions say today about a verdict that is current."""

    waivers: Standing
    conditions: tuple[Finding, ...]
    looks: int


def assess_readiness(judged: JudgedStudy, settings: Settings, snapshot: Snapshot) -> Readiness:
    """Judge waivers and release conditions of a current verdict as of `snapshot`; cheap enough to ask at any time.

    Raises
    ------
    DataError
        If the ledger of looks is damaged.
    """
    code, environment, workspace = snapshot.code, snapshot.environment, judged.workspace
    facts = ReleaseFacts(
        commit=code.commit,
        clean=not code.dirty,
        unlocked=unlocked(workspace.root, workspace.study),
        environment_sha256=environment.sha256,
        missing=environment.missing,
        others=environment.others,
        looks=number_of_looks(settings, judged.verdict),
    )
    return Readiness(
        waivers=standing(judged.waivers, judged.verdict, snapshot.today),
        conditions=conditions(facts, judged.policy),
        looks=facts.looks,
    )
