"""DVC stage `gate`; see `theragate.stages.gate`."""

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.runner.command import run_stage
from theragate.stages.gate import gate

if __name__ == "__main__":
    run_stage(gate)
