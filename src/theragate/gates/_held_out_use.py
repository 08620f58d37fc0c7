"""TG012: the held-out data have not decided too often."""

from typing import Annotated, ClassVar

from pydantic import Field

from theragate.gates._conditions import Condition, ReleaseFacts
from theragate.gates.types import Finding, Severity
from theragate.gates.words import plural

__all__ = ["HeldOutUse"]


class HeldOutUse(Condition):
    """The held-out data have decided at most a declared number of times.

    Whoever tries many models, or many limits, on the same patients and keeps what looks best has, in part, fitted
    those patients: the estimate of the last look is too good, and its interval does not know (Dwork et al., Science
    2015;349:636).
    """

    code: ClassVar[str] = "TG012"
    name: ClassVar[str] = "held_out_use"
    title: ClassVar[str] = "Held-out data that are still fresh"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = "Against an estimate that looks good because people kept asking until it did."

    most: Annotated[int, Field(ge=1)]

    def judge(self, facts: ReleaseFacts) -> Finding:
        """Answer `insufficient` where the data are worn, and where nobody has counted."""
        if facts.looks == 0:
            return self.finding(
                "insufficient",
                "No look at these held-out data is on record, although there is a verdict about them.",
                next_step="Restore the file in `looks/` from git, then run `dvc repro -f` on the stage `gate`.",
            )
        if facts.looks > self.most:
            return self.finding(
                "insufficient",
                f"The estimate is worn: these held-out data have decided {plural(facts.looks, 'time')}, more than the "
                f"{self.most} up to which it is trusted.",
                next_step="Measure the model on patients about whom no verdict has been given yet.",
            )
        return self.finding(
            "pass", f"These held-out data have decided {plural(facts.looks, 'time')}, of {self.most} at most."
        )
