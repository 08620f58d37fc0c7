"""Each task's study, and evidence that every gate lets through."""

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence

from theragate.evidence.types import Evidence
from theragate.study import Study


@pytest.fixture(params=list(STUDIES))
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]


@pytest.fixture
def evidence(study: Study) -> Evidence:
    return good_evidence(study)


@pytest.fixture
def survival() -> Evidence:
    return good_evidence(STUDIES["survival"])
