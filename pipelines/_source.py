"""Make a stage run the code that stands beside it, also in the temporary copies in which DVC runs experiments.

And make it compute alike on all x86-64 processors that have AVX2. OpenBLAS and NumPy pick their kernels by the
processor: OpenBLAS then adds in another order, and the last digits of NumPy's exponentials differ, so that a model
would differ, and `dvc.lock` with it. Kernels for AVX2 run on all of them; on these cohorts they cost no time.
"""

import os
import platform
import sys
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say in one line that Ctrl-C came while a stage still imported its libraries, which takes seconds."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted; run the same command to go on\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _show
_CPU = Path("/proc/cpuinfo")
if platform.machine() == "x86_64" and _CPU.exists() and " avx2 " in _CPU.read_text(encoding="utf-8"):
    os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL AVX512_SPR")
