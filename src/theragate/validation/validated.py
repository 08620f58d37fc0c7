"""What ``validated.json`` says, apart from the other types: training reads it, and nothing else of validation."""

from typing import Literal

from theragate.study import Spec

__all__ = ["Validated"]


class Validated(Spec):
    """Which cohort passed: what training waits for. It stays the same bytes when only a suite's wording changes."""

    study: str
    cohort_sha256: str
    passed: Literal[True]
