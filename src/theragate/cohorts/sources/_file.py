"""A cohort from a file of the study, or from a folder of Parquet files."""

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._formats import check_table_exists, open_table_file
from theragate.cohorts.sources._raw_table import SourceTable
from theragate.settings import for_experiments
from theragate.study import FileSource

__all__ = ["read_file"]


def read_file(spec: FileSource, context: SourceContext, scratch: Scratch) -> SourceTable:
    """Read ``source.path``, below ``sources/<study>/``; its version has the SHA-256 of each file that is read.

    Raises
    ------
    DataError
        If the file is missing or broken; see `open_table_file`.
    """
    path, subject = context.folder / spec.path, f"source file `{context.named(spec.path)}`"
    brought = for_experiments(context.folder, context.folder.name)
    remedy = f"{brought}Put it there (a symbolic link will do), or correct `source.path`."
    check_table_exists(context.folder, spec, subject, remedy=remedy)
    read = open_table_file(path, spec, subject=subject, companions=context.companion, scratch=scratch)
    return SourceTable(read.columns, read.version, id_column=spec.id)
