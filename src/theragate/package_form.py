"""The form of a packaged model's texts: each has one spelling only, so that no two readers can differ about it.

MLflow, pip, conda and this package read ``MLmodel``, ``requirements.txt``, ``conda.yaml`` and ``python_env.yaml`` each
with a parser of its own, and parsers of YAML differ: about comments that a Unicode line break ends, repeated keys,
merge keys, several documents. JSON in one spelling is YAML, too, and leaves them nothing to differ about.
"""

import json
from collections.abc import Sequence
from typing import Any

__all__ = ["CONDA", "DESCRIPTION", "ENVIRONMENT", "ESTIMATOR", "PYTHON", "REQUIREMENTS", "environment", "written"]

DESCRIPTION = "MLmodel"
ESTIMATOR = "data/estimator"
REQUIREMENTS, CONDA, PYTHON = "requirements.txt", "conda.yaml", "python_env.yaml"
ENVIRONMENT = {"conda": CONDA, "virtualenv": PYTHON}
"""What a description says of the files from which MLflow makes an environment."""


def written(document: Any) -> bytes:
    """Return the one text of a document: JSON with sorted keys, in ASCII.

    Raises
    ------
    ValueError
        If it holds a number that JSON cannot express, or a sign outside the Basic Multilingual Plane: readers of YAML
        and of JSON do not read such a sign alike.
    """
    text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False)
    if any(f"\\ud{digit}" in text for digit in "89abcdef"):
        raise ValueError("a sign that readers do not read alike")
    return f"{text}\n".encode("ascii")


def environment(python: str, requirements: Sequence[str]) -> dict[str, bytes]:
    """Return the files from which tools install what loads a model, all from one list.

    Parameters
    ----------
    python
        The version of Python, such as ``3.11``.
    requirements
        Each as ``name==version``.
    """
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": list(requirements)}],
    }
    build = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
    return {
        REQUIREMENTS: "".join(f"{line}\n" for line in requirements).encode("utf-8"),
        CONDA: written(conda),
        PYTHON: written(build),
    }
