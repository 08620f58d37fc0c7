"""Who is `candidate` when findings are waived, and who no longer is; and which recipe a champion leaves behind."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from mlflow import MlflowClient

from theragate.errors import StoreError
from theragate.tracking.champion import find_champion
from theragate.tracking.publish import publish, review

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates

DAY = 86_400_000
NOW = 1_764_000_000_000  # 2025-11-24
STUDY = "heart_attack_survival"
UNTIL = date(2025, 12, 1)
LAST, AFTER = (int(datetime(2025, 12, day, tzinfo=UTC).timestamp() * 1000) for day in (1, 2))


def client_of(stores):
    return MlflowClient(tracking_uri=stores.tracking, registry_uri=stores.registry)


def candidate(stores):
    return int(client_of(stores).get_registered_model(STUDY).aliases.get("candidate", 0))


@pytest.fixture
def waived(make_bundle):
    """A bundle that is BLOCKED and of which all that blocks is accepted."""

    def make(**changes):
        fields = {"waived_until": UNTIL, "waived_by": "waived by Ana", "waivers": ("TG006 by Ana",), "content": "w"}
        return make_bundle(decision="BLOCKED", **fields | changes)

    return make


def test_a_blocked_version_that_is_waived_is_the_candidate_and_says_so(stores, waived):
    published = publish(waived(), stores, register=True, now=NOW)
    assert (published.alias, published.taken_from) == (True, None)
    assert candidate(stores) == 1
    version = client_of(stores).get_model_version(STUDY, "1")
    assert version.tags["theragate.verdict"] == "BLOCKED"
    assert version.tags["theragate.waivers"] == "TG006 by Ana"
    assert version.tags["theragate.waived_until"] == "2025-12-01"


def test_publishing_again_changes_nothing(stores, waived):
    publish(waived(), stores, register=True, now=NOW)
    client = client_of(stores)
    before = client.get_model_version(STUDY, "1")
    again = publish(waived(), stores, register=True, now=LAST + DAY - 1)
    after = client.get_model_version(STUDY, "1")
    assert (again.created, again.alias, again.taken_from) == (False, True, None)
    assert (after.tags, after.last_updated_timestamp) == (before.tags, before.last_updated_timestamp)


def test_a_candidate_whose_waiver_has_expired_loses_the_alias_once(stores, waived):
    publish(waived(), stores, register=True, now=NOW)
    expired = waived(waived_until=None, waived_by="")
    taken = publish(expired, stores, register=True, now=AFTER)
    assert (taken.created, taken.alias, taken.taken_from) == (False, False, "1")
    assert candidate(stores) == 0
    assert publish(expired, stores, register=True, now=AFTER).taken_from is None


def test_a_passing_candidate_before_it_does_not_come_back_by_itself(stores, make_bundle, waived):
    publish(make_bundle(), stores, register=True, now=NOW)
    assert publish(waived(), stores, register=True, now=NOW + 1).version == "2"
    assert candidate(stores) == 2
    publish(waived(waived_until=None), stores, register=True, now=AFTER)
    assert candidate(stores) == 0


def test_another_bundle_takes_it_by_the_day_that_the_version_names(stores, make_bundle, waived):
    publish(waived(), stores, register=True, now=NOW)
    other = make_bundle(decision="BLOCKED", content="other")
    verdict = other.verdict.model_copy(update={"evidence_sha256": "d" * 64})
    other = make_bundle(decision="BLOCKED", content="other", verdict=verdict)
    assert publish(other, stores, register=True, now=LAST).taken_from is None
    assert review(other, stores, now=LAST + DAY - 1) is None, "valid through the day"
    assert review(other, stores, now=AFTER) == "1"
    assert candidate(stores) == 0


def test_a_waiver_that_is_withdrawn_takes_the_alias_before_its_day(stores, make_bundle, waived):
    publish(waived(), stores, register=True, now=NOW)
    withdrawn = make_bundle(decision="BLOCKED", content="w", description="| without the waiver |")
    taken = publish(withdrawn, stores, register=True, now=NOW + 1)
    assert (taken.alias, taken.taken_from) == (False, "1")


def test_what_was_taken_comes_back_when_the_waiver_does(stores, waived):
    publish(waived(), stores, register=True, now=NOW)
    for _ in range(2):
        publish(waived(waived_until=None), stores, register=True, now=NOW + 1)
    assert candidate(stores) == 0
    assert publish(waived(), stores, register=True, now=NOW + 2).alias
    assert "theragate.candidate_taken" not in client_of(stores).get_model_version(STUDY, "1").tags


@pytest.mark.parametrize("decision", ["PASS", "BLOCKED"])
def test_an_alias_that_rests_on_no_waiver_is_never_taken(decision, stores, make_bundle):
    publish(make_bundle(decision=decision), stores, register=True, now=NOW)
    client_of(stores).set_registered_model_alias(STUDY, "candidate", "1")  # by a person
    assert review(make_bundle(decision="BLOCKED"), stores, now=NOW + 400 * DAY) is None
    assert candidate(stores) == 1


def test_a_version_whose_day_cannot_be_read_loses_the_alias(stores, make_bundle, waived):
    publish(waived(), stores, register=True, now=NOW)
    client = client_of(stores)
    for name, value in (("theragate.waived_until", "for ever"), ("sha256.evidence", "0")):
        client.set_model_version_tag(STUDY, "1", name, value)
    assert review(waived(), stores, now=NOW) == "1"


def test_where_nothing_is_registered_nothing_is_taken(stores, make_bundle):
    assert review(make_bundle(), stores, now=NOW) is None


def test_conditions_and_looks_are_tags_and_are_told_again_only_when_they_are_mended(stores, make_bundle):
    failing = {"lineage": "fail", "held_out_use": "pass"}
    publish(make_bundle(dirty=True, conditions=failing, looks=3), stores, register=True, now=NOW)
    tags = client_of(stores).get_model_version(STUDY, "1").tags
    assert (tags["theragate.lineage"], tags["theragate.held_out_use"], tags["theragate.looks"]) == ("fail", "pass", "3")
    publish(make_bundle(conditions=failing, looks=4), stores, register=True, now=NOW)
    tags = client_of(stores).get_model_version(STUDY, "1").tags
    assert (tags["git.dirty"], tags["theragate.lineage"], tags["theragate.looks"]) == ("false", "fail", "4")
    met = failing | {"lineage": "pass"}
    mended = make_bundle(conditions=met, looks=4, description="| all is met |")
    publish(mended, stores, register=True, now=NOW)
    version = client_of(stores).get_model_version(STUDY, "1")
    assert version.tags["theragate.lineage"] == "pass"
    assert "| all is met |" in version.description
    publish(make_bundle(dirty=True, conditions=failing, looks=9), stores, register=True, now=NOW)
    assert client_of(stores).get_model_version(STUDY, "1").tags == version.tags


def test_without_a_champion_there_is_none(stores, make_bundle):
    assert find_champion(stores, STUDY) is None
    publish(make_bundle(), stores, register=True, now=NOW)
    assert find_champion(stores, STUDY) is None


def test_a_champion_leaves_its_recipe(stores, make_bundle):
    bundle = make_bundle()
    publish(bundle, stores, register=True, now=NOW)
    client_of(stores).set_registered_model_alias(STUDY, "champion", "1")
    number, recipe = find_champion(stores, STUDY)
    assert number == "1"
    assert recipe == {
        "study": STUDY,
        "model_sha256": bundle.verdict.model_sha256,
        "cohort_sha256": "c" * 64,
        "predictions_sha256": "b" * 64,
        "family": "spline_cox",
        "params": {"alpha": 12.5, "knots": 4},
        "features": ["age", "sex"],
    }


def test_simulated_patients_make_no_champion(stores, make_bundle):
    bundle = make_bundle()
    simulated = bundle.evidence.cohort.model_copy(update={"simulated": True})
    evidence = bundle.evidence.model_copy(update={"cohort": simulated})
    bundle.artifacts["evidence.json"].write_text(evidence.model_dump_json(), encoding="utf-8")
    publish(replace(bundle, evidence=evidence), stores, register=True, now=NOW)
    client_of(stores).set_registered_model_alias(STUDY, "champion", "1")
    with pytest.raises(StoreError, match=r"a champion has learned from real patients; received .* SIMULATED cohort"):
        find_champion(stores, STUDY)


@pytest.mark.parametrize("spoil", ["another model", "no run", "no json", "a list"])
def test_a_champion_that_was_not_registered_by_us_is_refused(spoil, stores, make_bundle, tmp_path):
    bundle = make_bundle()
    published = publish(bundle, stores, register=True, now=NOW)
    client = client_of(stores)
    if spoil == "another model":
        client.set_model_version_tag(STUDY, "1", "sha256.model", "0" * 64)
    elif spoil == "no run":
        client.create_model_version(STUDY, tmp_path.as_uri(), await_creation_for=0)
    else:
        (tmp_path / "recipe.json").write_text("{" if spoil == "no json" else json.dumps([1]), encoding="utf-8")
        client.log_artifact(published.run_id, str(tmp_path / "recipe.json"))
    client.set_registered_model_alias(STUDY, "champion", "2" if spoil == "no run" else "1")
    with pytest.raises(StoreError, match=r"a champion's run has its `recipe\.json`.*Give the alias"):
        find_champion(stores, STUDY)


def test_the_dates_of_these_tests_are_what_they_say():
    assert datetime.fromtimestamp(LAST / 1000, UTC).date() == UNTIL
    assert datetime.fromtimestamp(AFTER / 1000, UTC).date() == UNTIL + timedelta(days=1)
