"""The real cohorts as ingest leaves them, and a small one whose suite a test can change."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import ROOT, small_study

from theragate.cohorts.cohort_frame import CohortFrame
from theragate.cohorts.deidentify import deidentify
from theragate.cohorts.sources import read_source
from theragate.study import Study, load_study
from theragate.validation.run_suite import validate
from theragate.validation.types import Validation

STUDIES = ("breast_cancer_diagnosis", "diabetes_progression", "heart_attack_survival", "light_chain_mortality")


@cache
def _real(name: str) -> tuple[pd.DataFrame, Study]:
    study = load_study(ROOT / "params.yaml", name)
    frame = deidentify(read_source(study.source, ROOT, study=name).frame, study.deidentification, study=name)
    frame.insert(0, "patient", pd.Series(range(1, len(frame) + 1)).astype("str"))
    return frame, study


@pytest.fixture(scope="session")
def real() -> Callable[[str], tuple[pd.DataFrame, Study]]:
    """A real cohort, copied, and its study."""

    def load(name: str) -> tuple[pd.DataFrame, Study]:
        frame, study = _real(name)
        return frame.copy(), study

    return load


@cache
def _checked(name: str) -> Validation:
    frame, study = _real(name)
    return validate(CohortFrame(frame), study, suite=ROOT / "expectations" / f"{name}.json", cohort_sha256="1" * 64)


@pytest.fixture(scope="session")
def checked() -> Callable[[str], Validation]:
    """What validation finds in a real cohort."""
    return _checked


@pytest.fixture(scope="session", params=STUDIES)
def name(request: pytest.FixtureRequest) -> str:
    """Each of the four studies in turn."""
    return str(request.param)


@pytest.fixture
def study() -> Study:
    """A small binary study."""
    return Study.model_validate({"name": "small_study", **small_study()})


@pytest.fixture
def cohort() -> pd.DataFrame:
    """Forty patients: p00 to p39."""
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "patient": [f"p{number:02d}" for number in range(40)],
            "age": random.integers(40, 80, 40).astype(float),
            "sex": ["f", "m"] * 20,
            "upper": random.uniform(110, 150, 40),
            "lower": random.uniform(60, 90, 40),
            "ill": ["yes", "no", "no", "yes"] * 10,
        }
    )


def rule(
    expectation: str, /, identifier: str = "the-rule", severity: str = "critical", **kwargs: Any
) -> dict[str, Any]:
    """One expectation as it stands in a suite."""
    return {
        "type": f"expect_{expectation}",
        "kwargs": kwargs,
        "severity": severity,
        "meta": {"id": identifier, "description": "A sentence."},
    }


@pytest.fixture(name="rule")
def _rule() -> Callable[..., dict[str, Any]]:
    return rule


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a suite of expectations for the small study."""

    def write(*expectations: dict[str, Any]) -> Path:
        path = tmp_path / "small_study.json"
        content = {"name": "small_study", "meta": {}, "expectations": expectations}
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def run(write: Callable[..., Path], study: Study) -> Callable[..., Validation]:
    """Validate a cohort of the small study against the expectations given."""

    def run(cohort: pd.DataFrame, *expectations: dict[str, Any]) -> Validation:
        return validate(CohortFrame(cohort), study, suite=write(*expectations), cohort_sha256="0" * 64)

    return run
