"""TG010: no worse than the model in use."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.types import ChampionEvidence, Estimate, Evidence
from theragate.gates._base import Gate, amount_of, one_of
from theragate.gates._judging import NOT_MEASURED, Limit, Question, answer_all
from theragate.gates.types import Finding, Severity
from theragate.gates.words import title
from theragate.study import TASKS

__all__ = ["NonInferiority"]

DIGITS = 12  # of a digest: enough to tell models apart


class NonInferiority(Gate):
    """A margin against the champion, on patients that neither model learned from."""

    code: ClassVar[str] = "TG010"
    name: ClassVar[str] = "non_inferiority"
    title: ClassVar[str] = "No worse than the model in use"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = "Against replacing the model in use with a newer one that tells patients apart less well."
    after_fail: ClassVar[str] = "Keep the model in use."

    metric: str
    margin: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        one_of(TASKS[self.declared.task].compared[:1], self.metric, self.declared.task)
        return self

    def judge(self, evidence: Evidence) -> Finding:
        """Ask for the paired difference from the champion; not applicable where nothing is in use yet."""
        champion = evidence.champion
        if champion is None:
            return self.finding("not_applicable", "First release: there is no champion to compare with.")
        amount, unit = amount_of(evidence)
        question = Question(
            subject="overall - champion",
            metric=self.metric,
            label=f"the difference in {title(self.metric)} from {_named(champion)}",
            estimate=self._difference(champion),
            limit=Limit(low=-self.margin, strict=True),
            amount=amount,
            unit=unit,
            difference=True,
            exact=True,
        )
        finding = self.conclude(answer_all([question], {}))
        how = (
            "Both were tested on the same patients of the cohort that the champion was released on."
            if champion.same_cohort
            else "The cohort has changed since the champion's release, so its recipe was run again on the new one."
        )
        return finding if champion.why else finding.model_copy(update={"summary": f"{finding.summary} {how}"})

    def _difference(self, champion: ChampionEvidence) -> Estimate:
        if champion.why:
            return Estimate.absent(f"the champion could not be run: {champion.why.rstrip('.')}")
        return next((item.difference for item in champion.comparisons if item.metric == self.metric), NOT_MEASURED)


def _named(champion: ChampionEvidence) -> str:
    return f"the champion ({champion.family}, model {champion.model_sha256[:DIGITS]})"
