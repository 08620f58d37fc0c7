"""Under which other limits the same held-out data were judged before: from the ledger of looks, and from git.

The ledger says that there were others, and what they decided. It holds digests alone; what the limits were is known
where a commit of ``params.yaml`` has them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.errors import TheragateError
from theragate.gates import Policy, read_policy
from theragate.gates.types import Verdict
from theragate.project.git import commits_of, file_at
from theragate.project.looks_on_record import looks_of
from theragate.settings import Settings
from theragate.study import Study, resolve_gates

__all__ = ["Former", "FormerPolicy", "former_policies"]

MOST_COMMITS = 50  # that are looked into: each takes a twentieth of a second


@dataclass(frozen=True)
class FormerPolicy:
    """A policy under which the present held-out data were judged, and that is not the present one.

    Parameters
    ----------
    sha256
        Its digest.
    decisions
        What was decided under it, in the order of the ledger.
    same_predictions
        What was decided under it about the very predictions that are judged now.
    commit
        The newest commit whose ``params.yaml`` has it, with its day, as ``1a2b3c4d5e6f of 2026-11-30``; empty where
        none was found.
    changes
        What it said and the present one says, by key; None where no commit was found.
    """

    sha256: str
    decisions: tuple[str, ...]
    same_predictions: tuple[str, ...]
    commit: str
    changes: Mapping[str, tuple[Any, Any]] | None


@dataclass(frozen=True)
class Former:
    """All former policies of the present held-out data, and in how many of all looks they decided."""

    looks: int
    policies: tuple[FormerPolicy, ...]

    @property
    def under_others(self) -> int:
        """The looks under another policy than the present one."""
        return sum(len(policy.decisions) for policy in self.policies)


def former_policies(root: Path, settings: Settings, policy: Policy, verdict: Verdict) -> Former:
    """Return the policies under which the held-out data of `verdict` were judged before.

    Raises
    ------
    DataError
        If the ledger of looks is damaged.
    """
    looks = looks_of(settings, verdict)
    others = list(dict.fromkeys(look.policy_sha256 for look in looks if look.policy_sha256 != verdict.policy_sha256))
    others = [digest for digest in others if digest]  # what was seen and never judged has none
    found = _found(root, verdict.study, set(others)) if others else {}
    policies = []
    for digest in others:
        under = [look for look in looks if look.policy_sha256 == digest]
        commit, former = found.get(digest, ("", None))
        policies.append(
            FormerPolicy(
                sha256=digest,
                decisions=tuple(look.decision for look in under),
                same_predictions=tuple(
                    look.decision for look in under if look.predictions_sha256 == verdict.predictions_sha256
                ),
                commit=commit,
                changes=None if former is None else _changes(former, policy),
            )
        )
    return Former(looks=len(looks), policies=tuple(policies))


def _found(root: Path, study: str, wanted: set[str]) -> dict[str, tuple[str, Policy]]:
    """Look for policies in the commits of ``params.yaml``, the newest first."""
    found: dict[str, tuple[str, Policy]] = {}
    for commit, day in commits_of(root, "params.yaml", most=MOST_COMMITS):
        policy = _policy_in(file_at(root, commit, "params.yaml"), study)
        if policy is not None and policy.sha256 in wanted - found.keys():
            found[policy.sha256] = (f"{commit[:12]} of {day}", policy)
        if len(found) == len(wanted):
            break
    return found


def _policy_in(text: str, study: str) -> Policy | None:
    """Return the policy of a study in a former ``params.yaml``; None where it has none that can be read today."""
    try:
        content = YAML(typ="safe").load(_part(text, study))
        entry = content["studies"][study]
        resolved = resolve_gates(content, study)
        rest = {key: value for key, value in entry.items() if key not in ("policy", "gates")}
        return read_policy(Study.read(rest | {"gates": resolved.gates}, name=study, gate_keys=resolved.keys))
    except (YAMLError, TheragateError, LookupError, TypeError, AttributeError, ValueError, RecursionError):
        return None


def _part(text: str, study: str) -> str:
    """Return the policies and one study of a ``params.yaml``: parsing all of it would take ten times as long."""
    policies = re.search(r"^policies:.*\n(?:[ #].*\n|\n)*", text, flags=re.MULTILINE)
    entry = re.search(rf"^( +){re.escape(study)}:.*\n(?:\1 .*\n|\s*#.*\n|\n)*", text + "\n", flags=re.MULTILINE)
    return f"{policies[0] if policies else ''}\nstudies:\n{entry[0] if entry else ''}"


def _changes(former: Policy, now: Policy) -> dict[str, tuple[Any, Any]]:
    before, after = dict(_flat(former.document)), dict(_flat(now.document))
    return {
        key: (before.get(key), after.get(key))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    }


def _flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield at.removeprefix("gates.").removeprefix("conditions."), value
        return
    for key, inner in value.items():
        yield from _flat(inner, f"{at}.{key}" if at else str(key))
