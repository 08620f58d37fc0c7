"""Rows of images that were measured before, by the digest of all that decides them; anybody may delete them."""

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from theragate.cohorts.images.one_image import Measured
from theragate.digests import sha256_bytes
from theragate.errors import StoreError
from theragate.files import whole_file

__all__ = ["KeptRows"]


class KeptRows:
    """A folder of files that are their owner's alone; they hold no name, no path and no id.

    Parameters
    ----------
    folder
        Made with the first row; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, digest: str, position: int) -> Measured | None:
        """Return a row, if it is kept whole."""
        if self._folder is None:
            return None
        try:
            sha256, content = self._path(digest).read_bytes().split(b"\n", 1)
            if sha256_bytes(content).encode() != sha256:
                return None
            return replace(Measured(**json.loads(content)), position=position)
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, digest: str, row: Measured) -> None:
        """Keep a row; where the disk does not take it, it is measured again the next time."""
        if self._folder is None or row.refused is not None:
            return
        # In its order, which is that of the columns.
        content = json.dumps(asdict(replace(row, position=0)), allow_nan=False).encode()
        with suppress(StoreError), whole_file(self._path(digest), mode=0o600) as temporary:
            temporary.write_bytes(sha256_bytes(content).encode() + b"\n" + content)

    def _path(self, digest: str) -> Path:
        assert self._folder is not None  # noqa: S101 - both callers have looked
        return self._folder / digest[:2] / digest[2:]
