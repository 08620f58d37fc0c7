"""What a process keeps between pieces of work, because the next one needs it too; a worker forgets it with its run."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["Kept", "forget_everything"]

Value = TypeVar("Value")

_ALL: list["Kept[Any]"] = []


class Kept(Generic[Value]):
    """Values by their keys, of which the `most` that were made last are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[Hashable, Value] = {}
        _ALL.append(self)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, which is made if it is not kept."""
        if key not in self._values:
            while len(self._values) >= self._most:
                del self._values[next(iter(self._values))]
            self._values[key] = make()
        return self._values[key]

    def forget(self) -> None:
        """Give back the memory."""
        self._values.clear()


def forget_everything() -> None:
    """Forget what is kept anywhere in this process."""
    for kept in _ALL:
        kept.forget()
