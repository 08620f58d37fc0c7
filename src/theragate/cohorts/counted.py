"""How a note says of how many it is true: no small number of patients' records is given exactly."""

__all__ = ["FEWEST", "counted"]

FEWEST = 11  # of anything of patients that is told outside the site


def counted(count: int, what: str, many: str | None = None) -> str:
    """Return ``1,234 records``; of few, ``fewer than 11 records``.

    Parameters
    ----------
    count
        How many.
    what
        One of them.
    many
        Several of them, where that is not `what` with an s.
    """
    several = many or f"{what}s"
    return f"fewer than {FEWEST} {several}" if count < FEWEST else f"{count:,} {several}"
