"""What a release manager is shown beside a signature: what was signed, whatever an author writes into the run."""

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy
from mlflow_plugin.attested_by_hand import AttestedPackage, attest, evidence_of
from mlflow_plugin.ruled import OWNER, as_role
from mlflow_plugin.servers import PASSWORD, experiment_of
from support import theragate

from theragate.digests import canonical_json, sha256_bytes, sha256_tree
from theragate.evidence.published import publish
from theragate.release.keys import SigningKey


@dataclass
class Shown:
    """A version whose run has the published evidence, and what its author and a manager do about it."""

    release: object
    version: str
    attested: AttestedPackage
    evidence: dict

    def say(self, *words, by="ada", code=0, **more):
        """What a command of ours says to somebody who is signed in."""
        environ = {
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # as in a process of its own
            "MLFLOW_TRACKING_URI": self.release.server.address,
            "MLFLOW_TRACKING_USERNAME": by,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "THERAGATE_TRUST": str(self.release.server.deployment.trust_file),
            "XDG_STATE_HOME": str(self.release.folder / "state"),
        }
        return theragate(self.release.folder, "release", *words, code=code, **environ | more)

    def overwrite(self, content: bytes, *, by="alan", artifact="evidence.json"):
        """Put another artifact into the version's run, as its author may."""
        author = self.release.person(by)
        run = author.version(self.release.study, self.version)["run_id"]
        place = f"{experiment_of(author)}/{run}/artifacts/{artifact}"
        answer = author.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", data=content)
        assert answer.status_code == 200, answer.text


def with_evidence(release, content, *, key=None, **changes):
    package = release.package(content)
    changes = {"evidence": {}} | changes
    full = evidence_of(release.study, sha256_tree(package / "data" / "estimator"), **changes["evidence"])
    evidence = publish(full).model_dump(mode="json")
    sha256 = sha256_bytes(canonical_json(evidence))
    key = key or release.server.deployment.evaluator
    attested = attest(package, release.study, key, published_sha256=sha256, **changes)
    version = release.person("alan").register(release.study, package)
    release.hand_in(version, attested)
    shown = Shown(release, version, attested, evidence)
    shown.overwrite(json.dumps(evidence, indent=2).encode())
    return shown


@pytest.fixture
def shown(release):
    return with_evidence(release, "candidate")


def made_up(evidence, number=0.98765):
    """The same evidence with a discrimination that nobody has measured."""
    overall = {
        metric: estimate | {"value": number, "lower": number, "upper": number}
        for metric, estimate in evidence["overall"].items()
    }
    return json.dumps(evidence | {"overall": overall}).encode()


def test_numbers_with_the_signed_digest_are_shown(shown, release):
    page = shown.say("show", release.study, shown.version)
    assert "Concordance index" in page
    assert json.loads(shown.say("show", release.study, shown.version, "--json"))["metrics"]


OTHERS = {
    "made up": lambda evidence: made_up(evidence),
    "one digit": lambda evidence: json.dumps(evidence | {"bootstrap": 1}).encode(),
    "no JSON": lambda _: b"\x1b[2J the area under the curve is 0.98765",
    "deep": lambda _: b"[" * 100_000,
    "empty": lambda _: b"{}",
    "twice": lambda evidence: b'{"overall": {"c": 0.98765}, ' + json.dumps(evidence | {"x": 1}).encode()[1:],
}


@pytest.mark.parametrize("kind", OTHERS)
def test_nothing_of_evidence_that_an_author_has_overwritten_is_shown(shown, release, kind):
    shown.overwrite(OTHERS[kind](shown.evidence))
    page = shown.say("show", release.study, shown.version)
    assert "No number is shown: the run's `evidence.json` was changed after it was signed" in page
    assert "Concordance" not in page
    assert "0.98" not in page
    details = json.loads(shown.say("show", release.study, shown.version, "--json"))
    assert "metrics" not in details
    assert "was changed after it was signed" in details["evidence_problem"]


def test_without_a_signature_that_counts_no_number_is_shown(release):
    shown = with_evidence(release, "candidate", key=SigningKey.generate())
    page = shown.say("show", release.study, shown.version)
    assert "no attested verdict" in page
    assert "no trusted key has signed any evidence of this version" in page
    assert "Concordance" not in page


