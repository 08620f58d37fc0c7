"""Patients who do not exist, drawn from a declared world. They are labelled wherever they go, and release nothing."""

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._dementia import dementia
from theragate.cohorts.sources._raw_table import RawTable
from theragate.cohorts.sources._warfarin import warfarin
from theragate.study import SimulatedSource

__all__ = ["WORLDS", "read_simulated"]

WORLDS: dict[str, Callable[[int, np.random.Generator], pd.DataFrame]] = {
    "caide_dementia": dementia,
    "iwpc_warfarin": warfarin,
}


def read_simulated(spec: SimulatedSource, context: SourceContext, scratch: Scratch) -> RawTable:  # noqa: ARG001 - the signature that all sources share
    """Draw ``source.patients`` from ``source.world``, one of `WORLDS`; the same seed gives the same patients."""
    frame = WORLDS[spec.world](spec.patients, np.random.Generator(np.random.PCG64(spec.seed)))
    drawn = f"SIMULATED: world {spec.world}, seed {spec.seed}, numpy {version('numpy')}"
    return RawTable(frame, version=drawn, id_column=None, simulated=True)
