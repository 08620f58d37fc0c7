"""A copied folder never runs the code of the one that it was copied from."""

import sys
from pathlib import Path

from theragate.errors import ConfigurationError

__all__ = ["check_own_environment"]


def check_own_environment(root: Path) -> None:
    """Refuse to run from the environment of another folder, of which `root` is a copy: its code is that folder's.

    ``.venv/installed`` names the folder that an environment was made in by ``make``. An environment that somebody made
    elsewhere, and uses for several projects, is let alone.

    Raises
    ------
    ConfigurationError
        With what makes an environment of the folder's own.
    """
    try:
        made_in = Path((root / ".venv" / "installed").read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return
    if made_in not in (Path(), root) and Path(sys.prefix) == made_in / ".venv":
        raise ConfigurationError(
            "environment",
            rule="a project runs in an environment of its own",
            received=f"that of `{made_in}`, of which this folder is a copy",
            remedy="Run `make environment`, which makes one, then `source .venv/bin/activate` again.",
        )
