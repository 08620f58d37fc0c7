"""DVC stage `evaluate`; see `theragate.stages.evaluate`."""

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.runner.command import run_stage
from theragate.stages.evaluate import evaluate

if __name__ == "__main__":
    run_stage(evaluate)
