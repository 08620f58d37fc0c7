"""What is published about a study: the parsed files of its stages, and the digest that names them all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from theragate.cohorts.provenance import Provenance
from theragate.digests import sha256_file, sha256_json, sha256_tree
from theragate.errors import DataError, EvidenceError
from theragate.evidence.published import SMALLEST_CELL
from theragate.evidence.types import Evidence
from theragate.gates.types import Verdict
from theragate.learning.record import TrainingRecord
from theragate.study import Study

__all__ = ["Bundle"]


@dataclass(frozen=True)
class Bundle:
    """The files of one study, ready for MLflow.

    Parameters
    ----------
    study, verdict, record, provenance
        The study's specification and the content of ``verdict.json``, ``record.json`` and ``provenance.json``.
    evidence
        The *published* evidence, in which small cells are suppressed.
    estimator
        The directory with the released model, as learning saved it.
    artifacts
        Path within the run (``figures/roc.png``) to local file. An ``evidence.json`` among them is the published one.
    description
        The verdict as Markdown; becomes the text of the run and of the version.
    commit, dirty
        The git commit of the project, None outside a repository; whether files differ from it.
    reproduce
        The command that reproduces all of this; empty where no commit contains everything that it was made from.
    experiment, baseline
        The name and the baseline revision of the DVC experiment, None outside one.
    waivers
        Every waiver of the study, each in one line.
    waived_by, waived_until
        Who accepts every blocking finding, in words, and until which day; empty and None where one is not accepted.
    conditions
        The result of each release condition, by name.
    looks
        How often the held-out data have been used for a decision.

    Raises
    ------
    DataError
        If a file is missing, or the files do not belong together.
    EvidenceError
        If the evidence is not the published one.
    """

    study: Study
    evidence: Evidence
    verdict: Verdict
    record: TrainingRecord
    provenance: Provenance
    estimator: Path
    artifacts: Mapping[str, Path]
    description: str
    commit: str | None
    dirty: bool
    reproduce: str
    experiment: str | None = None
    baseline: str | None = None
    waivers: tuple[str, ...] = ()
    waived_by: str = ""
    waived_until: date | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    looks: int = 0

    def __post_init__(self) -> None:
        absent = sorted(name for name, path in self.artifacts.items() if not path.is_file())
        if absent:
            raise self._inconsistent(f"no file for {', '.join(absent)}")
        if {self.evidence.study, self.verdict.study, self.record.study} != {self.study.name}:
            named = (self.evidence.study, self.verdict.study, self.record.study)
            raise self._inconsistent("evidence of `{}`, a verdict of `{}`, a record of `{}`".format(*named))
        for part in ("cohort", "predictions", "model"):
            judged = getattr(self.verdict, f"{part}_sha256")
            measured = self.evidence.cohort.sha256 if part == "cohort" else getattr(self.evidence, f"{part}_sha256")
            if judged != measured:
                raise self._inconsistent(f"a verdict with {part} {judged[:12]}, evidence with {part} {measured[:12]}")
        if self.verdict.model_sha256 != self.model_sha256:
            judged, stored = self.verdict.model_sha256[:12], self.model_sha256[:12]
            raise self._inconsistent(f"a verdict with model {judged}, an estimator with {stored}")
        self._check_published()

    @property
    def may_be_candidate(self) -> bool:
        """Whether nothing blocks, or every blocking finding is accepted by name."""
        return self.verdict.decision == "PASS" or self.waived_until is not None

    @cached_property
    def model_sha256(self) -> str:
        """The digest of the estimator's directory."""
        return sha256_tree(self.estimator)

    @cached_property
    def requirements(self) -> tuple[str, ...]:
        """What loads the model, each as ``name==version``."""
        own = {name: version(name) for name in ("mlflow", "theragate")}
        libraries = {name: value for name, value in self.record.versions.items() if name != "python"}
        return tuple(f"{name}=={value}" for name, value in sorted((libraries | own).items()))

    @cached_property
    def key(self) -> str:
        """The SHA-256 that names this bundle: the same files have the same key wherever they are published."""
        return sha256_json(
            {
                "requirements": list(self.requirements),
                "artifacts": {name: sha256_file(path) for name, path in self.artifacts.items()},
                "estimator": self.model_sha256,
                "record": sha256_json(self.record.model_dump(mode="json")),
                "verdict": sha256_json(self.verdict.model_dump(mode="json")),
            }
        )

    def _check_published(self) -> None:
        """Refuse evidence with small cells: more people read MLflow than the data."""
        for group in self.evidence.groups:
            cells = [cell for cell in (group.n, group.events, group.non_events) if cell is not None]
            if any(cell < SMALLEST_CELL for cell in cells) and not self.evidence.cohort.simulated:
                raise self._unpublished(f"a group with a cell under {SMALLEST_CELL} patients")
        path = self.artifacts.get("evidence.json")
        if path is not None and Evidence.model_validate_json(path.read_bytes()) != self.evidence:
            raise self._unpublished("an artifact `evidence.json` that differs from the published evidence")

    def _inconsistent(self, received: str) -> DataError:
        return DataError(
            f"study `{self.study.name}`",
            rule="the files to publish are complete and belong together",
            received=received,
            remedy=f"Run `dvc repro register@{self.study.name}`.",
        )

    def _unpublished(self, received: str) -> EvidenceError:
        return EvidenceError(
            f"study `{self.study.name}`",
            rule="only evidence whose small cells are suppressed goes to MLflow",
            received=received,
            remedy="Pass it through `theragate.evidence.published.publish` first.",
        )
