"""Policies are worked into the studies that name them; a wrong one is named by its key, in one line."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT, STUDY, Project, small_study

from theragate.errors import ConfigurationError
from theragate.gates import read_policy
from theragate.study import load_studies, load_study, read_parameters, resolved_entry, study_names

PARAMS = ROOT / "params.yaml"
SHARED = {
    "calibration": {"slope": [0.5, 2.0], "observed_expected": [0.5, 2.0], "ici": 0.1, "reason": "For the tests."},
    "lineage": {"reason": "For the tests."},
}


@pytest.fixture
def params(tmp_path: Path) -> Callable[..., Path]:
    """A file whose study leaves its calibration but for ``ici`` to the policy `shared`, and its lineage to all."""

    def write(**changes: Any) -> Path:
        study = copy.deepcopy(small_study()) | {"policy": "shared"}
        study["gates"]["calibration"] = {"ici": 0.2}
        del study["gates"]["lineage"]
        every, shared = ({gate: copy.deepcopy(SHARED[gate])} for gate in ("lineage", "calibration"))
        content: dict[str, Any] = {"policies": {"every_study": every, "shared": shared}, "studies": {STUDY: study}}
        for key, value in changes.items():
            *parents, last = key.split("__")
            section = content
            for parent in parents:
                section = section[parent]
            if value is ...:
                del section[last]
            else:
                section[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return write


def test_a_study_replaces_a_limit_and_keeps_the_others(params):
    whole = copy.deepcopy(small_study())
    assert resolved_entry(params(), STUDY) == whole
    assert load_study(params(), STUDY).gates["calibration"]["ici"] == 0.2


def test_the_named_policy_comes_before_that_of_every_study(params):
    path = params(policies__every_study__calibration={"slope": [0.9, 1.1], "ici": 0.3})
    assert resolved_entry(path, STUDY)["gates"]["calibration"] == SHARED["calibration"] | {"ici": 0.2}


def test_a_limit_that_is_a_mapping_is_replaced_as_a_whole(params):
    fairness = {"within_group": {"ici": 0.1}, "between_groups": {"sensitivity": 0.1}}
    gates = resolved_entry(params(policies__shared__fairness=fairness), STUDY)["gates"]
    assert gates["fairness"] == small_study()["gates"]["fairness"]


def test_an_optional_limit_of_the_policy_is_taken_away_visibly(params):
    shared = {"half_width": {"log_observed_expected": 0.2}}
    for own, left in (({}, shared["half_width"]), ({"half_width": {}}, {})):
        path = params(
            policies__shared__subgroup_adequacy=shared,
            **{f"studies__{STUDY}__gates__subgroup_adequacy": small_study()["gates"]["subgroup_adequacy"] | own},
        )
        gates = read_policy(load_study(path, STUDY)).document["gates"]
        assert gates["subgroup_adequacy"]["half_width"] == left


def test_a_shared_limit_is_as_if_it_stood_in_the_study(params, tmp_path):
    shared = read_policy(load_study(params(), STUDY))
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "params.yaml"
    alone.write_text(yaml.safe_dump({"studies": {STUDY: small_study()}}), encoding="utf-8")
    assert read_policy(load_study(alone, STUDY)).sha256 == shared.sha256


@pytest.mark.parametrize("name", study_names(PARAMS))
def test_the_policy_is_the_one_by_which_the_study_was_judged_last(name):
    """Git tracks who looked at the held-out data, and by which policy they were judged."""
    last = (ROOT / "looks" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last)["policy_sha256"] == read_policy(load_study(PARAMS, name)).sha256


def test_every_policy_of_the_project_is_used():
    content = read_parameters(PARAMS)
    assert {"every_study", *(entry["policy"] for entry in content["studies"].values())} == set(content["policies"])
    assert len(load_studies(PARAMS)) == len(content["studies"])


WRONG = [
    (
        {f"studies__{STUDY}__policy": "strict"},
        rf"`studies\.{STUDY}\.policy`: .* received `strict`\. Name one of every_",
    ),
    (
        {f"studies__{STUDY}__policy": ...},
        rf"`studies\.{STUDY}\.policy`: .* received none\. Name one of every_study, ",
    ),
    ({f"studies__{STUDY}__policy": ["shared"]}, rf"`studies\.{STUDY}\.policy`: .*received `\['shared'\]`"),
    ({"policies": ...}, rf"`studies\.{STUDY}\.policy`: .* received `shared`\. Remove the key, or add `policies:`"),
    ({"policies__every_study": ...}, r"`policies`: it has an entry `every_study`.* received `shared`"),
    ({"policies": {}}, r"`policies`: it has an entry `every_study`.* received none"),
    ({"policies": ["shared"]}, r"`policies`: it is a mapping of keys to values; received list"),
    ({"policies__shared": 5}, r"`policies\.shared`: it is a mapping of keys to values; received int"),
    ({"policies__shared__calibration": "good"}, r"`policies\.shared\.calibration`: it is a mapping .*received str"),
    ({"policies__shared__lineage": None}, r"`policies\.shared\.lineage`: it is a mapping .*received NoneType"),
    (
        {"policies__shared__suspicious_performance": {"ceiling": 0.9}},
        r"`policies\.shared\.suspicious_performance\.ceiling`: .*each study gives its own; received 0\.9",
    ),
    ({f"studies__{STUDY}__gates__calibration": None}, rf"`studies\.{STUDY}\.gates\.calibration`: this entry is a map"),
    ({f"studies__{STUDY}__gates": ...}, rf"`studies\.{STUDY}\.gates`: this key is required"),
    ({f"studies__{STUDY}__gates": []}, rf"`studies\.{STUDY}\.gates`: this entry is a mapping"),
    ({"policies__shared__calibration__slope": [0.5, "x"]}, r"`policies\.shared\.calibration\.slope\.1`.*received 'x'"),
    ({"policies__shared__calibration__icy": 0.1}, r"`policies\.shared\.calibration\.icy`: a key is one of those"),
    ({"policies__shared__calibration__slope": ...}, rf"`studies\.{STUDY}\.gates\.calibration\.slope`: this key is req"),
    ({"policies__shared__horoscope": {"reason": "For fun."}}, r"`policies\.shared`: .*an unknown gate `horoscope`"),
    ({"policies__every_study__lineage__by": "all"}, r"`policies\.every_study\.lineage\.by`: a key is one of those"),
    ({f"studies__{STUDY}__gates__calibration__ici": "x"}, rf"`studies\.{STUDY}\.gates\.calibration\.ici`.*'x'"),
    ({f"studies__{STUDY}__gates__calibration__icy": 1}, rf"`studies\.{STUDY}\.gates\.calibration\.icy`: a key is one"),
    ({f"studies__{STUDY}__gates__horoscope": {"floor": 1}}, rf"`studies\.{STUDY}\.gates`: .*unknown gate `horoscope`"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_what_is_wrong_is_named_by_its_key_in_the_file(changes, message, params):
    path = params(**changes)
    with pytest.raises(ConfigurationError, match=f"params.yaml, key {message}") as caught:
        read_policy(load_study(path, STUDY))
    assert "\n" not in str(caught.value)


def test_a_policy_that_is_written_twice_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("policies: {every_study: {}, every_study: {}}\nstudies: {abc: {}}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"received `every_study` twice"):
        study_names(path)


def test_a_project_without_policies_needs_none(tmp_path):
    project = Project(tmp_path)
    del project.params["policies"], project.study["policy"]
    project.write()
    assert (
        load_study(tmp_path / "params.yaml", STUDY).key("gates", "calibration") == f"studies.{STUDY}.gates.calibration"
    )
