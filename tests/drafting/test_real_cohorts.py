"""Real cohorts of other packages, drafted without an edit: what came of each stands in docs/cohorts.md."""

import re

import pytest

from docs.real_cohorts import COHORTS, PAGE, line_of, try_cohort

LINES = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]


def test_the_page_has_a_line_for_each_of_at_least_20_cohorts():
    assert [line.split(" | ")[0].removeprefix("| ") for line in LINES] == [cohort.name for cohort in COHORTS]
    assert len(COHORTS) >= 20


@pytest.mark.parametrize(
    ("cohort", "line"), list(zip(COHORTS, LINES, strict=True)), ids=[each.name for each in COHORTS]
)
def test_a_cohort_comes_as_far_as_the_page_says(cohort, line, tmp_path, monkeypatch):
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert line_of(cohort, try_cohort(cohort, tmp_path)) == line


def test_most_cohorts_are_drafted_and_validated_and_every_refusal_gives_its_reason():
    through = [line for line in LINES if re.search(r"\| \d+ expectations", line)]
    refused = [line for line in LINES if "refused: " in line]
    assert len(through) + len(refused) == len(LINES)
    assert len(through) >= 15
    assert all("; received " in line for line in refused)
