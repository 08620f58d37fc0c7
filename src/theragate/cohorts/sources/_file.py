"""A cohort from a file of the study."""

from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._formats import check_exists, read_table_file, version_of
from theragate.cohorts.sources._raw_table import RawTable
from theragate.settings import for_experiments
from theragate.study import FileSource

__all__ = ["read_file"]


def read_file(spec: FileSource, context: SourceContext) -> RawTable:
    """Read ``source.path``, below ``sources/<study>/``; its version is the file's SHA-256.

    Raises
    ------
    DataError
        If the file is missing or broken; see `read_table_file`.
    """
    path, subject = context.folder / spec.path, f"source file `{context.named(spec.path)}`"
    brought = for_experiments(context.folder, context.folder.name)
    check_exists(path, subject, remedy=f"{brought}Put it there (a symbolic link will do), or correct `source.path`.")
    frame = read_table_file(path, spec, subject=subject, companions=context.companion)
    return RawTable(frame, version=version_of(path, spec, context.companion), id_column=spec.id)
