"""What `register` says that it has done: by digests, never by MLflow's numbers, which differ between MLflows."""

from theragate.tracking.bundle import Bundle

__all__ = ["registration_of"]


def registration_of(bundle: Bundle, *, registered: bool) -> dict[str, str | bool]:
    """Return the content of ``registration.json``."""
    return {
        "study": bundle.study.name,
        "key": bundle.key,
        "decision": bundle.verdict.decision,
        "registered": registered,
    }
