"""Several changes to a project's files, of which all are made or none."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from theragate.errors import StoreError
from theragate.files import write_text

__all__ = ["Changes", "all_or_none"]


@contextmanager
def all_or_none(paths: Sequence[Path]) -> Iterator[None]:
    """Remove those of `paths` that the block has made, if it is left by any error, with the folders made for them."""
    new = [path for path in paths if not path.exists()]
    folders = {folder for path in new for folder in path.parents if not folder.exists()}
    try:
        yield
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


class Changes:
    """Changes that are taken back if one of them fails, or if the block is left by any error.

    What is removed lies in a folder of the project until the block ends well.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> "Changes":
        state = self._root / ".theragate"
        with _said(state):
            state.mkdir(exist_ok=True)
            self._bin = Path(tempfile.mkdtemp(prefix="removed.", dir=state))
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            for back in reversed(self._undo):
                with suppress(OSError, StoreError):
                    back()
        shutil.rmtree(self._bin, ignore_errors=True)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name.

        Raises
        ------
        StoreError
            If the disk does not let it.
        """
        with _said(old):
            new.parent.mkdir(parents=True, exist_ok=True)
            os.rename(old, new)  # noqa: PTH104 - a link is renamed, not followed
        self._undo.append(lambda: os.rename(new, old))  # noqa: PTH104 - see above

    def remove(self, path: Path) -> None:
        """Remove a file or folder.

        Raises
        ------
        StoreError
            If the disk does not let it.
        """
        self.rename(path, self._bin / str(len(self._undo)))

    def write(self, path: Path, text: str) -> None:
        """Write a text file that is there already.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        with _said(path):
            before = path.read_text(encoding="utf-8")
        write_text(path, text)
        self._undo.append(lambda: write_text(path, before))


class _said:  # noqa: N801 - it is used as a function
    """Say in the user's words that a path cannot be changed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise StoreError(
                str(self._path),
                rule="it can be renamed and removed",
                received=error.strerror or type(error).__name__,
                remedy="Nothing was changed. Correct the folder's permissions, then run the same command again.",
            ) from error
