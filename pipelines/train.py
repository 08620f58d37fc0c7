"""DVC stage `train`; see `theragate.stages.train`."""

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.runner.command import run_stage
from theragate.stages.train import train

if __name__ == "__main__":
    run_stage(train)
