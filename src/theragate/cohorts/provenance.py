"""Where a cohort comes from, as ``provenance.json`` says it."""

from theragate.study import Deidentification, RecordedSource, Spec

__all__ = ["Provenance"]


class Provenance(Spec):
    """The source of a cohort with its version, what was done to it, and the digest of the cohort's file."""

    study: str
    source: RecordedSource
    version: str
    simulated: bool
    patients: int
    columns: dict[str, str]
    sha256: str
    deidentification: Deidentification
