"""Lists and tables in Markdown, from text of others that must not become markup."""

from collections.abc import Mapping, Sequence

__all__ = ["escape", "fields", "fields_list", "table"]


def fields(heading: str, rows: Mapping[str, str]) -> str:
    """Return a section: a heading, and a list of names with their text."""
    return f"## {heading}\n\n{fields_list(rows)}"


def fields_list(rows: Mapping[str, str]) -> str:
    """Return a list of names with their text."""
    return "\n".join(f"- **{name}**: {escape(text)}" for name, text in rows.items())


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell stays a bar."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(escape(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Keep text of others from becoming markup or breaking a table."""
    return " ".join(text.split()).replace("<", "&lt;")
