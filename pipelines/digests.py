"""DVC stage `digests`; see `theragate.project.stage_digests`."""

import os
import sys
from pathlib import Path

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.project.ignored_sources import bring_sources
from theragate.project.stage_digests import notice
from theragate.runner.reporting import reported


def begin() -> str:
    """Do what has to be done before all other stages."""
    root = Path.cwd()
    bring_sources(root, os.environ)
    return notice(root)


if __name__ == "__main__":
    sys.exit(reported(begin))
