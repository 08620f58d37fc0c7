"""A cohort by a source of others."""

import pandas as pd

from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._raw_table import RawTable
from theragate.errors import ExtensionError, TheragateError
from theragate.study import ExtensionSource

__all__ = ["read_of_others"]


def read_of_others(spec: ExtensionSource, context: SourceContext, *, study: str) -> RawTable:
    """Read a table by the code of an extension.

    Raises
    ------
    ExtensionError
        If it gives no table as `RawTable` describes it, or raises what is none of our errors; its message is not shown.
    """
    try:
        table = spec.read(context)
    except TheragateError:
        raise
    except Exception as error:  # noqa: BLE001 - others' code may raise what it likes, and quote a patient's row
        raise _wrong(spec, study, "it gives a table or an error of `theragate.errors`", type(error).__name__) from None
    if not (isinstance(table, RawTable) and isinstance(table.frame, pd.DataFrame)):
        raise _wrong(spec, study, "it gives a `RawTable`", f"an object of type {type(table).__name__}")
    if not (isinstance(table.version, str) and table.version.strip()):
        raise _wrong(spec, study, "its table has a version", "none")
    if table.version.startswith("SIMULATED") != table.simulated:
        raise _wrong(spec, study, "the version of simulated patients, and no other, begins with SIMULATED", "another")
    if table.id_column is not None and table.id_column not in table.frame.columns:
        raise _wrong(spec, study, "the column of ids is in its table", f"no column `{table.id_column}`")
    return table


def _wrong(spec: ExtensionSource, study: str, rule: str, received: str) -> ExtensionError:
    return ExtensionError(
        f"study `{study}`, source of the kind `{spec.kind}` of an extension",
        rule=rule,
        received=received,
        remedy="Correct the source, or tell the author of the extension.",
    )
