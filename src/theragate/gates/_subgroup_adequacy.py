"""TG007: each judged group has patients enough for fairness to be judged at all."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from theragate.evidence.types import Evidence, GroupEvidence
from theragate.gates._base import Gate
from theragate.gates._groups import MISSING, lacking_groups, withheld_groups
from theragate.gates.types import Finding, Judged
from theragate.gates.words import capital, group_words, listing

__all__ = ["SubgroupAdequacy"]

KINDS = {"events": "with the event", "non_events": "without the event", "patients": "patients"}

Count = Annotated[int, Field(ge=1)]


class SubgroupAdequacy(Gate):
    """A least number of events and of patients without the event, or of patients, in each judged group."""

    code: ClassVar[str] = "TG007"
    name: ClassVar[str] = "subgroup_adequacy"
    title: ClassVar[str] = "Enough patients in each group"
    protects: ClassVar[str] = "Against calling a model fair to a group of which hardly anybody was in the cohort."
    after_fail: ClassVar[str] = ""

    events: Count | None = None
    non_events: Count | None = None
    patients: Count | None = None

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        wanted = {"patients"} if self.declared.task == "regression" else {"events", "non_events"}
        given = {key for key in ("events", "non_events", "patients") if getattr(self, key) is not None}
        if given != wanted:
            names = " and ".join(f"`{name}`" for name in sorted(wanted))
            raise ValueError(f"a {self.declared.task} study gives {names}, and no other number")
        return self

    @property
    def needed(self) -> dict[str, int]:
        """How many of what each judged group has to have."""
        wanted = {"events": self.events, "non_events": self.non_events, "patients": self.patients}
        return {kind: number for kind, number in wanted.items() if number is not None}

    def judge(self, evidence: Evidence) -> Finding:
        """Count. A count is exact, so that there is nothing to estimate, and too few patients harm nobody: no fail."""
        judged = [name for name, attribute in self.declared.attributes.items() if attribute.judged]
        if not judged:
            return self.finding(
                "not_applicable", "No group is declared as judged, so there is none to count; the fairness gate blocks."
            )
        hidden = withheld_groups(evidence)
        rows = [
            self._row(group, kind, decides=group.attribute in judged and group.label != MISSING, hidden=hidden)
            for group in evidence.groups
            for kind in self.needed
        ]
        rows += [
            Judged(subject=attribute, metric=kind, value=None, lower=None, upper=None, status="insufficient",
                   limit=f"at least {self.needed[kind]:,}", note=why)
            for attribute, why in lacking_groups(self.declared.attributes, evidence).items()
            for kind in self.needed
        ]  # fmt: skip
        return self._concluded(rows)

    def _row(self, group: GroupEvidence, kind: str, *, decides: bool, hidden: frozenset[str]) -> Judged:
        count = {"events": group.events, "non_events": group.non_events, "patients": group.n}[kind]
        enough = count is not None and count >= self.needed[kind]
        note = "withheld, since a group of this attribute has few patients" if group.key in hidden else ""
        shown = None if count is None or group.key in hidden else float(count)
        return Judged(
            subject=group.key, metric=kind, value=shown, lower=shown, upper=shown, decides=decides, note=note,
            limit=f"at least {self.needed[kind]:,}", status="pass" if enough else "insufficient",
        )  # fmt: skip

    def _concluded(self, rows: list[Judged]) -> Finding:
        short = [row for row in rows if row.decides and row.status != "pass"]
        required = listing([f"{number:,} {KINDS[kind]}" for kind, number in self.needed.items()])
        if not short and any(row.decides for row in rows):
            return self.finding("pass", f"Every judged group has at least {required}.", comparisons=rows)
        lacks = [self._lack(row) for row in short]
        summary = f"{listing(lacks)} (required: {required})." if lacks else "No judged group was measured."
        return self.finding(
            "insufficient",
            capital(summary),
            next_step="Collect more patients of these groups before anything is concluded about them.",
            comparisons=rows,
        )

    def _lack(self, row: Judged) -> str:
        name, _, label = row.subject.partition("=")
        if not label:
            return f"{name.replace('_', ' ')}: {row.note}"
        words = group_words(name, label)
        if row.value is None:
            return f"{words} has too few {KINDS[row.metric]}"
        missing = self.needed[row.metric] - int(row.value)
        return f"{words} lacks {missing:,} {KINDS[row.metric]} (it has {int(row.value):,})"
