"""The gates of a study, parsed and named by a digest."""

from functools import cached_property

from pydantic import SerializeAsAny

from theragate.digests import sha256_json
from theragate.errors import ConfigurationError
from theragate.gates._base import Declared, Gate
from theragate.gates._registry import GATES
from theragate.study import Spec, Study, parse

__all__ = ["Policy", "read_policy"]


class Policy(Spec):
    """What a verdict is given under: every gate with its limits, and what the study declares to them."""

    declared: Declared
    gates: tuple[SerializeAsAny[Gate], ...]

    @cached_property
    def sha256(self) -> str:
        """The digest of all limits, reasons and declarations that a verdict depends on."""
        gates = {gate.name: gate.model_dump(mode="json", exclude={"declared"}) for gate in self.gates}
        return sha256_json({"declared": self.declared.model_dump(mode="json"), "gates": gates})


def read_policy(study: Study) -> Policy:
    """Parse the gates of a study.

    Raises
    ------
    ConfigurationError
        If a gate is unknown or left out, or one of its keys is unknown, missing, of a wrong type, or does not fit the
        study's task; the message names the key in ``params.yaml``.
    """
    at = f"studies.{study.name}.gates"
    for name in study.gates:
        if name not in GATES:
            raise _wrong(at, rule=f"the gates are {', '.join(GATES)}", received=f"an unknown gate `{name}`")
    for name in GATES:
        if name not in study.gates:
            raise _wrong(at, rule="no gate may be left out", received=f"no entry `{name}`")
    declared = Declared.of(study)
    gates = []
    for name, gate in GATES.items():
        if "declared" in study.gates[name]:
            raise _wrong(
                f"{at}.{name}", rule="a key is one of those in docs/gates", received="an unknown key `declared`"
            )
        gates.append(parse(gate, {**study.gates[name], "declared": declared}, at=f"{at}.{name}"))
    return Policy(declared=declared, gates=tuple(gates))


def _wrong(key: str, *, rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        f"params.yaml, key `{key}`",
        rule=rule,
        received=received,
        remedy="Correct params.yaml; see docs/gates/README.md.",
    )
