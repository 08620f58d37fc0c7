"""The gates and the release conditions of a study, parsed and named by a digest."""

from functools import cached_property, partial
from typing import Any, TypeVar

from pydantic import SerializeAsAny

from theragate.digests import canonical_json, sha256_json
from theragate.errors import ConfigurationError, EvidenceError, did_you_mean
from theragate.gates._added import gates_of
from theragate.gates._base import Declared, Gate
from theragate.gates._conditions import Condition
from theragate.gates._held_out_use import HeldOutUse
from theragate.gates._registry import CONDITIONS
from theragate.study import Spec, Study, parse, spec_of

__all__ = ["Policy", "read_policy"]

T = TypeVar("T")

_SUBJECT = "the policy"
_REMEDY = "Attest the version again with this version of Theragate."


class Policy(Spec):
    """What is judged: every gate and every release condition with its limits, and what the study declares to them."""

    declared: Declared
    gates: tuple[SerializeAsAny[Gate], ...]
    conditions: tuple[SerializeAsAny[Condition], ...] = ()

    @cached_property
    def document(self) -> dict[str, Any]:
        """All limits, reasons and declarations that a verdict or a release depends on, as JSON; see `of_json`."""
        gates = {gate.name: gate.model_dump(mode="json", exclude={"declared"}) for gate in self.gates}
        conditions = {condition.name: condition.model_dump(mode="json") for condition in self.conditions}
        unsaid = {key for key in ("unreviewed", "extensions") if not getattr(self.declared, key)}
        declared = self.declared.model_dump(mode="json", exclude=unsaid)
        return {"declared": declared, "gates": gates, "conditions": conditions}

    @cached_property
    def asked(self) -> dict[str, type[Gate]]:
        """Every gate that a verdict has to list: ours, and those of the extensions that the study names.

        Raises
        ------
        ExtensionError
            If an extension is not the one that the policy names, or this process may not import it.
        """
        return gates_of(self.declared.extensions)

    @cached_property
    def sha256(self) -> str:
        """The digest of `document`, which names the policy."""
        return sha256_json(self.document)

    @property
    def shared_by(self) -> int:
        """Among how many looks at the held-out data the 5% of every interval are shared out; 1: each has its own."""
        return next((condition.shared_by for condition in self.conditions if isinstance(condition, HeldOutUse)), 1)

    @classmethod
    def of_json(cls, raw: Any) -> "Policy":
        """Read a policy back from its `document`.

        Raises
        ------
        EvidenceError
            If it is not such a document: a gate is unknown, a limit is of a wrong type, or writing the policy again
            would give another document. A gate that is left out is no error; `decide` lists it as insufficient.
        ExtensionError
            If it names an extension that this process may not import (see `theragate.extensions.use`), or that is
            installed in another version.
        """
        policy = _typed(_Document, raw).policy()
        if canonical_json(policy.document) != canonical_json(raw):
            raise _unreadable("a document that reads back differently")
        return policy


class _Document(Spec):
    """The form of `Policy.document`."""

    declared: Declared
    gates: dict[str, dict[str, Any]]
    conditions: dict[str, dict[str, Any]]

    def policy(self) -> Policy:
        asked = gates_of(self.declared.extensions)
        for known, given in ((set(asked), self.gates), (set(CONDITIONS), self.conditions)):
            for name in set(given) - known:
                raise _unreadable(f"an unknown gate `{name[:40]}`")
        declared = self.declared.model_dump(mode="json")
        return Policy(
            declared=self.declared,
            gates=tuple(
                _typed(kind, {**self.gates[name], "declared": declared}, at=f", gate `{name}`")
                for name, kind in asked.items()
                if name in self.gates
            ),
            conditions=tuple(
                _typed(kind, self.conditions[name], at=f", condition `{name}`")
                for name, kind in CONDITIONS.items()
                if name in self.conditions
            ),
        )


def _typed(kind: type[T], raw: Any, *, at: str = "") -> T:
    return spec_of(kind, raw, subject=f"{_SUBJECT}{at}", remedy=_REMEDY, error=EvidenceError)


def _unreadable(received: str) -> EvidenceError:
    rule = "it is a document that `theragate` has written of gates and their limits"
    return EvidenceError(_SUBJECT, rule=rule, received=received, remedy=_REMEDY)


def read_policy(study: Study) -> Policy:
    """Parse the gates and release conditions of a study, which stand side by side under ``gates``.

    Raises
    ------
    ConfigurationError
        If one is unknown or left out, or one of its keys is unknown, missing, of a wrong type, or does not fit the
        study's task; the message names the key in ``params.yaml``.
    ExtensionError
        If an extension that the study names cannot be used, or a gate of it is none.
    """
    at = study.key("gates")
    declared = Declared.of(study)
    every = gates_of(declared.extensions)
    asked = {name: gate for name, gate in every.items() if study.task in gate.tasks}
    known = (*asked, *CONDITIONS)
    for name in study.gates:
        if name not in known:
            what = f"`{name}`, which is not one of them" if name in every else f"an unknown gate `{name}`"
            above = study.key("gates", name).removesuffix(f".{name}")
            rule = f"the gates of a {study.task} study are {', '.join(known)}"
            raise _wrong(above, rule=rule, received=what, near=did_you_mean(name, known))
    for name in known:
        if name not in study.gates:
            raise _wrong(at, rule="no gate may be left out", received=f"no entry `{name}`")
    gates = [
        parse(gate, _entry(study, name) | {"declared": declared}, at=partial(study.key, "gates", name))
        for name, gate in asked.items()
    ]
    conditions = [
        parse(kind, _entry(study, name), at=partial(study.key, "gates", name)) for name, kind in CONDITIONS.items()
    ]
    policy = Policy(declared=declared, gates=tuple(gates), conditions=tuple(conditions))
    # In the order in which everybody reads a policy back, whatever the order in the file: one digest, one verdict.
    return Policy.of_json(policy.document)


def _entry(study: Study, name: str) -> dict[str, Any]:
    if "declared" in study.gates[name]:
        raise _wrong(
            study.key("gates", name, "declared").removesuffix(".declared"),
            rule="a key is one of those in docs/gates",
            received="an unknown key `declared`",
        )
    return study.gates[name]


def _wrong(key: str, *, rule: str, received: str, near: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"params.yaml, key `{key}`",
        rule=rule,
        received=received,
        remedy=f"{near}Correct params.yaml; see docs/gates/README.md.",
    )
