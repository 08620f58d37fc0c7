"""DVC stage `ingest`; see `theragate.stages.ingest`."""

import _source  # noqa: F401 - sets the path that the imports below are found on

from theragate.runner.command import run_stage
from theragate.stages.ingest import ingest

if __name__ == "__main__":
    run_stage(ingest)
