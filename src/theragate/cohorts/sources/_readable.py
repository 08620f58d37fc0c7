"""What a library says of a file that it cannot read, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from theragate.errors import DataError
from theragate.study import Format

__all__ = ["readable"]

_NAMES = {"csv": "CSV with a header line", "redcap": "CSV with a header line", "spss": "SPSS", "sas": "SAS"}


@contextmanager
def readable(path: Path, kind: Format, *, subject: str) -> Iterator[None]:
    """Word what a library says of a file that cannot be read as what its name says.

    Raises
    ------
    DataError
        If the file is empty, or the library refuses it.
    """
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise DataError(
                subject, rule="the file has a header and patients", received="an empty file", remedy="Export it again."
            )
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(
            subject,
            rule=f"the file is readable {_NAMES.get(kind, kind.capitalize())}",
            received=f"a file that is not ({type(error).__name__})",
            remedy="Export the file again.",
        ) from None  # the cause may quote a line of the file
