"""Which model answers, of which version, and how far its release has come."""

from dataclasses import dataclass
from typing import Final

__all__ = ["CANDIDATE", "CHAMPION", "REGISTERED", "UNREGISTERED", "ModelIdentity"]

UNREGISTERED: Final = "unregistered"
CANDIDATE: Final = "candidate"  # as it was when it was registered
CHAMPION: Final = "champion"  # verified when it was loaded
REGISTERED: Final = (CANDIDATE, "NOT_PERSONALISED", "BLOCKED")
"""What a package may say of itself; that it is in service is for nobody to say but whoever has verified it."""

_SIMULATED: Final = "SIMULATED"


@dataclass(frozen=True)
class ModelIdentity:
    """``version`` is that of the registry, empty where it is not known; ``status`` how far the release has come.

    ``status`` is ``champion`` only where a consumer has verified ledger, attestation and files; ``candidate`` or the
    decision that stood against it (``BLOCKED``) where a package says what it was when it was registered; and
    ``unregistered`` of files that are in no registry.
    """

    version: str = ""
    status: str = UNREGISTERED

    def words(self, *, simulated: bool) -> str:
        """Return the status, which always tells that patients are simulated."""
        return f"{_SIMULATED}, {self.status}" if simulated else self.status
