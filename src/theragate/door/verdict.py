"""The verdict of a study, opened from Python."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from theragate.gates.types import Finding, Verdict
from theragate.project.current_verdict import read_judged
from theragate.project.former_policies import Former, former_policies
from theragate.project.limits_words import limits_words
from theragate.project.readiness import Readiness, assess_readiness
from theragate.project.snapshot import take_snapshot
from theragate.project.waiver_rows import as_of_today
from theragate.reports.verdict import decision_words, verdict_table
from theragate.reports.verdict_html import verdict_html
from theragate.runner.workspace import Workspace
from theragate.settings import read_settings

if TYPE_CHECKING:  # tables are made when somebody asks for one
    import pandas as pd

__all__ = ["OpenVerdict", "read_verdict"]


@dataclass(frozen=True, repr=False)
class OpenVerdict:
    """A verdict that follows from the files as they were when it was read.

    Parameters
    ----------
    judged
        What the gates say.
    readiness
        Waivers and release conditions at that moment.
    former
        Under which other policies the same held-out data were judged.
    """

    judged: Verdict
    readiness: Readiness
    former: Former

    @property
    def study(self) -> str:
        """The study's name."""
        return self.judged.study

    @property
    def decision(self) -> Literal["PASS", "NOT_PERSONALISED", "BLOCKED"]:
        """What the gates decide together."""
        return self.judged.decision

    @property
    def passed(self) -> bool:
        """Whether every gate passes or does not apply; waivers do not change that."""
        return self.decision == "PASS"

    @property
    def accepted(self) -> bool:
        """Whether people accept all that blocks, by waivers that count today."""
        return self.readiness.waivers.accepted

    @property
    def looks(self) -> int:
        """How many looks at the held-out data are on record; 0 where that of this verdict is not."""
        return self.readiness.looks

    @property
    def sentence(self) -> str:
        """The decision, and why it is what it is."""
        return f"{self.decision}: {decision_words(self.judged)}"

    @property
    def changed_limits(self) -> tuple[str, ...]:
        """What has to be known of limits that were changed after a result was seen, a sentence each; empty if none."""
        return tuple(limits_words(self.former))

    @property
    def findings(self) -> "pd.DataFrame":
        """One row per gate, with its answer.

        Columns: ``code``, ``gate``, ``title``, ``status``, ``severity``, ``protects``, ``reason``, ``summary``,
        ``next_step``, ``waivable``.
        """
        return _findings(self.judged.findings)

    @property
    def blocking(self) -> "pd.DataFrame":
        """The rows of `findings` that block."""
        return _findings(self.judged.blocking)

    @property
    def conditions(self) -> "pd.DataFrame":
        """The release conditions in the form of `findings`, as of the moment in which the verdict was read."""
        return _findings(self.readiness.conditions)

    @property
    def comparisons(self) -> "pd.DataFrame":
        """Every estimate that was held against a limit, a row each.

        Columns: ``code``, ``gate``, ``subject`` (``overall``, a group or a contrast), ``metric``, ``value``, ``lower``,
        ``upper``, ``limit`` in words, ``status``, ``decides`` (whether it does, or is listed only) and ``note``.
        """
        import pandas as pd

        from theragate.gates.types import Judged

        rows = [
            {"code": finding.code, "gate": finding.gate, **comparison.model_dump()}
            for finding in self.judged.findings
            for comparison in finding.comparisons
        ]
        return pd.DataFrame(rows, columns=["code", "gate", *Judged.model_fields])

    @property
    def markdown(self) -> str:
        """The verdict as MLflow shows it."""
        state = self.readiness
        return verdict_table(
            self.judged, waivers=as_of_today(state.waivers), conditions=state.conditions, looks=state.looks
        )

    @property
    def html(self) -> str:
        """The verdict as a notebook shows it: a piece of HTML that stands alone."""
        state = self.readiness
        return verdict_html(
            self.judged,
            waivers=as_of_today(state.waivers),
            conditions=state.conditions,
            looks=state.looks,
            notes=self.changed_limits,
        )

    def __repr__(self) -> str:
        return f"{self.study}: {self.sentence}"

    def _repr_html_(self) -> str:
        return self.html


def read_verdict(workspace: Workspace) -> OpenVerdict:
    """Judge a study again from its files, and ask git, the environment and the calendar what else is so now.

    Raises
    ------
    DataError, EvidenceError, ConfigurationError
        As `theragate.project.current_verdict.read_judged` does.
    """
    judged = read_judged(workspace)
    settings = read_settings(os.environ, workspace.root)
    readiness = assess_readiness(judged, settings, take_snapshot(workspace.root, os.environ))
    former = former_policies(workspace.root, settings, judged.policy, judged.verdict)
    return OpenVerdict(judged.verdict, readiness, former)


def _findings(findings: Iterable[Finding]) -> "pd.DataFrame":
    import pandas as pd

    columns = [name for name in Finding.model_fields if name not in ("comparisons", "warnings")]
    order = ["code", "gate", "title", "status"]
    columns = [*order, *(name for name in columns if name not in order)]
    return pd.DataFrame([finding.model_dump(include=set(columns)) for finding in findings], columns=columns)
