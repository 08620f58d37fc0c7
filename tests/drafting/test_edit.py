"""An entry of params.yaml is renamed or taken out, and all that people wrote around it stays."""

import pytest
from ruamel.yaml import YAML

from theragate.drafting.edit import renamed_study, without_study
from theragate.errors import ConfigurationError

TEXT = """\
# The project.
seed: 1  # for all
policies:
  every_study: {}

studies:
  # What stands above the first may be about all.
  first_one:
    task: binary   # first_one is only a word here
    notes: first_one

  # Drafted by `theragate new-study` from a.csv. A text that begins with REVIEW is for a person.
  # It goes with its study.
  second_one:
    task: binary

  third_one:
    task: survival
    # The last line of the third.

# Behind all.
"""


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["first_one", "second_one", "third_one"])
def test_a_name_alone_changes(name, params):
    text = renamed_study(params, name, "another")
    changed = [(old, new) for old, new in zip(TEXT.splitlines(), text.splitlines(), strict=True) if old != new]
    assert changed == [(f"  {name}:", "  another:")]
    assert (
        list(YAML(typ="safe").load(text)["studies"])[("first_one", "second_one", "third_one").index(name)] == "another"
    )


def test_the_first_is_taken_out_and_what_is_about_all_stays(params):
    text = without_study(params, "first_one")
    assert "may be about all.\n  # Drafted" in text
    assert list(YAML(typ="safe").load(text)["studies"]) == ["second_one", "third_one"]


def test_one_in_between_goes_with_the_comment_above_it(params):
    start, end = TEXT.index("  # Drafted"), TEXT.index("  third_one")
    assert without_study(params, "second_one") == TEXT[:start] + TEXT[end:]


def test_the_last_goes_with_the_blank_line_before_it(params):
    start, end = TEXT.index("\n  third_one"), TEXT.index("\n# Behind all")
    assert without_study(params, "third_one") == TEXT[:start] + TEXT[end:]


def test_of_all_studies_an_empty_block_is_left(params):
    for name in ("second_one", "first_one", "third_one"):
        params.write_text(without_study(params, name), encoding="utf-8")
    assert YAML(typ="safe").load(params)["studies"] == {}
    assert "# Behind all." in params.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "edit", [lambda path: renamed_study(path, "first_one", "x_y_z"), lambda path: without_study(path, "first_one")]
)
def test_a_layout_in_which_that_cannot_be_is_refused(edit, params):
    params.write_text("seed: 1\nstudies: {first_one: &it {task: binary}, second_one: *it}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"without a change to others; received a layout"):
        edit(params)
