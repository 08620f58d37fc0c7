"""Numbers of simulations that the text tells again are those of the tables, which a command writes."""

import re

import pytest
from documentation.pages import ROOT

from theragate.evidence.intervals.widening import factor, paired_factor

STATISTICS = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
PREDICTIONS = (ROOT / "docs" / "predictions.md").read_text(encoding="utf-8")
WARFARIN = (ROOT / "docs" / "warfarin.md").read_text(encoding="utf-8")

# The words around a number (and of how many it is), and the table, the row and the column that it comes from.
TOLD = [
    (STATISTICS, "only in large cohorts: (11) of (250)", "false_answers", "`sensitivity` | 12,000", "Pass"),
    (STATISTICS, "lowest coverage, (91.3) of (100)", "membership", "300 | 10 | loss", "Covers it"),
    (
        STATISTICS,
        "200 patients show it in (10) of (100)",
        "called_real",
        "different effects | 200",
        "Ranking called real",
    ),
    (STATISTICS, "trials and 800 in (59)", "called_real", "different effects | 800", "Ranking called real"),
    (STATISTICS, "of an event in (25) of (100)", "called_real", "effects, two classes | 800", "Ranking called real"),
    (STATISTICS, "and in (17) with censoring", "called_real", "effects, censored | 800", "Ranking called real"),
    (PREDICTIONS, "they held (98) ± 2 of (100)", "answers", "effect, different effects | 800", "Interval holds"),
    (PREDICTIONS, "some of these by luck, (77) ± 15", "answers", "effect, different effects | 200", "Interval holds"),
]


def cell(table: str, row: str, column: str) -> float:
    """The first number in one cell of a table on the page of statistics."""
    text = STATISTICS.partition(f"<!-- {table} -->")[2].partition(f"<!-- end {table} -->")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    (line,) = [line for line in lines if f" {row}" in line]
    place = [title.strip() for title in lines[0].strip("|").split("|")].index(column)
    return float(re.findall(r"[\d.]+", line.strip("|").split("|")[place])[0])


def told(page: str, words: str) -> list[float]:
    """The numbers in brackets of `words`, of which the page has exactly these."""
    exactly = re.escape(words).replace(r"\(", "(").replace(r"\)", ")").replace(r"\ ", r"\s+")
    match = re.search(exactly, page)
    assert match, f"the page does not say `{words}`"
    return [float(number) for number in match.groups()]


@pytest.mark.parametrize(("page", "words", "table", "row", "column"), TOLD, ids=[told[1] for told in TOLD])
def test_a_share_in_the_text_is_that_of_its_table(page, words, table, row, column):
    count, of = (*told(page, words), 100.0)[:2]
    assert count == pytest.approx(cell(table, row, column) / 100 * of, abs=0.5)


def test_the_factors_in_the_text_are_those_that_are_applied():
    text = " ".join(STATISTICS.split())
    sentence = re.search(r"for performance [^.]+?\. A study counts", text.replace("1.", "1·").replace("2.", "2·"))
    assert sentence
    told = [float(number.replace("·", ".")) for number in re.findall(r"\d·\d\d", sentence[0])]
    risks, forest = ("binary", "survival"), {"task": "survival", "forest": True}
    assert told == [
        *(factor("brier", task=task) for task in ("binary", "regression", "survival")),
        factor("brier", **forest),
        *(factor("sensitivity", task=task) for task in risks),
        factor("sensitivity", **forest),
        *(factor("calibration_slope", task=task) for task in ("binary", "regression", "survival")),
        factor("calibration_slope", **forest),
        *(paired_factor(task) for task in ("binary", "regression", "survival")),
    ]


def test_the_error_in_the_story_of_warfarin_is_that_of_its_table():
    declared = next(line for line in WARFARIN.splitlines() if line.startswith("| the common panel, as declared"))
    error = declared.split("|")[3].strip()
    assert f"the mean error in Black patients was {error} mg" in " ".join(WARFARIN.split())
