"""The progress bar of training: on a terminal one line that moves, elsewhere a line now and then."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from theragate.printing import say

__all__ = ["show_progress"]


@contextmanager
def show_progress(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """Yield a function of (done, total, text) that shows how far the work is."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _lines(title)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=f"{title}: {text}")


def _lines(title: str) -> Callable[[int, int, str], None]:
    shown = 0

    def show(done: int, total: int, text: str) -> None:
        nonlocal shown
        quarter = 4 * done // max(total, 1)
        if quarter > shown:
            shown = quarter
            with suppress(BrokenPipeError):  # nobody may read any more, which does no harm
                say(f"{title}: {done} of {total} {text}", to=sys.stderr)

    return show
