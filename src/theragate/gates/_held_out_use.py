"""TG012: the held-out data have not been looked at too often."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from theragate.gates._conditions import Condition, ReleaseFacts
from theragate.gates._shared_level import ONE_SIDED, chance_of_the_best
from theragate.gates.types import Finding, Severity
from theragate.numbers import number, plural

__all__ = ["HeldOutUse", "chance_words"]


class HeldOutUse(Condition):
    """There were at most a declared number of looks at the held-out data.

    Whoever tries many models, or many limits, on the same patients and keeps what looks best has, in part, fitted
    those patients: the estimate of the last look is too good, and its interval does not know (Dwork et al., Science
    2015;349:636). With ``adjust: bonferroni`` the gates judge intervals at which `most` looks share the 5%.
    """

    code: ClassVar[str] = "TG012"
    name: ClassVar[str] = "held_out_use"
    title: ClassVar[str] = "Held-out data that are still fresh"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = "Against an estimate that looks good because people kept asking until it did."

    most: Annotated[int, Field(ge=1)]
    adjust: Literal["none", "bonferroni"] = "none"

    @model_serializer(mode="wrap")
    def _without_default(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialize(self)
        return {name: value for name, value in content.items() if (name, value) != ("adjust", "none")}

    @property
    def shared_by(self) -> int:
        """Among how many looks the intervals' 5% are shared out."""
        return self.most if self.adjust == "bonferroni" else 1

    def judge(self, facts: ReleaseFacts) -> Finding:
        """Answer `insufficient` where the data are worn, and where nobody has counted."""
        if facts.looks == 0:
            return self.finding(
                "insufficient",
                "The look at the held-out data that led to this verdict is not on record.",
                next_step="Restore the file in `looks/` from git, then run `dvc repro -f` on the stage `gate`.",
            )
        had = f"These held-out data have had {plural(facts.looks, 'look')}"
        chance = chance_words(facts.looks, shared_by=self.shared_by)
        if facts.looks > self.most:
            return self.finding(
                "insufficient",
                f"The estimate is worn. {had}, more than the {self.most} up to which it is trusted. {chance}",
                next_step="Measure the model on patients about whom no verdict has been given yet.",
            )
        return self.finding("pass", f"{had}, of {self.most} at most. {chance}")


def chance_words(looks: int, *, shared_by: int = 1) -> str:
    """Say how often the best of so many looks would pass a limit by chance, and for which models that holds."""
    once = f"{number(100 * ONE_SIDED, 1)}%"
    if 1 < shared_by >= looks:
        level = number(100 * (1 - 2 * ONE_SIDED / shared_by), 2)
        return (
            f"Every interval is judged at {level}%, so that of {shared_by} models exactly at a limit any passes it by "
            f"chance in at most {once} of studies, if none was built from what earlier looks showed."
        )
    if looks == 1:
        return f"A model exactly at a limit passes it by chance in {once} of studies."
    best = chance_of_the_best(looks) if shared_by == 1 else min(1.0, looks * ONE_SIDED / shared_by)
    return (
        f"The best of {looks} models that are all exactly at a limit passes it by chance in up to "
        f"{number(100 * best, 0)}% of studies (one alone: {once}), and more often if one was built from what earlier "
        "looks showed."
    )
