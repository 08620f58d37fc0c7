"""Trust files: strict, complete, and never in favour of a development key."""

import json
from datetime import date

import pytest
from gates.evidence_by_hand import ROOT
from release.submission_by_hand import EVALUATOR, LEDGER, NAME, POLICY, STRANGER, holders, key_entry, trust

from theragate.errors import ConfigurationError, DataError
from theragate.gates import read_policy
from theragate.release.trust import Holder, development_trust, project_trust, read_trust, trust_path, write_trust
from theragate.study import load_studies


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "trust.json"
    write_trust(target, trust())
    return target


def edited(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_trust_file_is_read_as_it_was_written(path):
    assert read_trust(path, development=STRANGER.public) == trust()
    before = path.read_bytes()
    write_trust(path, read_trust(path, development=None))
    assert path.read_bytes() == before
    assert "development" not in json.loads(before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update(more=1), "`more`"),
        (lambda t: t.update(development=True), "an entry `development`"),
        (lambda t: t.update(development=False), "an entry `development`"),
        (
            lambda t: t["keys"][0].update(public="AAAA"),
            r"`keys\.0\.public`: .*public key has 32 bytes; received (?!.*AAAA)",
        ),
        (lambda t: t["keys"][0].update(roles=[]), r"keys\.0\.roles"),
        (lambda t: t["keys"][0].update(roles=["admin"]), r"keys\.0\.roles"),
        (lambda t: t["keys"][0].update(revoked="soon"), r"keys\.0\.revoked"),
        (lambda t: t["keys"][0].update(revoked=0), r"keys\.0\.revoked"),
        (lambda t: t["keys"][0].update(name=""), r"keys\.0\.name"),
        (lambda t: t["keys"][1].update(name="CI"), "each key has its own name"),
        (lambda t: t["keys"][1].update(public=t["keys"][0]["public"]), "listed once"),
        (lambda t: t.update(policies={NAME: ["abc"]}), "policies"),
        (lambda t: t.update(policies={"../x": []}), "policies"),
        (lambda t: t.update(protected_aliases=[]), "protected_aliases"),
        (lambda t: t.update(protected_aliases=["\u200b"]), "protected_aliases"),
        (lambda t: t.update(protected_aliases=["-"]), "a protected alias has a name"),
        (lambda t: t.update(most_days=0), "most_days"),
        (lambda t: t.update(most_days=10_000), "most_days"),
        (lambda t: t.update(release_managers=["bob\nada"]), "release_managers"),
        (lambda t: t.update(release_managers=[""]), "release_managers"),
        (lambda t: t.update(release_managers="bob"), "release_managers"),
        (lambda t: t.update(release_managers=["bob", "BOB"]), "the release managers are listed once each"),
        (lambda t: t.update(release_managers=["bill", "bi11"]), "the release managers are listed once each"),
        (lambda t: t.update(release_managers=["b\u043eb"]), "release_managers"),
        (lambda t: t.update(release_managers=["bob\u3164"]), "release_managers"),
        (lambda t: t.update(release_managers=[{"name": "bob", "studies": []}]), "release_managers"),
        (lambda t: t.update(release_managers=[{"name": "bob", "study": NAME}]), "release_managers"),
        (lambda t: t.update(readers=["cat", "CAT"]), "the readers are listed once each"),
        (lambda t: t["keys"][0].update(studies=[]), r"keys\.0\.studies"),
        (lambda t: t["keys"][1].update(studies=[NAME]), "alone is limited to studies"),
    ],
)
def test_a_wrong_trust_file_is_refused_by_its_key(path, change, message):
    with pytest.raises(ConfigurationError, match=message):
        read_trust(edited(path, change), development=None)


@pytest.mark.parametrize("content", ["[]", "null", '"\\ud800"', "3"])
def test_another_json_is_refused(path, content):
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="trust file"):
        read_trust(path, development=None)


def test_a_missing_or_broken_file_is_no_missing_trust(path, tmp_path):
    path.write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read_trust(path, development=None)
    with pytest.raises(DataError, match="no such file"):
        read_trust(tmp_path / "none.json", development=None)


def test_the_development_key_is_never_trusted(path):
    with pytest.raises(ConfigurationError, match="never trusts a development key"):
        read_trust(path, development=EVALUATOR.public)