def test_a_comparison_prints_what_both_attestations_state(release):
    champion = with_evidence(release, "champion")
    release.approve(champion.version, champion.attested)
    release.promote(champion.version)
    page = champion.say("show", release.study, champion.version)
    assert "In service: promoted by " in page
    assert "Cannot be promoted" not in page
    assert "approved by" not in page  # that approval has been used
    champion.say("diff", release.study, code=1)
    challenger = with_evidence(release, "challenger", decision="PASS", commit="b" * 40)
    for key, value in (("sha256.data", "f" * 64), ("theragate.verdict", "PERFECT"), ("git.commit", "c" * 40)):
        release.person("alan").tag(release.study, challenger.version, key, value)
    said = json.loads(challenger.say("diff", release.study, challenger.version, "--json"))
    assert said["changed"]["commit"] == ["a" * 40, "b" * 40]
    assert not {"data", "verdict"} & set(said["changed"])
    assert said["why_not_paired"].startswith("It was judged as a first release")
    challenger.overwrite(made_up(challenger.evidence))
    page = challenger.say("diff", release.study, challenger.version)
    assert "was changed after it was signed" in page


def test_who_registered_is_not_who_git_says_made_the_commit(shown, release):
    details = json.loads(shown.say("show", release.study, shown.version, "--json"))
    assert details["unsigned"]["registered_by"] == "alan"
    assert details["committed_by"] == "Alan <alan@hospital.example>"
    (row,) = json.loads(shown.say("list", release.study, "--json"))
    assert (row["registered_by"], row["committed_by"]) == ("alan", "Alan <alan@hospital.example>")
    page = shown.say("show", release.study, shown.version)
    assert page.index("committed by") < page.index("Said by the registry alone") < page.index("registered by")


def test_a_statement_other_than_the_released_one_is_not_shown_of_what_is_in_service(shown, release):
    """Somebody with the database has put another genuine attestation on the champion."""
    release.approve(shown.version, shown.attested)
    release.promote(shown.version)
    package = release.folder / "candidate"
    other = attest(package, release.study, release.server.deployment.evaluator, looks=9)
    past_the_server(release, "UPDATE model_version_tags SET value = :text", text=other.envelope)
    page = shown.say("show", release.study, shown.version)
    assert "another statement than the one that was released" in page
    assert "Concordance" not in page
    check_alerted(shown, release, "its attestation is not the one with which it was released")


def test_an_alert_says_that_nothing_counts_any_more_of_what_is_in_service(shown, release):
    release.approve(shown.version, shown.attested)
    release.promote(shown.version)
    past_the_server(release, "UPDATE model_version_tags SET value = :text", text="{}")
    check_alerted(shown, release, "no attestation of it counts any more: received")
    past_the_server(release, "DELETE FROM model_version_tags")
    check_alerted(shown, release, "no attestation of it counts any more: received text that is not one")


def past_the_server(release, change, **values):
    """Change the tag of the attestation in the database; where there are rules, as the owner who puts them aside."""
    engine = sqlalchemy.create_engine(as_role(release.server.database, OWNER))
    with engine.begin() as connection:
        ruled = engine.dialect.name == "postgresql"
        if ruled:
            connection.execute(sqlalchemy.text("ALTER TABLE model_version_tags DISABLE TRIGGER USER"))
        query = f"{change} WHERE name = :study AND key = 'theragate.attestation'"
        connection.execute(sqlalchemy.text(query), {"study": release.study, **values})
        if ruled:
            connection.execute(sqlalchemy.text("ALTER TABLE model_version_tags ENABLE TRIGGER USER"))
    engine.dispose()


def check_alerted(shown, release, words):
    (listed,) = json.loads(shown.say("list", release.study, "--json"))
    assert f"in service; {words}" in listed["state"]
    for command in (("show", release.study, "champion"), ("audit", release.study)):
        page = " ".join(shown.say(*command).split())
        assert f"Alert: {release.study} is in service, and {words}" in page
        assert "Withdraw it, and find out who has written to the registry's database" in page


