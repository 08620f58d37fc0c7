"""What a process of the pipeline says at its end: one line, and an exit code."""

import sys
from collections.abc import Callable

from theragate.errors import TheragateError

__all__ = ["reported"]


def reported(act: Callable[[], str]) -> int:
    """Show the line that `act` returns, or its error; return the exit code.

    The exit code is 0 with one line on standard output, or 1 with one line on standard error. An error that is not
    the user's keeps its traceback.
    """
    try:
        print(act(), flush=True)
    except TheragateError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; run the same command to go on", file=sys.stderr)
        return 130
    return 0
