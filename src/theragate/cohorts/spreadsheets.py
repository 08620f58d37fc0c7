"""Cells that a spreadsheet would run instead of showing them: none is written to a CSV file."""

import re

__all__ = ["BEGINS", "RULE", "runs_as_formula"]

RULE = (
    "no cell of a CSV file begins with =, +, -, @, a tab or a line end, unless it is a number: spreadsheets run it as "
    "a formula"
)
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), but for numbers and dashes.
BEGINS = r"[=+\-@\t\r\n＝＋－＠]"
_FORMULA = re.compile(BEGINS, re.UNICODE)
_HARMLESS = re.compile(r"[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?|[+-]+|[+-]?(nan|inf)", re.IGNORECASE)


def runs_as_formula(text: object) -> bool:
    """Return whether a spreadsheet would run a cell with this text as a formula."""
    cell = str(text)
    return _FORMULA.match(cell) is not None and _HARMLESS.fullmatch(cell) is None
