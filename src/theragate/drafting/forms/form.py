"""The form of a table as it is found: what ``source`` has to declare of it, and what a person is told and asked."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theragate.cohorts.sources import is_missing_word
from theragate.drafting.forms.columns import DraftedColumn
from theragate.drafting.forms.options import ReadingOptions
from theragate.errors import DataError, did_you_mean, some_of
from theragate.study import MARK, FileSource, parse

__all__ = ["DraftedForm"]

_SHARED = 3  # columns with a word for `not known`, from which on it is declared for the whole file
_WHERE = ("kind", "url_variable", "query", "parameters", "path", "id", "repeated", "dictionary", "catalogue", "sheet")
_HOW = ("encoding", "separator", "decimal", "header", "units", "footer", "row_names", "missing", "left_out", "text")
_ORDER = (*_WHERE, *_HOW, "columns", "note")


@dataclass
class DraftedForm:
    """What is found of a file.

    ``entry`` is that of ``source`` but for citation and licence; ``labels`` are what the file calls its columns;
    ``companions`` are the files that belong to it, by the names in ``entry``. ``told`` are lines for the user.
    """

    path: Path
    subject: str
    entry: dict[str, Any]
    told: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    companions: dict[str, Path] = field(default_factory=dict)

    def spec(self) -> FileSource:
        """Return the source as it will be parsed from ``params.yaml``."""
        words = {"citation": "not yet", "licence": "not yet"}
        return parse(FileSource, self.ordered() | words, at="source")

    def ordered(self) -> dict[str, Any]:
        """Return the entry in the order in which people read it."""
        return {key: self.entry[key] for key in sorted(self.entry, key=_ORDER.index)}

    def companion(self, name: str) -> Path:
        """Return where a file lies that belongs to the table."""
        return self.companions[name]

    def name_id(self, column: str) -> None:
        """Say which column names the patients: its values are copied, letter for letter."""
        self.entry["id"] = column
        self.entry["text"] = [name for name in self.entry.get("text", []) if name != column]
        self.entry.get("columns", {}).pop(column, None)
        for key in ("text", "columns"):
            if not self.entry.get(key, True):
                del self.entry[key]
        self.told = [line for line in self.told if not line.startswith(f"`{column}`: ")]

    def leave_out(self, columns: Iterable[str], why: str) -> None:
        """Add columns that are not read."""
        names = list(columns)
        if names:
            self.entry["left_out"] = [*self.entry.get("left_out", []), *names]
            self.told.append(f"not read, {why}: {', '.join(f'`{name}`' for name in names)}")

    def take_options(self, columns: Iterable[str], options: ReadingOptions) -> None:
        """Leave out what a person drops, and see that every column that a person names is there.

        Raises
        ------
        DataError
            With the first that is not, and the nearest that is.
        """
        names = list(columns)
        for option, asked in (("--drop", options.drop), ("--text", options.text)):
            for column in asked:
                if column not in names:
                    raise DataError(
                        f"{option} {column}",
                        rule="it names a column of the file",
                        received="no such column",
                        remedy=f"{did_you_mean(column, names)}The columns are {some_of(names)}.",
                    )
        self.leave_out(options.drop, "as --drop says")

    def note(self, doubts: list[str]) -> None:
        """Write what a person has to look at, of the file as a whole."""
        if doubts:
            self.entry["note"] = f"{MARK}: {' '.join(doubts)}"
            self.told.extend(f"{MARK}: {doubt}" for doubt in doubts)

    def declare(self, drafted: dict[str, DraftedColumn], options: ReadingOptions, *, texts: Iterable[str]) -> None:
        """Write how the columns are read.

        Parameters
        ----------
        drafted
            By column, or field of REDCap, what was found.
        texts
            The columns that have to be named as texts.
        """
        shared = _shared(drafted)
        missing = [*options.missing, *(word for word in shared if word not in options.missing)]
        if missing:
            self.entry["missing"] = missing
        for word, count in shared.items():
            self.told.append(f"`{word}` in {count} columns, taken for missing")
        columns: dict[str, Any] = {}
        for name, column in drafted.items():
            own = [word for word in column.form.get("missing", []) if word not in missing]
            form = {key: value for key, value in column.form.items() if key != "missing"}
            form |= {"missing": own} if own else {}
            if column.doubts:
                form["note"] = f"{MARK}: {' '.join(column.doubts)}"
            if form:
                columns[name] = form
            told = column.told if own or form.keys() - {"missing"} else []
            self.told.extend(f"`{name}`: {line}" for line in told)
            self.told.extend(f"`{name}`: {MARK}: {doubt}" for doubt in column.doubts)
        if columns:
            self.entry["columns"] = columns
        named = list(texts)
        if named:
            self.entry["text"] = named


def _shared(drafted: dict[str, DraftedColumn]) -> dict[str, int]:
    """Return the words for `not known` that several columns have, and none as a category."""
    counts = Counter(word for column in drafted.values() for word in column.form.get("missing", []))
    return {
        word: count
        for word, count in sorted(counts.items())
        if count >= _SHARED and is_missing_word(word, among_numbers=False)
    }
