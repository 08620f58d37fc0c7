"""What is true of the whole project when a command runs; only here, and for MLflow's times, the clock is read."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from theragate.project.environment import Environment, read_environment
from theragate.project.git import CodeState, read_code_state

__all__ = ["Snapshot", "take_snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """The commit, the installed environment, and the time in milliseconds since 1970."""

    code: CodeState
    environment: Environment
    now: int

    @property
    def today(self) -> date:
        """The day in UTC, so that a laptop and a CI job agree on whether a waiver has expired."""
        return datetime.fromtimestamp(self.now / 1000, UTC).date()


def take_snapshot(root: Path, environ: Mapping[str, str]) -> Snapshot:
    """Ask git, the environment and the clock, once for all studies."""
    return Snapshot(
        code=read_code_state(root, environ),
        environment=read_environment(root / "requirements.lock"),
        now=time.time_ns() // 1_000_000,
    )
