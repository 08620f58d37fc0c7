"""DVC stage `register`; see `theragate.stages.register`."""

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.runner.command import run_stage
from theragate.stages.register import register

if __name__ == "__main__":
    run_stage(register)
