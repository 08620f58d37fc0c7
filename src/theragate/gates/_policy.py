"""The gates and the release conditions of a study, parsed and named by a digest."""

from functools import cached_property
from typing import Any

from pydantic import SerializeAsAny

from theragate.digests import sha256_json
from theragate.errors import ConfigurationError
from theragate.gates._base import Declared, Gate
from theragate.gates._conditions import Condition
from theragate.gates._held_out_use import HeldOutUse
from theragate.gates._lineage import Lineage
from theragate.gates._registry import GATES
from theragate.study import Spec, Study, parse

__all__ = ["CONDITIONS", "Policy", "read_policy"]

# The release conditions, in the order in which they are listed after the gates.
CONDITIONS: dict[str, type[Condition]] = {
    "lineage": Lineage,
    "held_out_use": HeldOutUse,
}


class Policy(Spec):
    """What is judged: every gate and every release condition with its limits, and what the study declares to them."""

    declared: Declared
    gates: tuple[SerializeAsAny[Gate], ...]
    conditions: tuple[SerializeAsAny[Condition], ...] = ()

    @cached_property
    def sha256(self) -> str:
        """The digest of all limits, reasons and declarations that a verdict or a release depends on."""
        gates = {gate.name: gate.model_dump(mode="json", exclude={"declared"}) for gate in self.gates}
        conditions = {condition.name: condition.model_dump(mode="json") for condition in self.conditions}
        declared = self.declared.model_dump(mode="json")
        return sha256_json({"declared": declared, "gates": gates, "conditions": conditions})


def read_policy(study: Study) -> Policy:
    """Parse the gates and release conditions of a study, which stand side by side under ``gates``.

    Raises
    ------
    ConfigurationError
        If one is unknown or left out, or one of its keys is unknown, missing, of a wrong type, or does not fit the
        study's task; the message names the key in ``params.yaml``.
    """
    at = f"studies.{study.name}.gates"
    known = (*GATES, *CONDITIONS)
    for name in study.gates:
        if name not in known:
            raise _wrong(at, rule=f"the gates are {', '.join(known)}", received=f"an unknown gate `{name}`")
    for name in known:
        if name not in study.gates:
            raise _wrong(at, rule="no gate may be left out", received=f"no entry `{name}`")
    declared = Declared.of(study)
    gates = [
        parse(gate, _entry(study, name) | {"declared": declared}, at=f"{at}.{name}") for name, gate in GATES.items()
    ]
    conditions = [parse(kind, _entry(study, name), at=f"{at}.{name}") for name, kind in CONDITIONS.items()]
    return Policy(declared=declared, gates=tuple(gates), conditions=tuple(conditions))


def _entry(study: Study, name: str) -> dict[str, Any]:
    if "declared" in study.gates[name]:
        raise _wrong(
            f"studies.{study.name}.gates.{name}",
            rule="a key is one of those in docs/gates",
            received="an unknown key `declared`",
        )
    return study.gates[name]


def _wrong(key: str, *, rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        f"params.yaml, key `{key}`",
        rule=rule,
        received=received,
        remedy="Correct params.yaml; see docs/gates/README.md.",
    )
