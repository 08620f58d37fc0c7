"""Seeds that depend on names, never on the order in which work is done."""

from theragate.digests import sha256_json

__all__ = ["derive"]


def derive(seed: int, *names: str | int) -> int:
    """Return a seed below 2**31 for the purpose that `names` describe."""
    return int(sha256_json([seed, *names])[:8], 16) >> 1
