"""Several rows of one patient: of each patient one row counts, so that nobody is learned from and predicted at once."""

import numpy as np
import pyarrow as pa

from theragate.cohorts.codes import as_codes
from theragate.cohorts.table import Table
from theragate.cohorts.texts import are_first, as_texts
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
    ids = as_texts(as_codes(table[id_column]))
    ends = slice(None, None, -1 if spec.keep == "last" else 1)
    counts = are_first(ids.take(pa.array(np.arange(len(ids))[ends])))[ends]
    return table.take(np.flatnonzero(counts | ids.is_null().to_numpy(zero_copy_only=False)))
