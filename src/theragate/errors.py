"""The errors a user can meet. Each message names the subject, the rule, what was received and the remedy.

No message ever carries a patient's value: rows are named by id, columns by name, amounts by count.
"""

__all__ = ["ConfigurationError", "DataError", "EvidenceError", "StoreError", "TheragateError"]


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
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return (_rebuild, (type(self), self.subject, self.rule, self.received, self.remedy))


def _rebuild(error: type[TheragateError], subject: str, rule: str, received: str, remedy: str) -> TheragateError:
    return error(subject, rule=rule, received=received, remedy=remedy)


class ConfigurationError(TheragateError):
    """``params.yaml``, a suite in ``expectations/`` or a setting is wrong."""


class DataError(TheragateError):
    """A source or a cohort is missing, unreadable or breaks a rule of the data."""


class EvidenceError(TheragateError):
    """Predictions or evidence are missing, inconsistent or not finite."""


class StoreError(TheragateError):
    """A store (MLflow, Optuna, the disk) cannot be reached, or is locked, full or of the wrong version."""
