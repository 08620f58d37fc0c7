"""How fast a model is hashed, against what OpenSSL's own benchmark reaches on this machine."""

import re
import subprocess
import tempfile
import time
from pathlib import Path

from theragate.release.model_files import inspect_package

SIZE, TRIES = 256 << 20, 3
MLMODEL = "flavors:\n  python_function:\n    loader_module: theragate.serving\n    data: data/estimator\n"


def sha256_ratio() -> dict[str, float]:
    """Hash a package with one large file, which the disk's cache holds; the best of some tries.

    Both are measured in processor time, as OpenSSL does it: other work on the machine slows neither.
    """
    with tempfile.TemporaryDirectory() as folder:
        estimator = Path(folder, "data", "estimator")
        estimator.mkdir(parents=True)
        Path(folder, "MLmodel").write_text(MLMODEL, encoding="utf-8")
        (estimator / "model.ubj").write_bytes(b"\x5a" * SIZE)
        times = []
        for _ in range(TRIES):
            start = time.process_time()
            inspect_package(Path(folder))
            times.append(time.process_time() - start)
    ours, theirs = SIZE / min(times), openssl_speed()
    return {"sha256_mb_per_second": ours / 1e6, "sha256_ratio": ours / theirs}


def openssl_speed() -> float:
    """Return the bytes per second of `openssl speed` for SHA-256, in blocks of 16 kB."""
    done = subprocess.run(
        ["openssl", "speed", "-seconds", "2", "-bytes", "16384", "-evp", "sha256"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"^sha256\s+([\d.]+)k", done.stdout, re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise RuntimeError(f"openssl speed says something new: {done.stdout[-300:]}")
    return float(found.group(1)) * 1000
