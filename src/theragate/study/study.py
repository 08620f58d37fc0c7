"""The studies of ``params.yaml`` as frozen, strict specifications: what is unknown or of a wrong type is refused."""

import operator
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from theragate.errors import ConfigurationError, did_you_mean, some_of
from theragate.extensions import NAMED, Extension, use
from theragate.study.added_sources import OUR_KINDS, AnySource, is_ours, source_kinds
from theragate.study.declarations import (
    CLUSTER,
    Batch,
    Card,
    Clusters,
    Decision,
    DecisionSpec,
    Deidentification,
    EqualPatients,
    Features,
    GroupSpec,
    NoDecision,
    Scenario,
    Stability,
    TreatmentDecision,
    Tuning,
    Validation,
)
from theragate.study.joined_source import HAS, JoinedSource
from theragate.study.outcomes import EffectOutcome, Measured, Outcome, SurvivalOutcome
from theragate.study.params_file import as_mapping, read_parameters
from theragate.study.policies import resolve_gates
from theragate.study.reading import parse
from theragate.study.spec import NAME, Name, Spec, marked, unfit
from theragate.study.tasks import TASKS, TaskName

__all__ = ["NO_STUDY", "Study", "load_seed", "load_studies", "load_study", "resolved_entry", "study_names"]

NO_STUDY = "There is no study yet. Next:\n  theragate new-study NAME --from FILE --outcome COLUMN"
LARGEST_SEED = 2**31 - 1  # all generators take it, and it leaves room for one seed per repeat


