"""DVC stage `digests`; see `theragate.project.stage_digests`."""

import sys
from pathlib import Path

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.project.stage_digests import notice
from theragate.runner.reporting import reported

if __name__ == "__main__":
    sys.exit(reported(lambda: notice(Path.cwd())))