def test_whoever_reads_the_database_itself_is_shown_what_nobody_has_to_be_listed_for(shown, release):
    """Where nobody signs in, a name that the trust file does not list may not read the evidence; all else it may."""
    database = {"MLFLOW_TRACKING_URI": release.server.database, "THERAGATE_USER": "mallory"}
    page = shown.say("show", release.study, shown.version, **database)
    assert shown.attested.attestation.evidence_sha256[:12] in page
    assert "No number is shown: files of the registry: a release server hands out its artifacts itself" in page
    assert "Only release managers can see whether it could be promoted." in page
    assert shown.say("list", release.study, **database).count(release.study) == 1


# What MLflow's own pages say


def described(release, version):
    return release.person("ada").version(release.study, version)["description"]


def change(person, release, version, **fields):
    return person.api("PATCH", "model-versions/update", name=release.study, version=version, **fields)


LIE = "**PASS**: attested by ci, approved by ada; promote at once."


def test_before_it_is_attested_a_version_says_that_nobody_has_signed_its_words(release):
    alan = release.person("alan")
    version = alan.register(
        release.study,
        release.package("claimed"),
        description=LIE,
        tags=[{"key": "theragate.verdict", "value": "PASS"}, {"key": "theragate.attestation", "value": "{}"}],
    )
    first = "NOT ATTESTED: what follows are its author's words, which nobody has signed.\n\n"
    assert described(release, version) == first + LIE
    assert not {"theragate.verdict", "theragate.attestation"} & set(alan.tags(release.study, version))
    for text in (LIE, first + LIE, "", first):
        assert change(alan, release, version, description=text).status_code == 200
        assert described(release, version).startswith(first.strip())
        assert described(release, version).count("NOT ATTESTED") == 1


def test_once_it_is_attested_the_registry_writes_what_was_signed(release):
    alan, package = release.person("alan"), release.package("candidate")
    attested = attest(package, release.study, release.server.deployment.evaluator, commit="c" * 40)
    claims = {"sha256.evidence": "0" * 64, "git.commit": "d" * 40, "theragate.looks": "0", "theragate.praise": "PASS"}
    tags = [{"key": key, "value": value} for key, value in claims.items()]
    version = alan.register(release.study, package, description=LIE, tags=tags)
    release.hand_in(version, attested)
    signed, said = attested.attestation, alan.tags(release.study, version)
    assert said["theragate.verdict"] == "PASS"
    assert said["sha256.evidence"] == signed.evidence_sha256
    assert (said["git.commit"], said["theragate.looks"]) == ("c" * 40, "1")
    assert (said["theragate.author"], said["theragate.committed_by"]) == ("alan", "Alan <alan@hospital.example>")
    assert said["theragate.attested_by"].startswith("attested by the key `evaluator`, ")
    assert "theragate.praise" not in said
    text = described(release, version)
    assert text.startswith("Attested by the key `evaluator`")
    assert "| TG003 " in text
    assert LIE not in text


def test_what_an_attested_version_says_is_changed_by_nobody(shown, release):
    name, version = release.study, shown.version
    before = (described(release, version), release.person("ada").tags(name, version))
    for who in ("alan", "mallory", "ada", "admin", "evaluator"):
        person = release.person(who)
        answers = [change(person, release, version, description=LIE)]
        keys = ("theragate.verdict", "sha256.evidence", "git.commit", "theragate.looks", "theragate.key", "git.dirty")
        spelt = ("theragate_verdict", "theragate verdict", "Theragate.Verdict", "ｔheragate.verdict", "sha256_evidence")
        for key in (*keys, *spelt, "theragate", "theragate.praise"):
            answers.append(person.tag(name, version, key, "PASS"))
            if key in before[1]:
                deletion = {"name": name, "version": version, "key": key}
                answers.append(person.api("DELETE", "model-versions/delete-tag", **deletion))
        answers.append(person.tag(name, version, "theragate.attestation", "{}"))
        assert {answer.status_code for answer in answers} <= {400, 403}, who  # MLflow itself refuses some spellings
    assert (described(release, version), release.person("ada").tags(name, version)) == before
    assert "the registry alone says what it is" in change(release.person("alan"), release, version).json()["message"]


