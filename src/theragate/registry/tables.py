"""Versions, comparisons and the ledger as a person reads them in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from theragate.gates.words import plural
from theragate.registry.listing import PENDING, Listed
from theragate.release.ledger import Row
from theragate.release.rules import FEWEST_DIGITS

__all__ = ["comparison_page", "ledger_table", "version_page", "versions_table"]

_COLOURS = {"PASS": "green", "NOT_PERSONALISED": "cyan", "BLOCKED": "red"}


def versions_table(rows: Sequence[Listed], *, pending: bool) -> Table | Text:
    """Return versions as a table."""
    if not rows:
        return Text("Nothing waits for a release manager." if pending else "No version is registered yet.")
    table = _table("Study", "Version", "Verdict", "Evidence", "Approved by", "State")
    for row in rows:
        named = f"{row.version} ({', '.join(row.aliases)})" if row.aliases else row.version
        state = Text(row.state, "bold" if row.state in (*PENDING, "in service") else "")
        table.add_row(
            row.study,
            named,
            Text(row.verdict, _COLOURS.get(row.verdict, "")),
            row.evidence[:FEWEST_DIGITS],
            ", ".join(row.approved_by),
            state,
        )
    return table


def version_page(found: Mapping[str, Any]) -> Group:
    """Return one version with all that is known of it."""
    decision = str(found.get("decision", "no attested verdict"))
    parts: list[Any] = [
        Text.assemble(
            (str(found["study"]), "bold"),
            f" version {found['version']}  ",
            (decision, _COLOURS.get(decision, "yellow")),
        )
    ]
    for title, text in found.get("metrics", {}).items():
        parts.append(Text(f"    {title:<42}{text}"))
    parts.append(_fields(_facts(found)))
    obstacle = found["obstacle"]
    if obstacle is None:
        answer = "Whether it could be promoted is for release managers to see."
    elif obstacle:
        answer = f"Cannot be promoted now: {obstacle}"
    elif not found["approved_by"]:
        digits = str(found["evidence_sha256"])[:FEWEST_DIGITS]
        answer = f"Nothing stands in the way but an approval of its evidence, {digits}."
    else:
        answer = "Approved, and nothing stands in the way."
    return Group(*parts, Text(answer, "bold"))


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "alias": ", ".join(found["aliases"]),
        "author": str(found["author"]),
        "signed by": str(found["signed_by"]) or str(found["why_not"]),
        "approved by": ", ".join(found["approved_by"]) or "nobody",
    }
    if "decision" in found:
        facts |= {
            "valid": f"{found['issued'][:10]} to {found['expires'][:10]}",
            "recomputed": "by its signer, from the lock" if found["recomputed"] else "no, signed as it was found",
            "compared with": str(found["comparator"]),
            "conditions": ", ".join(
                f"{name.replace('_', ' ')} {status}" for name, status in found["conditions"].items()
            ),
            "waivers": "; ".join(f"{w['code']} by {w['by']} until {w['expires']}" for w in found["waivers"]) or "none",
            "looks": str(found["looks"]),
            "commit": str(found["commit"] or "none"),
            "model": str(found["package_sha256"]),
            "evidence": str(found["evidence_sha256"]),
            "policy": str(found["policy_sha256"]),
            "data": str(found["cohort_sha256"]),
        }
    return {name: text for name, text in facts.items() if text}


def comparison_page(found: Mapping[str, Any]) -> Group:
    """Return a challenger beside the champion."""
    head = Text.assemble(
        (str(found["study"]), "bold"),
        f"  version {found['challenger']} against the champion, version {found['champion']}",
    )
    parts: list[Any] = [head]
    if found["paired"]:
        parts.append(Text("  challenger minus champion, on patients that neither learned from, 95% intervals"))
        parts += [Text(f"    {title:<42}{text}") for title, text in found["differences"].items()]
    else:
        parts.append(Text(f"  No paired comparison: {found['why_not_paired']}.", "yellow"))
    table = _table("Changed", "Champion", "Challenger")
    for name, (before, after) in found["changed"].items():
        table.add_row(name, before[:FEWEST_DIGITS], after[:FEWEST_DIGITS])
    return Group(*parts, table if found["changed"] else Text("  Nothing else has changed."))


def ledger_table(rows: Sequence[Row], *, whole: int) -> Group:
    """Return rows of a ledger whose `whole` number of rows has been verified."""
    table = _table("Row", "When (UTC)", "Study", "Version", "Event", "Who", "Reason")
    for row in rows:
        event = row.event
        who = event.actor if event.identity == "signed_in" else f"{event.actor} (by word only)"
        kind = event.kind if event.replaces is None else f"{event.kind}, instead of {event.replaces}"
        table.add_row(str(row.seq), f"{event.at:%Y-%m-%d %H:%M}", event.study, event.version, kind, who, event.reason)
    checked = f"{plural(whole, 'row')}, each signed and following from the one before."
    return Group(*([table] if rows else []), Text(checked if whole else "The ledger is empty."))


def _fields(facts: Mapping[str, str]) -> Padding:
    table = Table.grid(padding=(0, 2))
    for name, text in facts.items():
        table.add_row(Text(name, "dim"), Text(text))
    return Padding(table, (0, 0, 0, 4))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
