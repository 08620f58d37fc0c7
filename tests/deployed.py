"""Who works with a deployment that the tests set up by the docs' own commands, and where their keys lie."""

from dataclasses import dataclass
from pathlib import Path

AUTHOR, MANAGER, EVALUATOR = "alan", "ada", "evaluator"
REASON = ("--reason", "Read the card; the limits are as agreed.")


@dataclass(frozen=True)
class MadeKeys:
    """Where the keys lie that `theragate keys make` has made, and the trust file that names them."""

    trust_file: Path
    ledger_file: Path
    evaluator_file: Path

    @classmethod
    def of(cls, clone: Path, folder: Path) -> "MadeKeys":
        """Those of a clone, the private ones in a folder beside it."""
        return cls(clone / "release" / "trust.json", folder / "ledger.pem", folder / "ci.pem")

    def write(self) -> None:
        """They are there already."""
