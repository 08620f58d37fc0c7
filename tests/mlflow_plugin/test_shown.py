"""What a release manager is shown beside a signature: what was signed, whatever an author writes into the run."""

import json
from dataclasses import dataclass

import pytest
from mlflow_plugin.attested_by_hand import AttestedPackage, attest, evidence_of
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

    def say(self, *words, by="ada", code=0):
        """What a command of ours says to somebody who is signed in."""
        return theragate(
            self.release.folder,
            "release",
            *words,
            code=code,
            MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",  # as in a process of its own
            MLFLOW_TRACKING_URI=self.release.server.address,
            MLFLOW_TRACKING_USERNAME=by,
            MLFLOW_TRACKING_PASSWORD=PASSWORD,
            THERAGATE_TRUST=str(self.release.server.deployment.trust_file),
            XDG_STATE_HOME=str(self.release.folder / "state"),
        )

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
    import sqlalchemy

    release.approve(shown.version, shown.attested)
    release.promote(shown.version)
    package = release.folder / "candidate"
    other = attest(package, release.study, release.server.deployment.evaluator, looks=9)
    engine = sqlalchemy.create_engine(release.server.database)
    with engine.begin() as connection:
        query = "UPDATE model_version_tags SET value = :text WHERE name = :study AND key = 'theragate.attestation'"
        connection.execute(sqlalchemy.text(query), {"text": other.envelope, "study": release.study})
    engine.dispose()
    page = shown.say("show", release.study, shown.version)
    assert "another statement than the one that was released" in page
    assert "Concordance" not in page
