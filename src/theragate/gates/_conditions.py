"""What every release condition is: a rule about the state of the project, which no file of a pipeline can hold."""

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from theragate.gates._finding import finding_of
from theragate.gates.types import Finding, Severity, Status
from theragate.study import Sentence, Spec

__all__ = ["Condition", "ReleaseFacts"]


class ReleaseFacts(Spec):
    """What is known of the project at the moment in which a model is to be registered or released.

    ``commit`` is None outside a git repository, ``clean`` says whether every file is in it. ``unlocked`` names what
    differs from ``dvc.lock``, ``missing`` and ``others`` the packages that ``requirements.lock`` names and that are
    not installed, or in another version. ``looks`` counts how often the held-out data have decided something.
    """

    commit: str | None
    clean: bool
    unlocked: tuple[str, ...]
    environment_sha256: str
    missing: tuple[str, ...]
    others: tuple[str, ...]
    looks: Annotated[int, Field(ge=0)]

    @property
    def lock_agrees(self) -> bool:
        """Whether ``dvc.lock`` names the study's files as they are."""
        return not self.unlocked

    @property
    def environment_agrees(self) -> bool:
        """Whether the packages of ``requirements.lock`` are installed, in its versions."""
        return not self.missing and not self.others


class Condition(Spec):
    """A rule that a release has to meet besides its gates.

    Evidence is a file and is judged by gates, once. What may change from one moment to the next is a fact, and is
    judged by conditions, each time that somebody asks. Subclasses add their limits as fields, as they stand under
    ``gates`` in ``params.yaml``, and answer one question in `judge`. They see the facts alone and never raise.
    """

    model_config = ConfigDict(strict=True)

    code: ClassVar[str]
    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    protects: ClassVar[str]
    waivable: ClassVar[bool] = True

    reason: Sentence

    @abstractmethod
    def judge(self, facts: ReleaseFacts) -> Finding:
        """Return this condition's answer to `facts`."""

    def finding(self, status: Status, summary: str, *, next_step: str = "") -> Finding:
        """Return a finding under this condition's name and reason."""
        return finding_of(type(self), status, summary, reason=self.reason, next_step=next_step)
