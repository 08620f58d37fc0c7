"""Arrow gives memory back: its own allocator keeps what a large column took, so that a process would grow with each.

Arrow reads the variable when it is first imported: here, and in the worker processes, which inherit it. Whoever has set
another allocator keeps it.
"""

import os

__all__: list[str] = []

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
