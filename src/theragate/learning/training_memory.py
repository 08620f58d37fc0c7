"""What training in memory holds at least, known before it begins: copies of the features, and nothing besides."""

__all__ = ["COPIES", "least_held"]

COPIES = 2  # those of all patients, and in a process that works those whom it learns from and predicts
_NUMBER = 8  # bytes of a number, and of a reference to a text


def least_held(patients: int, features: int, *, here: bool = True) -> int:
    """Return bytes that training in memory holds at once on this machine: a lower bound, never a guess above it.

    What workers, models and libraries need comes on top; no factor for that would hold for every family.

    Parameters
    ----------
    here
        Whether this machine works; else it only holds the features that others read.
    """
    return (COPIES if here else 1) * patients * features * _NUMBER
