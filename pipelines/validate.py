"""DVC stage `validate`; see `theragate.stages.validate`."""

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.runner.command import run_stage
from theragate.stages.validate import validate

if __name__ == "__main__":
    run_stage(validate)
