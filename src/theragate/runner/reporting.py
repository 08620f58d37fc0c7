"""What a process of the pipeline says at its end: one line, and an exit code."""

import os
import sys
from collections.abc import Callable
from typing import TextIO

from theragate.errors import TheragateError
from theragate.files import refused_by_disk
from theragate.printing import say

__all__ = ["reported"]


def reported(act: Callable[[], str]) -> int:
    """Show the line that `act` returns, or its error; return the exit code.

    The exit code is 0 with one line on standard output, or 1 with one line on standard error. An error that is not
    the user's keeps its traceback. Work that is done counts, even if nobody reads the line any more, as behind
    ``| head``.
    """
    try:
        _say(act(), sys.stdout)
    except TheragateError as error:
        _say(f"error: {error}", sys.stderr)
        return error.exit_code
    except OSError as error:
        refused = refused_by_disk(error)
        if refused is None:
            raise
        _say(f"error: {refused}", sys.stderr)
        return refused.exit_code
    except KeyboardInterrupt:
        _say("interrupted; run the same command to go on", sys.stderr)
        return 130
    return 0


def _say(line: str, stream: TextIO) -> None:
    try:
        say(line, to=stream)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # Python writes what is left when it ends
