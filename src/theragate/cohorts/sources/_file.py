"""A cohort from a CSV or Parquet file of the study."""

from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._csv_and_parquet import check_exists, read_table_file
from theragate.cohorts.sources._raw_table import RawTable
from theragate.digests import sha256_file
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
    check_exists(path, subject, remedy="Put it there (a symbolic link will do), or correct `source.path`.")
    frame = read_table_file(path, spec, kind=path.suffix.removeprefix("."), subject=subject)
    return RawTable(frame, version=f"sha256:{sha256_file(path)}", id_column=spec.id)
