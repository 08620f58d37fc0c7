"""Policies that studies share: gates with limits and reasons, written once and worked into each study that names one.

The gates of a study are those of the policy ``every_study``, then those of the policy that the study names under
``policy``, then its own under ``gates``. Whatever comes later replaces a limit as a whole and leaves the others as they
are. What follows is the same as if all of it stood in the study.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theragate.errors import ConfigurationError, did_you_mean, some_of
from theragate.study.params_file import as_mapping

__all__ = ["EVERY_STUDY", "ResolvedGates", "resolve_gates"]

EVERY_STUDY = "every_study"  # the policy on which all others rest

# A limit that is known of one cohort alone. The stage `validate` reads it too, and DVC follows it in the study.
OWN = {"suspicious_performance": "ceiling"}

Gates = Mapping[Any, Any]


@dataclass(frozen=True)
class ResolvedGates:
    """The gates of one study.

    ``gates`` is what the study would have to say if there were no policies; ``keys`` says where in ``params.yaml`` each
    entry of it stands: ``calibration`` and ``calibration.ici`` under ``policies.survival_risk.calibration.ici``.
    """

    gates: Any
    keys: dict[str, str]


def resolve_gates(parameters: Mapping[str, Any], study: str) -> ResolvedGates:
    """Work the policies into the gates of a study.

    Parameters
    ----------
    parameters
        The content of ``params.yaml``.
    study
        The name of one of its studies.

    Raises
    ------
    ConfigurationError
        If the study names no policy although there are some, or one that is not there; if ``policies`` lacks
        ``every_study``, or something in it is no mapping or belongs into the study.
    """
    entry = parameters["studies"][study]
    own = entry.get("gates")
    if "policies" not in parameters:
        if "policy" in entry:
            raise _unknown(study, entry["policy"], [])
        return ResolvedGates(own, {})
    policies = _checked(parameters["policies"])
    if not isinstance(entry.get("policy"), str) or entry["policy"] not in policies:
        raise _unknown(study, entry.get("policy"), list(policies))
    if not isinstance(own, dict):
        return ResolvedGates(own, {})  # the study's own form is checked with the rest of it
    shared = (EVERY_STUDY, entry["policy"])
    layers = [(f"policies.{name}", policies[name]) for name in dict.fromkeys(shared)]
    return _merged([*layers, (f"studies.{study}.gates", own)])


def _merged(layers: list[tuple[str, Gates]]) -> ResolvedGates:
    gates: dict[Any, Any] = {}
    keys: dict[str, str] = {}
    for at, layer in layers:
        for gate, limits in layer.items():
            keys[str(gate)] = f"{at}.{gate}"
            if isinstance(limits, dict):
                gates[gate] = {**gates.get(gate, {}), **limits}
                keys |= {f"{gate}.{limit}": f"{at}.{gate}.{limit}" for limit in limits}
            else:
                gates[gate] = limits  # the study's form refuses it
    return ResolvedGates(gates, keys)


def _checked(policies: Any) -> dict[Any, dict[Any, Any]]:
    """Return the policies, of which each is a mapping from gates to limits."""
    for name, gates in as_mapping(policies, "params.yaml, key `policies`").items():
        for gate, limits in as_mapping(gates, f"params.yaml, key `policies.{name}`").items():
            if OWN.get(gate) in as_mapping(limits, f"params.yaml, key `policies.{name}.{gate}`"):
                raise ConfigurationError(
                    f"params.yaml, key `policies.{name}.{gate}.{OWN[gate]}`",
                    rule="this limit is known of one cohort alone, so each study gives its own",
                    received=repr(limits[OWN[gate]]),
                    remedy=f"Write it under `studies.STUDY.gates.{gate}`.",
                )
    if EVERY_STUDY not in policies:
        raise ConfigurationError(
            "params.yaml, key `policies`",
            rule=f"it has an entry `{EVERY_STUDY}`, on which the other policies rest",
            received=", ".join(f"`{name}`" for name in policies) or "none",
            remedy=f"Add `{EVERY_STUDY}: {{}}`.",
        )
    return dict(policies)


def _unknown(study: str, received: Any, known: list[Any]) -> ConfigurationError:
    return ConfigurationError(
        f"params.yaml, key `studies.{study}.policy`",
        rule="a study names one of the policies under `policies:`",
        received="none" if received is None else f"`{received}`",
        remedy=f"{did_you_mean(str(received), known)}Name one of {some_of(known)}."
        if known
        else "Remove the key, or add `policies:`.",
    )
