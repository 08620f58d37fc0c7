"""Where what is read of a large source waits: in memory while it is little, then in a file without a name."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeAlias

import pyarrow as pa

from theragate.errors import StoreError

__all__ = ["Kept", "Scratch"]

_IN_MEMORY = 2**26  # bytes: of a cohort of 29 columns, about 250,000 patients

Kept: TypeAlias = Callable[[], pa.Array]  # reads an array again


class Scratch:
    """Keeps arrays until it is closed.

    The file has no name and is its owner's alone: it goes with the process, however that ends.

    Parameters
    ----------
    folder
        Where the file is made, and which is made if need be; by default where temporary files are.
    in_memory
        How many bytes are kept before there is a file.
    """

    def __init__(self, folder: Path | None = None, *, in_memory: int | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        self._in_memory = self._left = _IN_MEMORY if in_memory is None else in_memory
        self._file: IO[bytes] | None = None
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def another(self) -> "Scratch":
        """Return one of the same kind, to be closed sooner."""
        return Scratch(self._folder, in_memory=self._in_memory)

    def close(self) -> None:
        """Give back the disk; what was kept in the file can no longer be read."""
        if self._file is not None:
            self._file.close()

    def takes(self, size: int) -> bool:
        """Return whether so many bytes may stay in memory, and count them if so."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def keep(self, array: pa.Array) -> Kept:
        """Keep an array; what is returned reads it again, as often as it is called.

        Raises
        ------
        StoreError
            If the disk is full or the folder cannot be written.
        """
        if self.takes(array.nbytes):
            return lambda: array
        sink = pa.BufferOutputStream()
        batch = pa.record_batch([array], names=["kept"])
        with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
            stream.write_batch(batch)
        content = sink.getvalue()
        begin, size = self._end, content.size
        try:
            file = self._opened()
            file.write(content)
            file.flush()
        except OSError as error:
            raise StoreError(
                f"a temporary file in {self._folder}",
                rule="it holds what was read of the source, until the cohort is written",
                received=os.strerror(error.errno) if error.errno else type(error).__name__,
                remedy="Free space or correct the folder's permissions, then run the same command again; nothing was "
                "lost.",
            ) from error
        self._end += size

        def read() -> pa.Array:
            content = pa.py_buffer(os.pread(file.fileno(), size, begin))
            with pa.ipc.open_stream(content) as stream:
                return stream.read_next_batch().column(0)

        return read

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - `close` closes it
        return self._file
