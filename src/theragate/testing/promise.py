"""A promise that is kept, or an assertion that names it."""

__all__ = ["expect"]


def expect(kept: object, promise: str) -> None:
    """Raise an `AssertionError` with the words of `promise` unless it is `kept`; ``python -O`` keeps it."""
    if not kept:
        raise AssertionError(promise)
