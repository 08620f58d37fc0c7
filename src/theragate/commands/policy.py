"""What a study is judged by: every limit with where it comes from, the reasons, and the digest that a verdict names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from theragate.gates import CONDITIONS, Policy, read_policy
from theragate.printing import plain_console
from theragate.runner.workspace import Workspace
from theragate.study import Study, load_study

__all__ = ["policy_json", "show_policy"]

INDENT = 4


def show_policy(root: Path, name: str) -> None:
    """Print the policy of a study, gate by gate, as its own limits and those of the policies make it.

    Raises
    ------
    ConfigurationError
        If there is no such study, or its policy is wrong.
    """
    study, policy = _read(root, name)
    console = plain_console()
    console.print(Text.assemble((study.name, "bold"), "  policy ", policy.sha256[:12]))
    for gate, limits in _gates(policy):
        kind = (policy.asked | CONDITIONS)[gate]
        console.print(f"\n{kind.code} {gate.replace('_', ' ')}: {kind.title}", style="bold")
        console.print(Padding(_limits(study, gate, limits), (0, 0, 0, INDENT), expand=False))
    for extension, said in policy.declared.extensions.items():
        console.print(f"\nExtension {extension} {said.version}, digest: {said.sha256}", soft_wrap=True)
    console.print(f"\nDigest: {policy.sha256}", soft_wrap=True)


def policy_json(root: Path, name: str) -> str:
    """Return the policy of a study as JSON: the document that is digested, its digest, and the key of each limit.

    Raises
    ------
    ConfigurationError
        As `show_policy`.
    """
    study, policy = _read(root, name)
    keys = {f"{gate}.{limit}": study.key("gates", gate, limit) for gate, limits in _gates(policy) for limit in limits}
    content = {"study": study.name, "policy_sha256": policy.sha256, "policy": policy.document, "keys": keys}
    return json.dumps(content, indent=1, ensure_ascii=False)


def _read(root: Path, name: str) -> tuple[Study, Policy]:
    study = load_study(Workspace(root, name).params, name)
    return study, read_policy(study)


def _gates(policy: Policy) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each gate and condition with what it asks; an optional limit that nobody has set asks nothing."""
    for gate, limits in (policy.document["gates"] | policy.document["conditions"]).items():
        yield gate, {limit: value for limit, value in limits.items() if value not in (None, {}, [])}


def _limits(study: Study, gate: str, limits: dict[str, Any]) -> Group:
    table = Table.grid(padding=(0, 2))
    for limit, value in limits.items():
        if limit != "reason":
            table.add_row(limit, _words(value), Text(_origin(study, gate, limit), style="dim"))
    reason = Text.assemble(limits["reason"], (f" ({_origin(study, gate, 'reason')})", "dim"))
    return Group(table, reason) if table.row_count else Group(reason)


def _origin(study: Study, gate: str, limit: str) -> str:
    """Return the name of the policy that says it, or that the study does."""
    section, name, *_ = study.key("gates", gate, limit).split(".")
    if section == "policies":
        return name
    return "the study" if limit in study.gates[gate] else "default"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    return " to ".join(map(str, value)) if isinstance(value, list) else str(value)
