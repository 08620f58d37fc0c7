"""Several rows of one patient: of each patient one row counts, so that nobody is learned from and predicted at once."""

import pandas as pd

from theragate.study import RepeatedRows

__all__ = ["one_row_each"]


def one_row_each(frame: pd.DataFrame, id_column: str | None, spec: RepeatedRows | None) -> pd.DataFrame:
    """Return the row of each patient that `spec` keeps, in the source's order, with the index 0 … n-1.

    Parameters
    ----------
    frame
        The source's table.
    id_column
        The column that names a patient. Rows without an id are all kept, for `check_ids` to refuse.
    spec
        Which row to keep. If None, or without an id, nothing changes.
    """
    if spec is None or id_column is None:
        return frame
    ids = frame[id_column]
    return frame[ids.isna() | ~ids.duplicated(keep=spec.keep)].reset_index(drop=True)
