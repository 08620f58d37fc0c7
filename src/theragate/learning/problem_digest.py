"""The digest of everything that a training depends on, so that no search resumes with trials of another."""

from pathlib import Path

import pandas as pd

from theragate.digests import sha256_bytes, sha256_file, sha256_json
from theragate.study import Study
from theragate.workers.alike import library_versions

__all__ = ["problem_digest", "problem_digest_of"]


def problem_digest(cohort: pd.DataFrame, study: Study, *, seed: int) -> str:
    """Return the SHA-256 of what a search depends on: cohort, study, seed, libraries and this package's code."""
    rows = sha256_bytes(pd.util.hash_pandas_object(cohort, index=False).to_numpy().tobytes())
    columns = [[str(name), str(kind)] for name, kind in cohort.dtypes.items()]
    return problem_digest_of(sha256_json([rows, columns]), study, seed=seed)


def problem_digest_of(cohort: str, study: Study, *, seed: int) -> str:
    """Return the same for a cohort whose digest is known."""
    here, installed = Path(__file__).parent, study.installed
    return sha256_json(
        {
            "cohort": cohort,
            "study": study.model_dump(
                mode="json", include={"name", "task", "outcome", "clusters", "features", "validation", "tuning"}
            ),
            "seed": seed,
            "versions": library_versions(),
            **({"extensions": {name: each.sha256 for name, each in installed.items()}} if installed else {}),
            "code": [sha256_file(path) for path in sorted(here.rglob("*.py"))],
        }
    )
