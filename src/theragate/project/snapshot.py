"""The moment in which a command runs: the only place, with MLflow's times, in which git and the clock are asked."""

import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from theragate.project.environment import Environment, read_environment
from theragate.project.git import CodeState, read_code_state

__all__ = ["Moment", "present"]


@dataclass(frozen=True)
class Moment:
    """What is true of the whole project now: commit, environment, and the time in milliseconds since 1970."""

    code: CodeState
    environment: Environment
    now: int

    @property
    def today(self) -> date:
        """The day in UTC, so that a laptop and a CI job agree on whether a waiver has expired."""
        return datetime.fromtimestamp(self.now / 1000, UTC).date()


def present(root: Path) -> Moment:
    """Ask git, the environment and the clock, once for all studies."""
    return Moment(
        code=read_code_state(root, os.environ),
        environment=read_environment(root / "requirements.lock"),
        now=time.time_ns() // 1_000_000,
    )
