"""Whether two machines give the same result to the bit: their code, their libraries and their arithmetic."""

import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scipy.linalg
import scipy.special
import threadpoolctl

from theragate.digests import sha256_bytes, sha256_file, sha256_json

__all__ = ["difference", "kernels", "library_versions", "machine"]

_LIBRARIES = ("econml", "numpy", "optuna", "pandas", "scikit-learn", "scikit-survival", "scipy", "xgboost")
_OF_IMAGES = ("pillow", "pydicom", "scikit-image")
_ARITHMETIC = "arithmetic"
_KERNELS = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that a model's numbers depend on."""
    return {name: version(name) for name in _LIBRARIES}


@cache
def machine() -> Mapping[str, str]:
    """Return what this process computes with, by name: code and libraries by version, arithmetic by a result's digest.

    Processors differ in how they add up a product of matrices and in their exponentials; libraries choose by what they
    find. So the digest is of such results.
    """
    return {
        "Theragate": f"{version('theragate')} ({_code()[:12]})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **library_versions(),
        "Great Expectations": version("great-expectations"),
        **{name: version(name) for name in _OF_IMAGES},
        _ARITHMETIC: _arithmetic()[:12],
    }


def kernels() -> dict[str, str]:
    """Return the environment variables by which this process chose the kernels of OpenBLAS and NumPy."""
    return {name: os.environ[name] for name in _KERNELS if name in os.environ}


def difference(theirs: Mapping[str, str], ours: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Return the first difference, as a name and what either has; None if there is none."""
    for name in ours:
        if theirs.get(name) != ours[name]:
            return name, theirs.get(name, "nothing"), ours[name]
    return None


def _code() -> str:
    """Digest the package's own files."""
    root = Path(__file__).parents[1]
    files = sorted(path for path in root.rglob("*.py") if "template" not in path.relative_to(root).parts)
    return sha256_json({path.relative_to(root).as_posix(): sha256_file(path) for path in files})


def _arithmetic() -> str:
    drawn = np.random.default_rng(0).standard_normal((257, 257))
    positive = np.abs(drawn) + 1e-3
    with threadpoolctl.threadpool_limits(1):
        results = [
            drawn @ drawn.T,
            np.linalg.solve(drawn, drawn[0]),
            scipy.linalg.cho_factor(drawn @ drawn.T + 257 * np.eye(257))[0],
            np.exp(drawn),
            np.log(positive),
            np.log1p(positive),
            np.sqrt(positive),
            np.tanh(drawn),
            scipy.special.expit(drawn),
            np.asarray(drawn.sum()),
            drawn.astype(np.float32) @ drawn.astype(np.float32),
        ]
    return sha256_bytes(b"".join(np.ascontiguousarray(each).tobytes() for each in results))
