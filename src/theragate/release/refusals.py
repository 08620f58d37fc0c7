"""The error that says why a release event is not allowed, in one sentence for a release manager."""

from theragate.errors import TheragateError

__all__ = ["Refusal"]


class Refusal(TheragateError):  # noqa: N818 - the word that a release manager reads
    """A release event that is not allowed, or something signed that does not count; nothing has changed."""

    exit_code = 3
