"""Where a cohort comes from, written and read again."""

import json
from pathlib import Path

import pytest

from theragate.cohorts.provenance import Provenance
from theragate.study import Deidentification, FileSource, read_spec

ORIGIN = {"kind": "file", "path": "a.csv", "citation": "Drawn.", "licence": "None."}
FIRST = {"keep": "first", "reason": "The first visit."}


@pytest.mark.parametrize("more", [{}, {"text": ["sex", "ill"]}, {"id": "pat", "repeated": FIRST, "missing": ["."]}])
def test_a_record_is_read_as_it_was_written(more, tmp_path: Path):
    source = FileSource.model_validate_json(json.dumps(ORIGIN | more), strict=True)
    ages = Deidentification(ages=("age",), age_units={"age": "days"})
    written = Provenance(
        study="a_study",
        source=source,
        version="1",
        simulated=False,
        patients=3,
        columns={"patient": "str"},
        sha256="0" * 64,
        deidentification=ages,
    )
    file = tmp_path / "provenance.json"
    file.write_text(json.dumps(written.model_dump(mode="json")), encoding="utf-8")
    assert read_spec(Provenance, file, remedy="None.") == written
    assert "notes" not in json.loads(file.read_text(encoding="utf-8"))
    told = written.model_copy(update={"notes": ("12 records were left out.",)})
    file.write_text(json.dumps(told.model_dump(mode="json")), encoding="utf-8")
    assert read_spec(Provenance, file, remedy="None.") == told


def test_what_a_study_does_not_say_is_not_recorded():
    assert set(Deidentification().model_dump(mode="json")) == {"ages", "dates", "not_identifying", "removed"}
    source = FileSource.model_validate_json(json.dumps(ORIGIN), strict=True)
    assert "repeated" not in source.model_dump(mode="json")
