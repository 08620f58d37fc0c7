"""What may have changed since the verdict: the facts that conditions judge, and the waivers that count today."""

from dataclasses import dataclass

from theragate.gates import ReleaseFacts, conditions, read_policy
from theragate.gates.types import Finding, Verdict
from theragate.project.dvc_lock import unlocked
from theragate.project.snapshot import Moment
from theragate.release.looks import count, ledger
from theragate.release.waivers import Standing, read_waivers, standing
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import load_study

__all__ = ["ReleaseState", "release_state"]


@dataclass(frozen=True)
class ReleaseState:
    """What waivers and release conditions say today about a verdict that is current."""

    waivers: Standing
    conditions: tuple[Finding, ...]
    looks: int


def release_state(workspace: Workspace, settings: Settings, verdict: Verdict, moment: Moment) -> ReleaseState:
    """Judge waivers and release conditions for a verdict that is current; cheap, so that it can be asked at every turn.

    Raises
    ------
    ConfigurationError
        If the file of waivers is of another form.
    DataError
        If the ledger of looks is damaged.
    """
    code, environment = moment.code, moment.environment
    facts = ReleaseFacts(
        commit=code.commit,
        clean=not code.dirty,
        unlocked=unlocked(workspace.root, workspace.study),
        environment_sha256=environment.sha256,
        missing=environment.missing,
        others=environment.others,
        looks=count(ledger(settings, workspace.study), verdict.cohort_sha256),
    )
    waivers = read_waivers(workspace.decided("waivers.json"), workspace.study)
    return ReleaseState(
        waivers=standing(waivers, verdict, moment.today),
        conditions=conditions(facts, read_policy(load_study(workspace.params, workspace.study))),
        looks=facts.looks,
    )
