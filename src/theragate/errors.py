"""The errors a user can meet. Each message names the subject, the rule, what was received and the remedy.

No message ever carries a patient's value: rows are named by id, columns by name, amounts by count.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from theragate.escapes import escaped

__all__ = [
    "ConfigurationError",
    "DataError",
    "EvidenceError",
    "ExtensionError",
    "StoreError",
    "TheragateError",
    "did_you_mean",
    "nearest",
    "some_of",
]


def nearest(received: str, known: Iterable[object], *, cutoff: float = 0.6) -> str | None:
    """Return the known name that may be meant: one that differs in some letters, or the only one of which it is a part.

    For names of studies, columns, keys and commands; never for a patient's value. `cutoff` is how alike they have to
    be, from 0 to 1; capitals and blanks around them do not count.
    """
    names = {str(name).strip().casefold(): str(name) for name in known}
    asked = received.strip().casefold()
    near = get_close_matches(asked, names, n=1, cutoff=cutoff)
    if not near and len(asked) >= _FEWEST_LETTERS:
        parts = [name for name in names if asked in name]
        near = parts if len(parts) == 1 else []
    return names[near[0]] if near else None


def did_you_mean(received: str, known: Iterable[object]) -> str:
    """Ask about the nearest known name, as the beginning of a remedy; empty where none is near."""
    near = nearest(received, known)
    return f"Did you mean `{near}`? " if near else ""


def some_of(names: Iterable[object], *, most: int = 8) -> str:
    """Return names as a list for a message, of long ones the first `most` and how many more there are."""
    known = [str(name) for name in names]
    more = len(known) - most
    if more <= 1:  # "and 1 more" would be no shorter than its name
        return ", ".join(known)
    return f"{', '.join(known[:most])} and {more} more"


_FEWEST_LETTERS = 3  # of a part of a name that says which is meant


class TheragateError(Exception):
    """A problem that the user can solve; shown as one line, without a traceback.

    Parameters
    ----------
    subject
        What the problem is about, as the user knows it: a key of ``params.yaml``, a file, a study.
    rule
        What was expected of it.
    received
        What there was instead: shown unless it is a patient's value or a secret.
    remedy
        What to do now, as an imperative sentence with its full stop.
    """

    exit_code = 1

    def __init__(self, subject: str, *, rule: str, received: str, remedy: str) -> None:
        self.subject, self.rule, self.received, self.remedy = subject, rule, received, remedy
        super().__init__(" ".join(f"{subject}: {rule}; received {received}. {remedy}".split()))

    def _render_traceback_(self) -> list[str]:
        """Be one line in a notebook too: IPython asks an error how it wants to be shown."""
        return [escaped(f"{type(self).__name__}: {self}")]

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return (_rebuild, (type(self), self.subject, self.rule, self.received, self.remedy))


def _rebuild(error: type[TheragateError], subject: str, rule: str, received: str, remedy: str) -> TheragateError:
    return error(subject, rule=rule, received=received, remedy=remedy)


class ConfigurationError(TheragateError):
    """``params.yaml``, a suite in ``expectations/`` or a setting is wrong."""


class ExtensionError(ConfigurationError):
    """An extension is missing, is not the one that was named, or does not keep its contract."""


class DataError(TheragateError):
    """A source or a cohort is missing, unreadable or breaks a rule of the data."""


class EvidenceError(TheragateError):
    """Predictions or evidence are missing, inconsistent or not finite."""


class StoreError(TheragateError):
    """A store (MLflow, Optuna, the disk) cannot be reached, or is locked, full or of the wrong version."""
