"""Several rows of one patient: of each patient one row counts, so that nobody is learned from and predicted at once."""

import numpy as np
import pandas as pd

from theragate.cohorts.table import Table
from theragate.study import RepeatedRows

__all__ = ["one_row_each"]


def one_row_each(table: Table, id_column: str | None, spec: RepeatedRows | None) -> Table:
    """Return the row of each patient that `spec` keeps, in the source's order.

    Parameters
    ----------
    table
        The source's.
    id_column
        The column that names a patient. Rows without an id are all kept, for `check_ids` to refuse.
    spec
        Which row to keep. If None, or without an id, nothing changes.
    """
    if spec is None or id_column is None:
        return table
    code = pd.Series(pd.factorize(table[id_column])[0])
    return table.take(np.flatnonzero((code < 0) | ~code.duplicated(keep=spec.keep)))
