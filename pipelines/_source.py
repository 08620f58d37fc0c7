"""Make a stage run the code that stands beside it, also in the temporary copies in which DVC runs experiments.

And make it compute alike on all x86-64 processors. OpenBLAS picks its kernels by the processor and adds in another
order with each, so that a model would differ in its last digits, and `dvc.lock` with it. Kernels for AVX2 run on all
that have it; on these cohorts they cost no time.
"""

import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))


def _has_avx2() -> bool:
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return False


if platform.machine() == "x86_64" and _has_avx2():
    os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")  # read when NumPy and SciPy are imported
