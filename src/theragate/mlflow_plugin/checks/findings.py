"""One finding about a deployment."""

from dataclasses import dataclass

from theragate.errors import ConfigurationError, TheragateError

__all__ = ["Finding", "error", "warning"]


@dataclass(frozen=True)
class Finding:
    """What is wrong, as a sentence; an `error` has to be mended, and of the `worst` kind the server does not start."""

    level: str
    sentence: str
    worst: bool = False

    @classmethod
    def of(cls, raised: TheragateError, *, worst: bool = False) -> "Finding":
        """Return an error that reading the configuration has met."""
        return cls("error", str(raised), worst)

    def __str__(self) -> str:
        return f"{self.level}: {self.sentence}"


def error(subject: str, *, rule: str, received: str, remedy: str, worst: bool = False) -> Finding:
    """Return an error."""
    return Finding.of(ConfigurationError(subject, rule=rule, received=received, remedy=remedy), worst=worst)


def warning(subject: str, *, rule: str, received: str, remedy: str) -> Finding:
    """Return what may be meant so."""
    return Finding("warning", str(ConfigurationError(subject, rule=rule, received=received, remedy=remedy)))
