"""Versions, comparisons and the ledger as tables for the terminal."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from theragate.numbers import plural
from theragate.registry.listing import PENDING, ListedVersion
from theragate.registry.session import remedy_of
from theragate.release.ledger import Row
from theragate.release.rules import FEWEST_DIGITS

__all__ = ["alert_line", "comparison_page", "ledger_table", "version_page", "versions_table"]

_COLOURS = {"PASS": "green", "NOT_PERSONALISED": "cyan", "BLOCKED": "red"}


# At 80 columns, what a person copies stays in one piece.
_WHOLE = ("Row", "Study", "Verdict", "Evidence")
_LEAST = {"Version": len("(candidate)"), "Approved by": len("Approved")}


def versions_table(rows: Sequence[ListedVersion], *, pending: bool) -> Table | Text:
    """Return versions as a table."""
    if not rows:
        return Text("Nothing is waiting for a release manager." if pending else "No version is registered yet.")
    table = _table("Study", "Version", "Verdict", "Evidence", "Approved by", "State", least=_LEAST)
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


def version_page(details: Mapping[str, Any]) -> Group:
    """Return all that is known about one version, from `theragate.registry.details.shown`."""
    decision = str(details.get("decision", "no attested verdict"))
    parts: list[Any] = [
        Text.assemble(
            (str(details["study"]), "bold"),
            f" version {details['version']}  ",
            (decision, _COLOURS.get(decision, "yellow")),
        )
    ]
    for title, text in details.get("metrics", {}).items():
        parts.append(Text(f"    {title:<42}{text}"))
    if details["evidence_problem"]:
        parts.append(Text(f"    {details['evidence_problem']}", "yellow"))
    parts.append(_fields(_facts(details)))
    parts.append(Text("    Said by the registry alone, and signed by nobody:", "dim"))
    parts.append(_fields(_unsigned(details["unsigned"])))
    obstacle = details["obstacle"]
    if details["in_service"] and not details["why_not"]:
        answer = f"In service: {details['in_service']}."
    elif obstacle is None:
        answer = "Only release managers can see whether it could be promoted."
    elif obstacle:
        answer = f"Cannot be promoted now: {obstacle}"
    elif not details["approved_by"]:
        digits = str(details["evidence_sha256"])[:FEWEST_DIGITS]
        answer = f"It only needs an approval of its evidence, {digits}."
    else:
        answer = "Approved, and ready to be promoted."
    alerts = [alert_line(str(details["study"]), said) for said in details["alerts"]]
    return Group(*parts, *alerts, Text(answer, "bold"))


def alert_line(study: str, said: str) -> Text:
    """Return an alert about the version of `study` that is in service."""
    return Text(f"Alert: {study} is in service, and {said}. {remedy_of(said)}", "bold yellow")


def _facts(details: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "signed by": str(details["signed_by"]) or str(details["why_not"]),
        # An approval counts for one promotion: that of a champion has been used.
        "approved by": ", ".join(details["approved_by"]) or ("" if details["in_service"] else "nobody"),
    }
    if "decision" in details:
        facts |= {
            "valid": f"{details['issued'][:10]} to {details['expires'][:10]}",
            "recomputed": "by its signer, from the lock" if details["recomputed"] else "no, signed as it was found",
            "compared with": str(details["comparator"]),
            "conditions": ", ".join(
                f"{name.replace('_', ' ')} {status}" for name, status in details["conditions"].items()
            ),
            "waivers": "; ".join(f"{w['code']} by {w['by']} until {w['expires']}" for w in details["waivers"])
            or "none",
            "looks": str(details["looks"]),
            "commit": str(details["commit"] or "none"),
            "committed by": f"{details['committed_by']}, as git says",
            "model": str(details["package_sha256"]),
            "evidence": str(details["evidence_sha256"]),
            "policy": str(details["policy_sha256"]),
            "data": str(details["cohort_sha256"]),
        }
    return {name: text for name, text in facts.items() if text}


def _unsigned(said: Mapping[str, Any]) -> dict[str, str]:
    return {
        "alias": ", ".join(said["aliases"]) or "none",
        "registered by": str(said["registered_by"]) or "not recorded",
    }


def comparison_page(details: Mapping[str, Any]) -> Group:
    """Return a challenger beside the champion, from `theragate.registry.details.compared`."""
    head = Text.assemble(
        (str(details["study"]), "bold"),
        f"  version {details['challenger']} against the champion, version {details['champion']}",
    )
    parts: list[Any] = [head]
    if details["paired"]:
        parts.append(Text("  challenger minus champion, on patients that neither has learned from, with 95% intervals"))
        parts += [Text(f"    {title:<42}{text}") for title, text in details["differences"].items()]
    else:
        parts.append(Text(f"  No paired comparison. {details['why_not_paired']}", "yellow"))
    table = _table("Changed", "Champion", "Challenger")
    for name, (before, after) in details["changed"].items():
        table.add_row(name, before[:FEWEST_DIGITS], after[:FEWEST_DIGITS])
    return Group(*parts, table if details["changed"] else Text("  Nothing else has changed."))


def ledger_table(rows: Sequence[Row], *, verified: int, alerts: Mapping[str, Sequence[str]]) -> Group:
    """Return `rows`, all or some of a ledger that has `verified` rows, as a table; below it the alerts by study."""
    table = _table("Row", "When (UTC)", "Study", "Version", "Event", "Who", "Reason")
    for row in rows:
        event = row.event
        who = event.actor if event.identity == "signed_in" else f"{event.actor} (claimed, not signed in)"
        kind = event.kind if event.replaces is None else f"{event.kind}, replacing {event.replaces}"
        table.add_row(str(row.seq), f"{event.at:%Y-%m-%d %H:%M}", event.study, event.version, kind, who, event.reason)
    checked = f"{plural(verified, 'row')}, each signed and chained to the one before."
    lines = [alert_line(study, said) for study, found in alerts.items() for said in found]
    return Group(*([table] if rows else []), Text(checked if verified else "The ledger is empty."), *lines)


def _fields(facts: Mapping[str, str]) -> Padding:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts.items():
        table.add_row(Text(name, "dim"), Text(text))
    return Padding(table, (0, 0, 0, 4))


def _table(*columns: str, least: Mapping[str, int] = MappingProxyType({})) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE, min_width=least.get(column))
    return table
