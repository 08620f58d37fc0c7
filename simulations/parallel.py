"""Seeded replicates, shared out over two processes with one thread each."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

__all__ = ["PROCESSES", "generator", "shared_out"]

PROCESSES = 2
_CHUNK = 10

Task = TypeVar("Task")
Found = TypeVar("Found")


def generator(*seed: int) -> np.random.Generator:
    """Return the generator of one replicate: ``generator(seed, world, n, replicate)``."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def shared_out(function: Callable[[Task], Found], tasks: Iterable[Task], *, processes: int = PROCESSES) -> list[Found]:
    """Return the function's answers in the order of `tasks`, whatever the number of processes (1: this one)."""
    everything = list(tasks)
    if processes == 1:
        return _chunk(function, everything)
    chunks = [everything[start : start + _CHUNK] for start in range(0, len(everything), _CHUNK)]
    answers = Parallel(n_jobs=processes)(delayed(_chunk)(function, chunk) for chunk in chunks)
    return [answer for chunk in answers for answer in chunk]


def _chunk(function: Callable[[Task], Found], tasks: Sequence[Task]) -> list[Found]:
    with threadpool_limits(1):
        return [function(task) for task in tasks]