class Study(Spec):
    """One prediction problem. See ``docs/studies.md`` for each key in words.

    ``gates`` holds what the study's policy and the study itself say; `key` tells where. ``extensions`` are the packages
    of others that the study uses; of no other package anything is imported for it.
    """

    name: Name
    task: TaskName
    card: Card
    source: AnySource
    deidentification: Deidentification
    outcome: Outcome
    features: Features
    subgroups: dict[Name, GroupSpec]
    decision: DecisionSpec
    validation: Validation
    tuning: Tuning
    stability: Stability
    scenarios: dict[Name, Scenario]
    gates: dict[str, dict[str, Any]]
    equal_patients: EqualPatients | None = Field(default=None, exclude_if=operator.not_)
    extensions: tuple[Annotated[str, StringConstraints(pattern=NAMED)], ...] = ()
    clusters: Clusters | None = Field(default=None, exclude_if=operator.not_)
    batch: Batch | None = Field(default=None, exclude_if=operator.not_)
    _gate_keys: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def read(cls, entry: Mapping[str, Any], *, name: str, gate_keys: Mapping[str, str]) -> Self:
        """Validate an entry into which the policies are worked.

        Parameters
        ----------
        entry
            What stands under ``studies.<name>``, with all gates.
        name
            The study's.
        gate_keys
            Where in ``params.yaml`` what the study does not say itself stands, as `ResolvedGates` has it.

        Raises
        ------
        ConfigurationError
            In one line that names the key as it stands in the file.
        """
        entry = cls._with_source_of_others(entry, name)
        study = parse(cls, {"name": name, **entry}, at=lambda below: _key_of(name, below, gate_keys))
        study._gate_keys.update(gate_keys)
        return study

    @classmethod
    def _with_source_of_others(cls, entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Let the extensions that an entry names read its source, where it is of a kind of theirs."""
        names, source = entry.get("extensions"), entry.get("source")
        if not isinstance(source, dict) or "kind" not in source or is_ours(source["kind"]):
            return entry
        listed = names if isinstance(names, list) else []
        named = {each for each in listed if isinstance(each, str) and re.fullmatch(NAMED, each)}
        kinds, asked = source_kinds(use(each).name for each in named), str(source["kind"])
        if asked not in kinds:
            known = (*OUR_KINDS, *kinds)
            raise ConfigurationError(
                f"params.yaml, key `studies.{name}.source.kind`",
                rule=f"a source is of the kind {', '.join(known)}, or of one that a package under `extensions` adds",
                received=f"`{asked[:40]}`",
                remedy=f"{did_you_mean(asked, known)}Correct params.yaml; see docs/sources.md.",
            )
        return {**entry, "source": parse(kinds[asked], source, at=f"studies.{name}.source")}

    def key(self, *path: str) -> str:
        """Return the key of ``params.yaml`` under which a part of the study stands, which may be that of a policy."""
        return _key_of(self.name, ".".join(filter(None, path)), self._gate_keys)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        task = TASKS[self.task]
        if len({*self.extensions}) < len(self.extensions):
            raise unfit("each of the `extensions` is named once", ", ".join(self.extensions))
        if not isinstance(self.outcome, task.outcome):
            raise ValueError(f"task `{self.task}` does not fit this `outcome`; see docs/studies.md for its keys")
        if isinstance(self.decision, Decision) and task.predicts_quantity:
            raise ValueError("a regression study has no risk to compare with `decision.threshold`; give `none:`")
        for name, group in self.subgroups.items():
            if group.column in self.outcome_columns and (not task.predicts_quantity or group.judged):
                raise ValueError(
                    f"`subgroups.{name}` groups patients by the outcome, which a regression may do without `judged`: "
                    "no model is right for those whose outcome is extreme"
                )
        if not isinstance(self.decision, NoDecision) and (
            isinstance(self.decision, TreatmentDecision) != task.compares_treatments
        ):
            raise ValueError("`decision.least_benefit` belongs to a treatment_effect study, `threshold` to another")
        twice = sorted({*self.features.dropped} & {*self.outcome_columns})
        if twice:
            raise ValueError(f"`{twice[0]}` is an outcome column, which is never a feature: do not list it as dropped")
        seen = next((name for name in self.source.after_index if not self._is_unseen(name)), None)
        if seen is not None:
            raise unfit(
                "what happened after the index date is an outcome, or no model sees it",
                f"`{seen}`, whose window in `source.columns` ends after day 0, among the features",
            )
        self._check_parts()
        elsewhere = next(self._elsewhere(self.clusters.column), None) if self.clusters else None
        if elsewhere is not None:
            raise unfit(
                "the column of `clusters` becomes numbers that no model sees, and is named nowhere else but in "
                "`subgroups` and `validation`",
                f"`{self.clusters.column if self.clusters else CLUSTER}`, named under `{elsewhere}` too",
            )
        return self

    @model_validator(mode="after")
    def _batch_apart(self) -> Self:
        if self.batch and self.batch.column in (*self.outcome_columns, "patient"):
            raise unfit("a batch is neither the outcome nor a treatment, and no patient's id", f"`{self.batch.column}`")
        return self

    def _is_unseen(self, column: str) -> bool:
        return column in self.hidden or column in self.deidentification.removed

    def _check_parts(self) -> None:
        """See that those whom a part of a joined source does not know are a group of the evidence."""
        if not isinstance(self.source, JoinedSource):
            return
        grouped = {group.column for group in self.subgroups.values()}
        for name, part in self.source.parts.items():
            if part.at_least < 1 and f"{HAS}{name}" not in grouped:
                raise unfit(
                    f"whoever lacks a part is seen apart: `subgroups` has one of the column `{HAS}{name}` (`yes`, "
                    f"`no`), or `source.parts.{name}.at_least` is 1",
                    "no such group",
                )

    def _elsewhere(self, column: str) -> Iterator[str]:
        """Yield the keys that name the column as a predictor, as the outcome, or as what is removed or changed."""
        declared = self.deidentification
        named: dict[str, Mapping[str, Any] | tuple[str, ...]] = {
            "outcome": self.outcome_columns,
            "features.dropped": self.features.dropped,
            "features.labels": self.features.labels,
            **{f"scenarios.{name}": {**each.missing, **each.noise} for name, each in self.scenarios.items()},
            "deidentification.ages": declared.ages,
            "deidentification.dates": declared.dates,
            "deidentification.removed": declared.removed,
        }
        yield from (key for key, columns in named.items() if column in columns)

    @property
    def installed(self) -> dict[str, Extension]:
        """The extensions of the study by name, sorted, as they are installed; this process may import them from now on.

        Raises
        ------
        ExtensionError
            If one is not installed, adds nothing, or has changed while this process used it.
        """
        return {name: use(name) for name in sorted(self.extensions)}

    @property
    def outcome_columns(self) -> tuple[str, ...]:
        """The columns that hold the outcome, or who was treated, and are therefore never features."""
        outcome = self.outcome
        return (*_columns(self.measured), *((outcome.treatment.column,) if isinstance(outcome, EffectOutcome) else ()))

    @property
    def hidden(self) -> frozenset[str]:
        """The columns that are never features: ids, clusters, the batch, the outcome's and the dropped ones."""
        clusters = (CLUSTER, self.clusters.column) if self.clusters else ()
        batch = (self.batch.column,) if self.batch else ()
        return frozenset({"patient", *clusters, *batch, *self.outcome_columns, *self.features.dropped})

    @property
    def measured(self) -> Measured:
        """What is measured of one patient; where treatments are compared, that by which they are."""
        return self.outcome.measured if isinstance(self.outcome, EffectOutcome) else self.outcome

    @property
    def unreviewed(self) -> tuple[str, ...]:
        """The keys whose text still has the mark of a draft: nobody has written or confirmed it."""
        return marked(self.model_dump(mode="json"))


def _key_of(study: str, below: str, gate_keys: Mapping[str, str]) -> str:
    """Return the key of a part of the study, which is a policy's where the study leaves a limit to it."""
    section, *path = below.split(".")
    shared = gate_keys.get(".".join(path[:2])) if section == "gates" else None
    return ".".join(filter(None, ["studies", study, below] if shared is None else [shared, *path[2:]]))


def _columns(measured: Measured) -> tuple[str, ...]:
    return (measured.time, measured.event) if isinstance(measured, SurvivalOutcome) else (measured.column,)


def study_names(path: Path) -> list[str]:
    """Return the names of the studies in ``params.yaml``, in the file's order."""
    return list(_studies(path))


def load_seed(path: Path) -> int:
    """Return the project's seed."""
    seed = read_parameters(path).get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
        raise ConfigurationError(
            "params.yaml, key `seed`",
            rule=f"the seed is a whole number from 0 to {LARGEST_SEED}",
            received=repr(seed),
            remedy="Write for example `seed: 1`.",
        )
    return seed


def load_study(path: Path, name: str) -> Study:
    """Read one study from ``params.yaml``; of other studies only the names are looked at.

    Raises
    ------
    ConfigurationError
        If the file or the study is missing, or a key is unknown, missing or of a wrong type.
    """
    studies = _studies(path)
    if name not in studies:
        raise ConfigurationError(
            f"study `{name}`",
            rule="a study is declared under `studies:` in params.yaml",
            received=f"a name that is not there (there are {some_of(studies) or 'none'})",
            remedy=f"{did_you_mean(name, studies)}Correct the name or add the study.",
        )
    entry, keys = _resolved(read_parameters(path), name)
    return Study.read(entry, name=name, gate_keys=keys)


def resolved_entry(path: Path, name: str) -> dict[str, Any]:
    """Return what stands under a study's name in ``params.yaml``, with the policies worked into its ``gates``.

    Raises
    ------
    ConfigurationError
        If the file is wrong, or so is the study's ``policy``; the rest of the entry is not looked at.
    """
    return _resolved(read_parameters(path), name)[0]


def _resolved(parameters: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, str]]:
    entry = as_mapping(parameters["studies"][name], f"studies.{name}")
    if "name" in entry:
        raise ConfigurationError(
            f"params.yaml, key `studies.{name}.name`",
            rule="a study's name is the key that it stands under",
            received=repr(entry["name"]),
            remedy="Remove the key.",
        )
    gates = resolve_gates(parameters, name)
    rest = {key: value for key, value in entry.items() if key not in ("policy", "gates")}
    return rest | ({} if gates.gates is None and "gates" not in entry else {"gates": gates.gates}), gates.keys


def load_studies(path: Path) -> list[Study]:
    """Read all studies; the first that is wrong raises."""
    return [load_study(path, name) for name in study_names(path)]


def _studies(path: Path) -> dict[str, Any]:
    """Return what stands under each study's name; YAML reads ``1``, ``yes``, ``null`` and dates not as text."""
    studies: dict[Any, Any] = read_parameters(path)["studies"]
    for name in studies:
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            what = f"`{name}`" if isinstance(name, str) else f"`{name}`, which YAML reads as {type(name).__name__}"
            raise ConfigurationError(
                "params.yaml, key `studies`",
                rule="a study's name is 3 to 64 small letters, digits or `_`, the first a letter",
                received=what,
                remedy="Choose another name.",
            )
    return studies
