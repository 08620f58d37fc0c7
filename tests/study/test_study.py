"""``params.yaml`` becomes strict studies; whatever is wrong is named by its key, in one line."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from theragate.errors import ConfigurationError
from theragate.study import Spec, Study, load_seed, load_studies, load_study, parse, resolved_entry, study_names

PARAMS = Path(__file__).parents[2] / "params.yaml"
STUDIES = {name: resolved_entry(PARAMS, name) for name in study_names(PARAMS)}
SURVIVAL = "heart_attack_survival"


def read(name: str = SURVIVAL, **changes: Any) -> Study:
    """Read a study of the project in which keys, written with dots as ``tuning__trials``, have other values."""
    content = copy.deepcopy(STUDIES[name])
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    return parse(Study, {"name": name, **content}, at=f"studies.{name}")


@pytest.fixture
def params(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "params.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_every_study_of_the_project_is_read():
    assert [study.name for study in load_studies(PARAMS)] == study_names(PARAMS) == list(STUDIES)
    assert load_seed(PARAMS) >= 0


def test_outcome_columns_by_task():
    assert load_study(PARAMS, SURVIVAL).outcome_columns == ("lenfol", "fstat")
    assert load_study(PARAMS, "diabetes_progression").outcome_columns == ("progression",)


def test_a_study_does_not_change():
    study = read()
    with pytest.raises(ValidationError, match="frozen"):
        study.task = "binary"  # type: ignore[misc]  # the assignment is what is tested


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tunning": {}}, "`studies.heart_attack_survival.tunning`: a key is one of those.*received an unknown key"),
        ({"tuning__budget": 1}, "`studies.heart_attack_survival.tuning.budget`"),
        ({"tuning__trials": "many"}, r"`studies.heart_attack_survival.tuning.trials`.*integer.*received 'many'"),
        ({"tuning__trials": 0}, "greater than or equal to 1; received 0"),
        ({"tuning__trials": 1.5}, "integer"),
        ({"task": "clustering"}, "'binary', 'regression', 'survival' or 'treatment_effect'; received 'clustering'"),
        ({"task": "binary"}, "task `binary` does not fit this `outcome`"),
        (
            {"source__kind": "telepathy"},
            r"source.kind`: .* one of 'bundled', 'file',.*; received 'telepathy'",
        ),
        ({"source": {"name": "whas500"}}, "source.kind`: this key is required; received none"),
        ({"source": "whas500"}, "source`: this entry is a mapping of keys to values; received 'whas500'"),
        ({"source__path": "x.csv"}, "source.*path`: a key is one of those"),
        ({"outcome__unit": "weeks"}, "'days', 'months' or 'years'; received 'weeks'"),
        ({"outcome__horizon": -1}, "greater than 0; received -1"),
        ({"outcome__horizon": float("nan")}, "finite number"),
        ({"validation__scheme": "magic"}, "scheme`.*'nested_cross_validation', .*'site'; received 'magic'"),
        ({"validation__folds": 1}, "greater than or equal to 2; received 1"),
        ({"features__dropped": {"los": ""}}, "dropped.los`.*at least 3 characters"),
        ({"features__dropped": {"fstat": "The outcome."}}, "`fstat` is an outcome column"),
        ({"subgroups__Sex": {}}, "should match pattern"),
        ({"scenarios__nothing": {"reason": "Why not."}}, "a scenario needs `missing` or `noise`"),
        ({"scenarios__odd": {"missing": {"bmi": 1.5}, "reason": "Why not."}}, "less than or equal to 1; received 1.5"),
        ({"decision__threshold": 0.9}, "`threshold` must lie inside `range`"),
        ({"decision__range": [0.4, 0.1]}, "`range` must ascend"),
        ({"gates": []}, r"gates`: this entry is a mapping of keys to values; received \[\]"),
        ({"card__cautions": "one"}, "card.cautions`.*received 'one'"),
        ({"card__owner": None}, "card.owner`.*received None"),
    ],
)
def test_a_wrong_entry_is_named(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        read(**changes)


def test_a_key_that_is_left_out_is_named():
    content = {key: value for key, value in STUDIES[SURVIVAL].items() if key != "card"}
    with pytest.raises(ConfigurationError, match=r"key `studies\.x\.card`: this key is required; received none"):
        parse(Study, {"name": SURVIVAL, **content}, at="studies.x")


def test_a_regression_has_no_threshold():
    decision = STUDIES[SURVIVAL]["decision"]
    with pytest.raises(ConfigurationError, match="a regression study has no risk"):
        read("diabetes_progression", decision=decision)


WEB = {
    "kind": "url",
    "url": "https://example.org/t.csv",
    "sha256": "0" * 64,
    "format": "csv",
    "citation": "One.",
    "licence": "Free.",
}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"decision__threshold": 1.5}, "decision.threshold"),
        ({"decision": {"none": 5}}, "decision.none"),
        ({"subgroups__age_band__bands": ["x"]}, "subgroups.age_band.bands.0"),
        ({"subgroups__sex__labels": {0: "male", 1: "female"}}, "subgroups.sex.labels.0"),
        ({"outcome__horizon": "soon"}, "outcome.horizon"),
        ({"source__name": 5}, "source.name"),
        ({"source": {**WEB, "sha256": "abc"}}, "source.sha256`"),
        ({"source": {key: WEB[key] for key in WEB if key != "format"}}, "source.format`"),
        ({"decision": {"none": "Nothing is decided.", "threshold": 0.1}}, "decision.threshold`"),
        ({"source": {**WEB, "url": "https://ada:hunter2@example.org/t.csv"}}, "source.url`"),
        ({"source": {**WEB, "token": "hunter2"}}, "source.token`"),
        ({"validation__folds": 1}, "validation.folds"),
    ],
)
def test_the_key_in_the_message_is_the_key_in_the_file(changes, key):
    with pytest.raises(ConfigurationError) as caught:
        read(**changes)
    assert caught.value.subject.startswith(f"params.yaml, key `studies.{SURVIVAL}.{key}")
    assert "hunter2" not in str(caught.value)


def test_the_key_of_a_gate_s_entry_is_the_key_in_the_file():
    gates = {**STUDIES[SURVIVAL]["gates"], "calibration": {"slope": [0.85, "x"], "reason": "Why not."}}
    with pytest.raises(ConfigurationError, match=r"gates\.calibration\.slope\.1`.*received 'x'"):
        parse(Slope, read(gates=gates).gates["calibration"], at="gates.calibration")


class Slope(Spec):
    slope: tuple[float, float]
    reason: str


def test_a_long_entry_is_shown_cut():
    with pytest.raises(ConfigurationError, match=f"received '{'x' * 78}…"):
        read(tuning__trials="x" * 100)


def test_a_column_is_declared_once():
    with pytest.raises(ConfigurationError, match="`age` is named more than once"):
        read(deidentification={"ages": ["age"], "removed": {"age": "Not needed."}})


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("warfarin_dose", {"title": "Dose", "column": "dose", "bands": [21], "judged": True}),
        (SURVIVAL, {"title": "Dead", "column": "fstat", "labels": {"0": "alive", "1": "dead"}, "judged": False}),
    ],
)
def test_groups_by_the_outcome_are_for_a_regression_and_never_judged(name, group):
    with pytest.raises(ConfigurationError, match="groups patients by the outcome"):
        read(name, subgroups__by_outcome=group)


def test_a_simulated_source_has_a_world_a_size_and_a_seed():
    assert read("dementia_risk").source.world == "caide_dementia"
    with pytest.raises(ConfigurationError, match=r"`studies\.dementia_risk\.source\.patients`.*received 10"):
        read("dementia_risk", source__patients=10)


def test_bands_that_do_not_ascend_are_said_to_be_so():
    with pytest.raises(ConfigurationError, match="must ascend"):
        read(subgroups__age_band__bands=[75, 65])


@pytest.mark.parametrize("outcome", [None, 5, "died", ["died"]])
def test_an_outcome_of_a_wrong_type_is_refused_in_one_line(outcome):
    with pytest.raises(ConfigurationError, match=r"studies\.heart_attack_survival\.outcome"):
        read(outcome=outcome)


@pytest.mark.parametrize(
    "changes",
    [
        {"tuning__trials": "20"},
        {"tuning__trials": True},
        {"subgroups__sex__judged": "no"},
        {"subgroups__sex__judged": 1},
    ],
)
def test_a_value_of_a_wrong_type_is_refused_and_not_guessed(changes):
    with pytest.raises(ConfigurationError, match="received"):
        read(**changes)


def test_the_label_of_the_unknown_cannot_be_taken():
    with pytest.raises(ConfigurationError, match="Missing"):
        read(subgroups__sex__labels={"0": "Missing", "1": "female"})


def test_a_study_s_name_is_its_key(params):
    content = {**STUDIES[SURVIVAL], "name": "another_study"}
    path = params(yaml.safe_dump({"seed": 1, "studies": {SURVIVAL: content}}))
    with pytest.raises(ConfigurationError, match=rf"`studies\.{SURVIVAL}\.name`: .*; received 'another_study'"):
        load_study(path, SURVIVAL)


@pytest.mark.parametrize(
    "text",
    [
        "studies: {abc: {since: 2024-13-45}}",
        "studies: [",
        "studies: *nobody",
        b"\xff\xfe\x00",
        b"studies: \xe9",
        "\x00",
        "a: b: c",
    ],
)
def test_invalid_yaml_is_one_line(text, params):
    with pytest.raises(ConfigurationError, match=r"the file is valid YAML; received a syntax error at") as caught:
        study_names(params(text))
    assert "\n" not in str(caught.value)


def test_yaml_makes_no_objects(params, tmp_path):
    target = tmp_path / "made"
    with pytest.raises(ConfigurationError, match="valid YAML"):
        study_names(params(f"studies: !!python/object/apply:os.mkdir ['{target}']"))
    assert not target.exists()


def test_the_place_of_a_syntax_error_is_named(params):
    with pytest.raises(ConfigurationError, match="line 3, column 7"):
        study_names(params("seed: 1\nstudies:\n  a: b: c\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "params.yaml: it is a mapping of keys to values; received NoneType"),
        ("- 1", "received list"),
        ("seed: 1", "it has a key `studies`; received none. Write `studies: {}`"),
        ("studies:", "it has a key `studies`"),
        ("studies: []", "studies: it is a mapping of keys to values; received list"),
        ("studies: {}", r"a name that is not there \(there are none\)"),
        ("studies: {abc: 5}", "studies.abc: it is a mapping of keys to values; received int"),
        ("studies: {abc: }", "studies.abc: it is a mapping"),
        ("sed: 1\nstudies: {abc: {}}", "its keys are seed, policies, studies; received the unknown key `sed`"),
        ("1: 2\nstudies: {abc: {}}", "the unknown key `1`"),
        ("studies: {xyz: {}}", "there are xyz"),
    ],
)
def test_a_file_of_another_form_is_refused(text, message, params):
    with pytest.raises(ConfigurationError, match=message):
        load_study(params(text), "abc")


@pytest.mark.parametrize("name", ["1", "true", "2024-01-01", "null", "1.5"])
def test_a_study_name_that_yaml_does_not_read_as_text_is_refused(name, params):
    path = params(f"studies: {{{name}: {{}}}}")
    with pytest.raises(ConfigurationError, match="stud"):
        load_study(path, "abc")
    with pytest.raises(ConfigurationError, match="stud"):
        study_names(path)


@pytest.mark.parametrize(
    "text",
    ["seed: 1\nseed: 2\nstudies: {abc: {}}", "studies: {abc: {task: binary}, abc: {task: survival}}"],
)
def test_a_key_that_is_written_twice_is_refused(text, params):
    with pytest.raises(ConfigurationError, match="twice"):
        study_names(params(text))


def test_the_second_place_of_a_key_is_named(params):
    with pytest.raises(ConfigurationError, match=r"received `task` twice, again at line 4, column 3"):
        study_names(params("studies:\n abc:\n  task: a\n  task: b\n"))


def test_an_entry_may_be_reused_and_changed(params):
    path = params("studies:\n abc: {deep: &a {<<: &b {x: 1}, x: 2}}\n xyz: {<<: *a, y: *b}\n")
    assert study_names(path) == ["abc", "xyz"]


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ConfigurationError, match=r"No such file or directory\. Run the command in a project"):
        study_names(tmp_path / "params.yaml")
    with pytest.raises(ConfigurationError, match="Is a directory"):
        study_names(tmp_path)


@pytest.mark.parametrize("seed", ["-1", "1.0", "true", "null", "'1'", "[1]", "4294967296"])
def test_a_seed_that_no_generator_takes_is_refused(seed, params):
    with pytest.raises(ConfigurationError, match="key `seed`: the seed is a whole number"):
        load_seed(params(f"seed: {seed}\nstudies: {{abc: {{}}}}"))


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(set(STUDIES[SURVIVAL]) - {"outcome"})), JSON_LIKE)
@hypothesis_settings(deadline=None, max_examples=150)
def test_any_value_of_any_key_is_read_or_refused_in_one_line(key, value):
    refusal = ""
    try:
        read(**{key: value})
    except ConfigurationError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert len(refusal) < 600


def test_words_are_words_as_dvc_writes_them(params):
    assert study_names(params("studies: {yes: {}, off: {}}")) == ["yes", "off"]
