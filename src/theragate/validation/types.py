"""The types of validation: a check's result, a leak, and all results for one cohort."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from theragate.study import Spec

__all__ = ["CheckResult", "Duplicates", "LeakageFinding", "Severity", "Validation"]

Severity = Literal["critical", "warning"]
Share = Annotated[float, Field(ge=0, le=1)]


class CheckResult(Spec):
    """What one expectation of the suite found. It counts and names patients; it never repeats a value.

    ``unexpected`` counts the patients that break the rule and ``unexpected_share`` is their share of those with a
    value; both are None where the rule is about the whole column or table. ``rows`` are the ids of at most 20 of
    them, given only where the check failed. ``note`` says why a rule could not be applied.
    """

    id: str
    type: str
    columns: tuple[str, ...]
    severity: Severity
    passed: bool
    description: str
    reason: str = ""
    unit: str = ""
    unexpected: int | None = None
    unexpected_share: Share | None = None
    rows: tuple[str, ...] = ()
    note: str = ""


class LeakageFinding(Spec):
    """A sign that a feature knows the outcome in a way that no new patient's record could.

    ``estimate`` with its two-sided 95% limits is the ``statistic`` that was found and ``limit`` what it was held
    against; all are None where the check is not about a number, and the limits where it is held against its chance.
    ``batch`` is about no feature, but about the batch that the study declares.
    """

    check: Literal[
        "missingness", "level", "value", "joint", "outcome_time", "copy", "identity", "outcome", "treatment", "batch"
    ]
    feature: str
    severity: Severity
    statistic: str = ""
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    sentence: str


class Duplicates(Spec):
    """Rows that repeat the patient of another under another id: how many, and never which.

    ``rows`` counts the rows that are one too many, ``share`` is theirs of all, ``equal`` counts those of them that are
    equal to another in every column. ``by_chance`` is the number of such pairs expected among different patients.
    ``declared`` is how many such rows the study declares to be different patients. ``pairs`` are the ids of at most 20
    pairs, for those who may see the data.
    """

    rows: Annotated[int, Field(gt=0)]
    equal: Annotated[int, Field(ge=0)]
    share: Share
    by_chance: Annotated[float, Field(ge=0)]
    declared: Annotated[int, Field(ge=0)] = 0
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether no more rows are equal than the study declares."""
        return self.rows <= self.declared


class Validation(Spec):
    """Everything that was found in one cohort, bound by digests to the cohort and the suite's file.

    ``leaks_among`` is how many of the patients were drawn to look for leaks among, by and large; None where all were.
    """

    version: Literal[1] = 1
    study: str
    cohort_sha256: str
    suite_sha256: str
    patients: int
    results: tuple[CheckResult, ...]
    leakage: tuple[LeakageFinding, ...]
    duplicates: Duplicates | None = None
    leaks_among: Annotated[int, Field(gt=0)] | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        return {key: value for key, value in content.items() if key != "leaks_among" or value is not None}

    @property
    def passed(self) -> bool:
        """Whether the study may go on: no critical failure, no critical leak, and no patient twice."""
        return not self.critical and not self.leaks and (self.duplicates is None or self.duplicates.accepted)

    @property
    def critical(self) -> tuple[str, ...]:
        """The ids of the critical expectations that failed, in the suite's order."""
        return tuple(result.id for result in self.results if not result.passed and result.severity == "critical")

    @property
    def warnings(self) -> tuple[str, ...]:
        """The ids of the expectations that failed as a warning, in the suite's order."""
        return tuple(result.id for result in self.results if not result.passed and result.severity == "warning")

    @property
    def leaks(self) -> tuple[str, ...]:
        """The features with a critical leak, each once, in the cohort's order."""
        return tuple(dict.fromkeys(leak.feature for leak in self.leakage if leak.severity == "critical"))

    @property
    def suspected(self) -> tuple[str, ...]:
        """The features that may give the outcome away, and of which a person has to know, in the cohort's order."""
        warned = (leak for leak in self.leakage if leak.severity == "warning" and leak.check != "batch")
        return tuple(feature for feature in dict.fromkeys(leak.feature for leak in warned) if feature not in self.leaks)

    @property
    def confounded(self) -> tuple[str, ...]:
        """The batches with which the outcome or the treatment goes."""
        return tuple(dict.fromkeys(leak.feature for leak in self.leakage if leak.check == "batch"))
