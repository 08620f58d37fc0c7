"""A suite that is wrong is refused with one clear error, before Great Expectations could drop what it does not know."""

import json
import subprocess
import sys
import warnings

import pytest
from support import ROOT

from theragate.errors import ConfigurationError
from theragate.validation._expectation_types import ARGUMENTS, EXPECTATIONS
from theragate.validation.suites import read_suite


def test_every_study_has_a_suite_whose_rules_say_what_they_mean(name):
    path = ROOT / "expectations" / f"{name}.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    suite = read_suite(path, study=name)
    assert len(suite.expectations) == len(raw["expectations"]) >= 35
    assert all(entry.meta.description.endswith(".") for entry in suite.expectations)
    ranges = [e for e in suite.expectations if e.type == "expect_column_values_to_be_between"]
    assert all(entry.meta.reason for entry in ranges if "mostly" not in entry.kwargs and "max_value" in entry.kwargs)
    unique = [e for e in suite.expectations if e.type.endswith("to_be_unique") and e.columns == ("patient",)]
    assert [entry.severity for entry in unique] == ["critical"]


def test_the_digest_is_of_the_files_bytes(write, rule):
    path = write(rule("column_to_exist", column="age"))
    first = read_suite(path, study="small_study").sha256
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert read_suite(path, study="small_study").sha256 != first
    assert len(first) == 64


def test_a_missing_suite(tmp_path):
    with pytest.raises(ConfigurationError, match=r"suite `x.json`: every study has a suite; received no such file"):
        read_suite(tmp_path / "x.json", study="x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the file is valid JSON; received an error at line 1"),
        ("", "the file is valid JSON"),
        ("[" * 100_000, "the file is valid JSON"),
        ("[]", r"its keys are name, meta, expectations; received JSON of another type \(list\)"),
        ('{"name": "small_study", "rules": []}', "its keys are name, meta, expectations; received `name`, `rules`"),
        ('{"name": "small_study", "name": "x"}', "the key `name` twice"),
        ('{"name": "other", "expectations": [1]}', "its `name` is its study's, `small_study`; received `other`"),
        ('{"name": "small_study"}', "at least one expectation; received none"),
        ('{"name": "small_study", "expectations": []}', "at least one expectation; received none"),
        ('{"name": "small_study", "expectations": {}}', "at least one expectation; received none"),
        (
            '{"name": "small_study", "expectations": [3]}',
            "expectation 1: this entry is a mapping.*received 3",
        ),
        ('{"name": "small_study", "expectations": [NaN]}', "the word NaN"),
    ],
)
def test_a_file_that_is_no_suite(text, message, tmp_path):
    path = tmp_path / "small_study.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read_suite(path, study="small_study")


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "small_study.json"
    path.write_bytes(b"\xff\xfe\xfa{")
    with pytest.raises(ConfigurationError, match="the file is valid JSON"):
        read_suite(path, study="small_study")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda e: e.update(type="expect_column_to_be_nice"),
            "that a suite may use; received `expect_column_to_be_nice`",
        ),
        (
            lambda e: e.update(type="expect_column_values_to_be_betwen"),
            "the nearest is `expect_column_values_to_be_between`",
        ),
        (lambda e: e.update(type="unexpected_rows_expectation"), "received `unexpected_rows_expectation`"),
        (lambda e: e.update(severity="info"), "`severity`: .*'critical' or 'warning'; received 'info'"),
        (lambda e: e.pop("severity"), "`severity`: this key is required; received none"),
        (lambda e: e.update(severty="critical"), "`severty`: there is no such key; received an unknown key"),
        (lambda e: e.pop("kwargs"), "`kwargs`: this key is required"),
        (lambda e: e["kwargs"].update(row_condition="age > 3"), "takes `column`, .*; received `row_condition`"),
        (lambda e: e["kwargs"].update(minimum=3), "takes `column`, .*; received `minimum`"),
        (lambda e: e["kwargs"].pop("column"), "needs the argument `column`; received `min_value`"),
        (lambda e: e["kwargs"].pop("min_value"), "needs `min_value` or `max_value`; received `column`"),
        (
            lambda e: e["kwargs"].update(column=["age"]),
            r"the argument `column` is the name of a column; received `\['age'\]`",
        ),
        (
            lambda e: e["kwargs"].update(mostly=75),
            "the argument `mostly` is a share above 0 and at most 1; received `75`",
        ),
        (
            lambda e: e["kwargs"].update(mostly=0),
            "the argument `mostly` is a share above 0 and at most 1; received `0`",
        ),
        (lambda e: e["kwargs"].update(min_value=True), "the argument `min_value` is a number; received `True`"),
        (lambda e: e["kwargs"].update(min_value="18"), "the argument `min_value` is a number; received `'18'`"),
        (lambda e: e["kwargs"].update(max_value=1), "`min_value` is at most `max_value`; received 18 and 1"),
        (lambda e: e["meta"].pop("id"), "`meta.id`: this key is required"),
        (lambda e: e["meta"].update(id="Age Range!"), "`meta.id`: .*pattern.*received 'Age Range!'"),
        (lambda e: e["meta"].pop("description"), r"\(`the-rule`\), key `meta.description`: this key is required"),
        (lambda e: e["meta"].update(author="x"), "`meta.author`: there is no such key"),
        (lambda e: e.update(meta=None), "`meta`"),
    ],
)
def test_a_wrong_expectation_is_named(change, message, write, rule):
    entry = rule("column_values_to_be_between", column="age", min_value=18)
    change(entry)
    path = write(rule("column_to_exist", "first", column="age"), entry)
    with pytest.raises(ConfigurationError, match=rf"suite `small_study.json`, expectation 2.*{message}"):
        read_suite(path, study="small_study")


def test_two_expectations_with_one_id(write, rule):
    path = write(rule("column_to_exist", column="age"), rule("column_to_exist", column="sex"))
    with pytest.raises(ConfigurationError, match="an id of its own; received `the-rule` twice"):
        read_suite(path, study="small_study")


def test_reading_a_suite_loads_no_heavy_library():
    code = (
        "import sys; from pathlib import Path; from theragate.validation.suites import read_suite;"
        "import theragate.validation.types;"
        f"read_suite(Path({str(ROOT)!r}) / 'expectations/diabetes_progression.json', study='diabetes_progression');"
        "heavy = {'great_expectations', 'pandas', 'scipy', 'sklearn', 'sksurv'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_vocabulary_is_the_librarys():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of its own imports
        import great_expectations  # noqa: F401 - fills the registry
        from great_expectations.expectations.registry import get_expectation_impl

        from theragate.validation import _ratio_expectation  # noqa: F401 - adds our own
    used = set()
    for name, arguments in EXPECTATIONS.items():
        fields = get_expectation_impl(name).__fields__
        named = {*arguments.needed, *arguments.taken}
        assert named <= set(fields), name
        assert set(arguments.one_of) <= named, name
        required = {field for field, detail in fields.items() if detail.required}
        assert required <= set(arguments.needed), name
        used |= named
    assert used == set(ARGUMENTS)
