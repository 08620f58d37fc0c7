"""What a study may learn from records: nothing that happened after the index date."""

from typing import Any

import pytest
from support import small_study

from theragate.errors import ConfigurationError
from theragate.study import Study

AFTER = {"first_day": 1, "last_day": 90}


def read(window: dict[str, Any], **changes: Any) -> Study:
    late = {"view": "encounters", "take": "count", "window": window}
    source = {
        "kind": "fhir",
        "path": "export",
        "citation": "Made up.",
        "licence": "None.",
        "index": {"view": "encounters"},
        "columns": {"ill": {"view": "deaths", "take": "exists", "window": AFTER}, "visits": late},
    }
    return Study.read(small_study() | {"source": source} | changes, name="s_1", gate_keys={})


@pytest.mark.parametrize("window", [AFTER, {"first_day": -30, "last_day": 1}, {"last_day": None}])
def test_a_feature_that_looks_past_the_index_date_is_refused(window):
    with pytest.raises(ConfigurationError) as caught:
        read(window)
    assert "what happened after the index date is an outcome, or no model sees it; received `visits`" in str(
        caught.value
    )


def test_one_that_no_model_sees_or_that_looks_back_is_not():
    assert read({"last_day": 0}).source.after_index == ("ill",)  # type: ignore[attr-defined] # of FHIR
    assert read(AFTER, features={"dropped": {"visits": "Known only later."}}).hidden >= {"visits", "ill"}
    read(AFTER, deidentification={"ages": ["age"], "removed": {"visits": "Not needed."}})
