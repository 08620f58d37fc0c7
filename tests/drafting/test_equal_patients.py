"""What a draft says of patients who seem to occur twice."""

import pytest

from theragate.drafting.equal_patients import draft_equal_patients, told_of
from theragate.validation.types import Duplicates


def found(rows: int, patients: int) -> Duplicates:
    return Duplicates(rows=rows, equal=rows, share=rows / patients, by_chance=0.001, declared=0, pairs=(("1", "2"),))


@pytest.mark.parametrize(("rows", "patients"), [(1, 500), (20, 2000), (1, 100)])
def test_a_few_are_declared_for_a_person_to_confirm(rows, patients):
    twice = found(rows, patients)
    declared = draft_equal_patients("a_study", twice)["equal_patients"]
    assert declared["at_most"] == rows
    assert declared["reason"].startswith("REVIEW: ")
    assert "reports/a_study/validation.html" in declared["reason"]
    assert "for a person to confirm" in told_of(twice, patients)


@pytest.mark.parametrize(("rows", "patients"), [(1, 99), (21, 100_000), (200, 2000)])
def test_many_are_told_and_stop_the_study(rows, patients):
    assert draft_equal_patients("a_study", found(rows, patients)) == {}
    assert "`validate` will stop" in told_of(found(rows, patients), patients)


def test_nobody_twice_is_nothing_to_declare():
    assert draft_equal_patients("a_study", None) == {}
