"""Where a cohort comes from, as ``provenance.json`` says it."""

import operator

from pydantic import Field

from theragate.study import Deidentification, RecordedSource, Spec

__all__ = ["Provenance"]


class Provenance(Spec):
    """The source of a cohort with its version, what was done to it, and the digest of the cohort's file.

    ``notes`` say what of the source was left out or decided, and of how many records or patients.
    """

    study: str
    source: RecordedSource
    version: str
    simulated: bool
    patients: int
    columns: dict[str, str]
    sha256: str
    deidentification: Deidentification
    notes: tuple[str, ...] = Field(default=(), exclude_if=operator.not_)