def test_where_the_trust_file_is(tmp_path):
    assert trust_path({}, tmp_path) is None
    assert trust_path({"THERAGATE_TRUST": "/x/none.json"}, tmp_path) == (tmp_path / "/x/none.json")
    own = tmp_path / "release" / "trust.json"
    own.parent.mkdir()
    own.symlink_to(tmp_path / "gone")
    assert trust_path({}, tmp_path) == own, "a broken link is no absent file"


def test_a_revoked_key_signs_nothing_from_its_day_on():
    rotated = trust(keys=(key_entry(EVALUATOR, "evaluator", revoked=date(2026, 11, 26)),))
    assert rotated.evaluators(date(2026, 11, 25)) == (EVALUATOR.public,)
    assert rotated.evaluators(date(2026, 11, 26)) == ()
    assert [entry.key for entry in rotated.of_role("evaluator")] == [EVALUATOR.public]


def test_roles_are_apart():
    found = trust()
    assert found.evaluators(date(2026, 1, 1)) == (EVALUATOR.public,)
    assert [entry.key for entry in found.of_role("ledger")] == [LEDGER.public]
    assert found.key_name(EVALUATOR.key_id) == "ci"
    assert found.key_name(STRANGER.key_id) == f"key {STRANGER.key_id[:12]}"


def test_a_manager_has_the_very_name_and_an_alias_all_spellings():
    found = trust(release_managers=holders("Bob"), protected_aliases=("champion", "live"))
    assert found.is_manager("Bob", NAME)
    assert not any(found.is_manager(name, NAME) for name in ("ada", "bob", "BOB", "ｂｏｂ", "Bob ", "Bob\u200b"))
    assert found.protects("LIVE\n")
    assert not found.protects("candidate")


def test_in_development_this_machines_key_and_everybody_count():
    found = development_trust(STRANGER.public, {NAME: (POLICY.sha256,)})
    assert found.development
    assert found.is_manager("anybody", NAME)
    assert found.evaluators(date(2026, 1, 1)) == (STRANGER.public,)
    assert [entry.key for entry in found.of_role("ledger")] == [STRANGER.public]


def test_the_policies_of_a_project_are_those_of_its_parameters(tmp_path):
    studies = load_studies(ROOT / "params.yaml")
    policies = {study.name: (read_policy(study).sha256,) for study in studies}
    assert project_trust(ROOT) == {"policies": policies, "extensions": {}}
    assert project_trust(tmp_path) == {"policies": {}, "extensions": {}}


def test_a_right_may_be_one_of_some_studies_only():
    found = trust(
        release_managers=(Holder(name="bob", studies=(NAME,)), Holder(name="eve")),
        readers=(Holder(name="cat", studies=(NAME,)), Holder(name="dan")),
        keys=(key_entry(EVALUATOR, "evaluator", studies=(NAME,)), key_entry(LEDGER, "ledger", name="server")),
    )
    assert [found.is_manager(name, NAME) for name in ("bob", "eve", "cat")] == [True, True, False]
    assert [found.is_manager(name, "another_study") for name in ("bob", "eve")] == [False, True]
    assert [found.may_read(name, NAME) for name in ("bob", "eve", "cat", "dan", "mallory")] == [True] * 4 + [False]
    assert [found.may_read(name, "another_study") for name in ("bob", "eve", "cat", "dan")] == [False, True] * 2
    assert [found.may_read(name, None) for name in ("bob", "eve", "cat", "dan")] == [False, True] * 2
    today = date(2026, 11, 26)
    assert (found.evaluators(today, NAME), found.evaluators(today, "another_study")) == ((EVALUATOR.public,), ())
    assert found.listed_people == ("bob", "eve", "cat", "dan")


def test_a_limited_right_is_written_as_it_is_read(path):
    limited = [{"name": "bob", "studies": [NAME]}, "eve"]

    def limit(content):
        content.update(release_managers=limited, readers=limited)
        content["keys"][0]["studies"] = [NAME]

    found = read_trust(edited(path, limit), development=None)
    write_trust(path, found)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert (written["release_managers"], written["readers"]) == (limited, limited)
    assert [entry.get("studies") for entry in written["keys"]] == [[NAME], None]
    assert read_trust(path, development=None) == found
