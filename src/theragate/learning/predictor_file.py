"""What ``predictor.json`` says, and the names of the files beside it."""

import operator
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from theragate.learning.families import ESTIMATORS, FAMILIES
from theragate.learning.family import Stored
from theragate.study import TASKS, Spec, TaskName, unfit

__all__ = [
    "BOOSTER",
    "CAUSAL_FOREST",
    "DESIGN",
    "FILES",
    "PERSONAL",
    "PREDICTOR",
    "SURVIVAL_FOREST",
    "Column",
    "Linear",
    "PredictorFile",
]

PREDICTOR, DESIGN, PERSONAL = "predictor.json", "design.skops", "personal.json"
BOOSTER, SURVIVAL_FOREST, CAUSAL_FOREST = "booster.ubj", "forest.npz", "causal_forest.npz"

FILES: Final = {
    "coefficients": {DESIGN},
    "booster": {DESIGN, BOOSTER},
    "forest": {DESIGN, SURVIVAL_FOREST},
    "causal_forest": {DESIGN, CAUSAL_FOREST},
}
"""The files of a model, by what its family is stored as."""

# By what a task says of horizons, whether a model may have one.
_HORIZONS: Final = {"never": (False,), "always": (True,), "as_measured": (False, True)}


class Column(Spec):
    """One input of the predictor."""

    name: str
    type: Literal["number", "text"]


class Linear(Spec):
    """The coefficients of a linear model, one per column of the design."""

    names: tuple[str, ...] = Field(description="the columns of the design")
    coefficients: tuple[float, ...]
    intercept: float

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        if len(self.names) != len(self.coefficients):
            raise unfit("it has one coefficient per column", f"{len(self.coefficients)} for {len(self.names)}")
        return self


class PredictorFile(Spec):
    """The content of ``predictor.json``, and what has to agree in it."""

    version: Literal[1] = 1
    task: TaskName
    family: str
    inputs: Annotated[tuple[Column, ...], Field(min_length=1)]
    horizon: Annotated[float, Field(gt=0)] | None
    response: Literal["probability", "quantity", "risk", "effect"]
    hazard: Annotated[float, Field(ge=0)]
    linear: Linear | None
    scale: float = Field(default=1.0, description="what turns the sum of boosted trees into the score")
    files: dict[str, str] = Field(description="the other files and their SHA-256")
    extension: str | None = Field(
        default=None, exclude_if=operator.not_, description="the package whose family it is, with its version"
    )
    stored: Stored | None = Field(
        default=None, exclude_if=operator.not_, description="what the model of such a family is made of"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        task = TASKS[self.task]
        if self.response != task.response:
            raise unfit(f"the response of a {self.task} model is `{task.response}`", f"`{self.response}`")
        if (self.horizon is not None) not in _HORIZONS[task.horizon]:
            raise unfit("the horizon is that of the task", "none" if self.horizon is None else f"{self.horizon:g}")
        stored = self._made_of()
        if (self.linear is None) != (stored != "coefficients"):
            received = "no coefficients" if self.linear is None else f"{len(self.linear.names)} coefficients"
            raise unfit("a linear family has coefficients, and trees have none", received)
        if set(self.files) - {PERSONAL} != FILES[stored]:
            files = ", ".join(sorted(self.files)) or "none"
            raise unfit(f"the files of the family are {', '.join(sorted(FILES[stored]))}", files)
        return self

    def _made_of(self) -> str:
        """Return what the model is made of: as its family says, or, of another's family, the file itself."""
        families = FAMILIES[self.task]
        if self.extension is None and self.family not in families:
            raise unfit(f"a family of the task is one of {', '.join(families)}", f"`{self.family}`")
        if (self.extension is None) != (self.stored is None) or (self.extension and self.family in ESTIMATORS):
            raise unfit("what is `stored` is said of a family of an extension, and of no other", f"`{self.family}`")
        return self.stored or families[self.family].stored