def test_the_attestation_of_another_version_makes_no_version_attested(shown, release):
    """The package is another one: the numbers of a good model do not stand on the page of a bad one."""
    bad = release.person("mallory").register(release.study, release.package("bad"), description=LIE)
    answer = release.person("mallory").tag(release.study, bad, "theragate.attestation", shown.attested.envelope)
    assert answer.status_code == 200
    assert "theragate.attested_by" not in release.person("ada").tags(release.study, bad)
    head = described(release, bad).partition("\n\n")[0]
    assert head.startswith("NOT ATTESTED: what follows")
    assert "the files of the version are those that were attested" in head
    shown.version = bad
    shown.overwrite(json.dumps(shown.evidence).encode(), by="mallory")  # the good one's, with the signed digest
    page = shown.say("show", release.study, bad)
    assert "what was signed is not about these files" in page
    assert "Concordance" not in page
    assert json.loads(shown.say("list", release.study, "--json"))[0]["verdict"] == ""
    answer = release.person("ada").tag(release.study, bad, "theragate.approve", shown.attested.approval)
    assert answer.status_code == 403
    assert "what was signed is about the files of this version" in answer.json()["message"]


def test_an_attestation_without_its_evidence_is_none(release):
    package = release.package("candidate")
    attested = attest(package, release.study, release.server.deployment.evaluator)
    version = release.person("alan").register(release.study, package)
    answer = release.person("evaluator").tag(release.study, version, "theragate.attestation", attested.envelope)
    assert answer.status_code == 200
    assert "no dossier with this digest" in described(release, version)
    release.hand_in(version, attested)
    assert described(release, version).startswith("Attested by")


def test_an_older_or_expired_attestation_does_not_come_back(shown, release):
    key, package = release.server.deployment.evaluator, release.folder / "candidate"
    now = shown.attested.attestation.issued
    expired = attest(package, release.study, key, issued=now - timedelta(days=9), expires=now - timedelta(days=1))
    answer = release.person("alan").tag(release.study, shown.version, "theragate.attestation", expired.envelope)
    assert answer.status_code == 403
    assert "expired" in answer.json()["message"]
    assert release.person("ada").tags(release.study, shown.version)["theragate.attestation"] == shown.attested.envelope


def test_words_about_a_whole_model_say_that_nobody_has_signed_them(shown, release):
    def words():
        found = release.person("ada").must("GET", "registered-models/get", name=release.study)
        return found["registered_model"]["description"]

    first = "Whoever may edit this model has written this, and nobody has signed it"
    assert words().startswith(first)
    for who in ("alan", "admin"):
        for text in (LIE, f"{words()}\n\n{LIE}", ""):
            answer = release.person(who).api("PATCH", "registered-models/update", name=release.study, description=text)
            assert answer.status_code == 200
            assert words().startswith(first)
            assert words().count(first) == 1
    other = f"{release.study}_new"
    release.person("alan").must("POST", "registered-models/create", name=other, description=LIE)
    found = release.person("ada").must("GET", "registered-models/get", name=other)["registered_model"]
    assert found["description"].startswith(first)


def test_a_version_that_is_deleted_and_made_again_is_not_attested(shown, release):
    name = release.study
    release.person("alan").must("DELETE", "model-versions/delete", name=name, version=shown.version)
    again = release.person("alan").register(name, release.package("again"), description=LIE)
    assert described(release, again).startswith("NOT ATTESTED")
    assert "theragate.attested_by" not in release.person("ada").tags(name, again)
    release.person("alan").must("DELETE", "registered-models/delete", name=name)
    again = release.person("mallory").register(name, release.package("once more"), description=LIE)
    assert again == "1"
    assert described(release, again).startswith("NOT ATTESTED")
    assert release.person("ada").tags(name, again) == {"theragate.author": "mallory"}


def test_a_version_that_calls_itself_a_prompt_is_a_version_like_any_other(release):
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "Hello"}]
    alan = release.person("alan")
    alan.must("POST", "registered-models/create", name=release.study)
    fields = {"name": release.study, "source": "dummy-source", "description": LIE, "tags": tags}
    version = alan.must("POST", "model-versions/create", **fields)["model_version"]["version"]
    assert described(release, version).startswith("NOT ATTESTED")
    said = release.person("ada").tags(release.study, version)
    assert said["theragate.author"] == "alan"
    assert "mlflow.prompt.is_prompt" not in said
