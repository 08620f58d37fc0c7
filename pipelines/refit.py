"""DVC stage `refit`; see `theragate.stages.refit`."""

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.runner.command import run_stage
from theragate.stages.refit import refit

if __name__ == "__main__":
    run_stage(refit)
