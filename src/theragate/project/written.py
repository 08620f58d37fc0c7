"""``theragate.json``: which version wrote a project's files, and what they were: whether somebody edited them since."""

import hashlib
from pathlib import Path
from typing import ClassVar

from theragate.errors import ConfigurationError
from theragate.files import write_json
from theragate.study import Spec, read_spec

__all__ = ["Written", "digest", "read_written", "write_written"]


class Written(Spec):
    """The version that wrote last, and the SHA-256 of each file as it was written, and of the policies it came with."""

    NAME: ClassVar[str] = "theragate.json"

    theragate: str
    files: dict[str, str]
    policies: dict[str, str]


def read_written(root: Path) -> Written:
    """Read what was written; a project without the file was begun by hand, and nothing is known of its files.

    Raises
    ------
    ConfigurationError
        If the file is of another form.
    """
    path = root / Written.NAME
    if not path.exists():
        return Written(theragate="", files={}, policies={})
    return read_spec(Written, path, remedy=f"Restore it: `git checkout {Written.NAME}`.", error=ConfigurationError)


def write_written(root: Path, written: Written) -> None:
    """Write it, with sorted names."""
    write_json(root / Written.NAME, written.model_dump(mode="json"))


def digest(text: str) -> str:
    """Return the SHA-256 of a text as it is written to a file."""
    return hashlib.sha256(text.encode()).hexdigest()
