"""The page: whole, offline, escaped, small, and free of patients' values."""

from html.parser import HTMLParser

import numpy as np

from theragate.validation.page import page
from theragate.validation.types import CheckResult, Duplicates, LeakageFinding, Validation

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """Checks that elements close in order; collects headings and everything that would be fetched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def finding(**changes: object) -> Validation:
    fields = {
        "study": "small_study",
        "cohort_sha256": "a" * 64,
        "suite_sha256": "b" * 64,
        "patients": 1234,
        "results": (),
        "leakage": (),
    }
    return Validation.model_validate(fields | changes)


def result(**changes: object) -> CheckResult:
    fields = {"id": "x", "type": "t", "columns": ("age",), "severity": "critical", "passed": True, "description": "d"}
    return CheckResult.model_validate(fields | changes)


def test_every_real_page_is_small_whole_and_offline(name, real, checked):
    study, found = real(name)[1], checked(name)
    html = page(found, study)
    outline = Outline(html)
    assert len(html.encode()) < 50_000
    assert outline.fetched == []
    assert not {"script", "link", "img", "iframe"} & set(outline.seen)
    assert "url(" not in html
    assert "@import" not in html
    assert html == page(found, study)
    text = " ".join(outline.text)
    assert all(entry.description in text for entry in found.results)
    assert "The cohort may be learned from." in text


def test_it_is_marked_up_for_a_screen_reader_and_a_phone(study):
    html = page(finding(results=(result(),)), study)
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "<th scope=col>Expectation</th>" in html
    assert "<th scope=row>" in html
    assert 'name="viewport"' in html
    assert html.count("<h1>") == 1
    assert "@media print" in html


def test_a_stop_is_said_in_words_with_the_patients_to_look_at(study):
    failed = result(id="age-range", passed=False, unexpected=25, unexpected_share=0.02, rows=("7", "19"), unit="years")
    soft = result(id="whole-table", severity="warning", passed=False, note="The cohort has 3 rows.")
    text = " ".join(Outline(page(finding(results=(failed, soft)), study)).text)
    assert "The study stops here" in text
    assert "Critical failures: 1. Leaks: 0. Warnings: 1." in text
    assert "25 (2.0%)" in text
    assert "ids 7, 19 and 23 more" in text
    assert "Unit: years." in text
    assert "The cohort has 3 rows." in text
    assert text.index("age-range") < text.index("What a person should look at") < text.index("whole-table")


def test_a_published_page_names_no_patient_and_counts_no_few(study):
    few = result(id="few", passed=False, unexpected=10, unexpected_share=0.125, rows=("p0731", "p0732"))
    one = result(id="one", unexpected=1, unexpected_share=0.0625)
    many = result(id="many", passed=False, unexpected=11, unexpected_share=0.25, rows=("p0733",))
    nobody = result(id="nobody", unexpected=0, unexpected_share=0.0)
    found = finding(results=(few, one, many, nobody))
    html = page(found, study, published=True)
    text = " ".join(Outline(html).text)
    assert "p073" not in html
    assert "ids " not in html
    assert "12.5%" not in html
    assert "6.2%" not in html
    assert html.count(">fewer than 11<") == 2
    assert "11 (25.0%)" in text
    assert ">0</td>" in html
    assert "named by id" not in html
    full = page(found, study)
    assert "p0731, p0732 and 8 more" in full
    assert "10 (12.5%)" in full
    assert "fewer than 11" not in full


def test_patients_who_occur_twice_are_named_to_those_who_may_see_the_data_alone(study):
    twice = Duplicates(rows=3, equal=1, share=0.075, by_chance=0.0002, pairs=(("p07", "p31"), ("p08", "p32")))
    found = finding(duplicates=twice)
    assert not found.passed
    assert finding(duplicates=twice.model_copy(update={"declared": 3})).passed
    full, shared = page(found, study), page(found, study, published=True)
    assert "p07 and p31; p08 and p32" in full
    assert "(7.5%), which stops the study" in full
    assert "p07" not in shared
    assert "7.5%" not in shared
    assert "fewer than 11 rows" in shared


def test_the_published_pages_of_the_real_cohorts_name_nobody(name, real, checked):
    study, found = real(name)[1], checked(name)
    html = page(found, study, published=True)
    assert "<p class=small>ids " not in html
    few = sum(0 < (entry.unexpected or 0) < 11 for entry in found.results)
    assert html.count(">fewer than 11<") == few


def test_a_leak_stands_with_its_interval_and_the_clinicians_name_of_the_column(study):
    leak = LeakageFinding(
        check="outcome_time",
        feature="marker",
        severity="critical",
        statistic="AUROC",
        estimate=0.9991,
        lower=0.995,
        upper=1.0,
        limit=0.99,
        sentence="It knows.",
    )
    text = " ".join(Outline(page(finding(leakage=(leak,)), study)).text)
    assert "blood marker, mg/dl" in text
    assert "AUROC 0.999 (95% interval 0.995 to 1.000), limit 0.990" in text
    assert "outcome time" in text
    assert "Leaks: 1." in text


def test_markup_in_names_is_shown_and_not_obeyed(study):
    evil = "<script>alert(1)</script>"
    leak = LeakageFinding(check="identity", feature=evil, severity="critical", sentence=evil, statistic=evil)
    check = result(
        columns=(evil,), description=evil, note=evil, reason=evil, unit=evil, passed=False, rows=(evil,), unexpected=1
    )
    hostile = study.model_copy(update={"card": study.card.model_copy(update={"title": evil, "population": evil})})
    html = page(finding(results=(check,), leakage=(leak,)), hostile)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 9
    Outline(html)


def test_a_planted_value_is_nowhere_on_the_page(run, cohort, rule, study):
    cohort["planted"] = np.where(cohort["ill"] == "yes", 987654.125, np.nan)
    found = run(
        cohort,
        rule("column_values_to_be_between", "a", column="planted", max_value=1),
        rule("column_max_to_be_between", "b", column="planted", max_value=1),
    )
    html = page(found, study)
    assert "planted" in html
    assert "987654" not in html
    assert found.leaks == ("planted",)


def test_a_sample_is_said_where_leaks_were_looked_for_in_one(study):
    said = "among 50,000 patients drawn at random"
    for leakage in ((), (LeakageFinding(check="copy", feature="x", severity="critical", sentence="A copy."),)):
        assert said in page(finding(leakage=leakage, leaks_among=50_000), study)
        assert said not in page(finding(leakage=leakage), study)
    assert "leaks_among" not in finding().model_dump(mode="json")
    sampled = finding(leaks_among=50_000)
    assert Validation.model_validate(sampled.model_dump(mode="json")) == sampled


def test_a_batch_with_which_the_outcome_goes_is_said_beside_leaks_and_is_none(study):
    leak = LeakageFinding(
        check="batch",
        feature="plate",
        severity="warning",
        statistic="share of the variation of the outcome that the batch explains",
        estimate=0.4341,
        limit=0.02,
        sentence="The outcome goes with the batch `plate`.",
    )
    found = finding(leakage=(leak,))
    assert found.passed
    assert (found.confounded, found.suspected, found.leaks) == (("plate",), (), ())
    text = " ".join(Outline(page(found, study)).text)
    assert "Confounded: plate" in " ".join(text.split())
    assert "that the batch explains 0.434, limit 0.020" in text
    assert "Confounded" not in page(finding(), study)
