"""What is handed in to a real server and does not count: forged, replayed, failed, expired, unapproved."""

from datetime import UTC, date, datetime, timedelta

import pytest
from gates.evidence_by_hand import STUDIES, changed, estimate, good_evidence
from mlflow_plugin.attested_by_hand import Deployment, attest
from mlflow_plugin.servers import ADMIN

from theragate.release.keys import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)


def refuses(answer, *words):
    assert answer.status_code == 403, (answer.status_code, answer.text)
    assert answer.json()["error_code"] == "PERMISSION_DENIED"
    message = answer.json()["message"]
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert "Traceback" not in message


def refuses_champion(release, version, *words):
    """A release manager is refused in these words, the administrator as well, and nothing changes."""
    before = release.events()
    refuses(release.person("grace").set_alias(release.study, version), *words)
    refuses(release.person(ADMIN).set_alias(release.study, version))
    assert release.serving() is None
    assert release.events() == before


def test_without_evidence(release):
    package = release.package("bare")
    version = release.person("alan").register(release.study, package)
    refuses_champion(release, version, "received a version without attestation")


def test_without_approval(release):
    version, _ = release.register("candidate")
    refuses_champion(release, version, "received no such approval")


@pytest.mark.parametrize("forger", ["a key of nobody", "the key of the ledger", "a changed text"])
def test_forged_evidence(release, forger):
    deployment: Deployment = release.server.deployment
    package = release.package("forged")
    version = release.person("alan").register(release.study, package)
    attested = attest(package, release.study, deployment.evaluator)
    if forger != "a changed text":
        key = SigningKey.generate() if forger == "a key of nobody" else deployment.ledger
        attested = attest(package, release.study, key)
        release.hand_in(version, attested)
    else:
        release.hand_in(version, attested)
        text = attested.envelope.replace('"sig":"', '"sig":"AAAA', 1)
        answer = release.person("mallory").tag(release.study, version, "theragate.attestation", text)
        refuses(answer, "an attestation that counts is replaced only by another one that counts")
        return
    refuses(release.person("ada").tag(release.study, version, "theragate.approve", attested.approval))
    refuses_champion(release, version)


def test_evidence_of_another_version_and_of_another_study(release):
    champion, attested = release.champion("good")
    release.person("ada").tag(
        release.study, champion, "theragate.withdraw", "To try whether attestations can be reused."
    )
    package = release.package("bad")
    version = release.person("mallory").register(release.study, package)
    release.hand_in(version, attested)
    refuses(release.person("grace").set_alias(release.study, version), "it was compared with the present champion")
    other = f"{release.study}_b"
    version = release.person("mallory").register(other, package)
    answer = release.person("mallory").tag(other, version, "theragate.attestation", attested.envelope)
    assert answer.status_code == 200
    refuses(release.person("grace").set_alias(other, version), "it is about the study of this model")


def test_the_approval_of_one_version_is_not_that_of_another(release):
    version, attested = release.register("first")
    release.approve(version, attested)
    package = release.package("second")
    second = release.person("mallory").register(release.study, package)
    release.hand_in(second, attested)
    refuses(release.person("grace").set_alias(release.study, second), "received no such approval")


def test_other_files_than_were_attested(release):
    version, attested = release.register("candidate")
    release.approve(version, attested)
    place = release.person("ada").files(release.study, version).removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{place}/data/estimator/model.json"
    assert release.person("mallory").send("PUT", path, data=b'"poison"').status_code == 200
    refuses_champion(release, version, "they are those that were attested", "received others")
    unfinished = f".{attested.attestation.package_sha256[:16]}*"
    assert not list((release.server.artifacts / "sealed").glob(unfinished)), "no unfinished copy is left"


MISCALIBRATED = {"overall": good_evidence(STUDIES["survival"]).overall | {"ici": estimate(0.4, 0.01)}}
BAD = {
    "failed": ({"evidence": MISCALIBRATED}, "the verdict BLOCKED, because of TG004"),
    "simulated": ({"simulated": True}, "learned from patients"),
    "expired": ({"issued": NOW - timedelta(days=9), "expires": NOW - timedelta(seconds=5)}, "one that expired"),
    "future": ({"issued": NOW + timedelta(hours=9)}, "issued in the future"),
    "for ever": ({"expires": NOW + timedelta(days=3000)}, "for at most 90 days"),
    "found, not recomputed": ({"recomputed": False}, "recomputes everything before signing"),
    "a condition that fails": ({"conditions": {"lineage": "fail", "held_out_use": "pass"}}, "lineage not met"),
    "claimed to pass": ({"evidence": MISCALIBRATED, "decision": "PASS"}, "follows from the evidence and the policy"),
    "compared with nobody known": ({"comparator": "champion " + "d" * 64}, "follows from the evidence and the policy"),
}


@pytest.mark.parametrize("why", BAD)
def test_attestations_that_do_not_let_a_model_through(release, why):
    changes, words = dict(BAD[why][0]), BAD[why][1]
    if why == "simulated":
        cohort = changed(good_evidence(STUDIES["survival"]).cohort, simulated=True)
        changes = {"evidence": {"cohort": cohort}}
    version, attested = release.register("candidate", **changes)
    refuses(release.person("ada").tag(release.study, version, "theragate.approve", attested.approval), words)
    refuses_champion(release, version, words)


def test_a_policy_that_is_not_trusted_here(release):
    version, attested = release.register("candidate")
    release.approve(version, attested)
    release.server.deployment.policies[release.study] = ("0" * 64,)
    release.server.deployment.write()
    refuses_champion(release, version, "a policy that is trusted here")


def test_a_key_that_is_revoked_counts_no_longer_from_that_moment_on(release):
    deployment = release.server.deployment
    version, attested = release.register("candidate")
    release.approve(version, attested)
    keys = deployment.trust().keys
    gone = (keys[0].model_copy(update={"revoked": date(2020, 1, 1)}), keys[1])
    try:
        deployment.write(keys=gone)
        refuses(release.person("grace").set_alias(release.study, version))
    finally:
        deployment.write()
    release.promote(version)


APPROVALS = [
    ("mallory", "{12}: I have read the card and the evidence", "who is not one"),
    (ADMIN, "{12}: I have read the card and the evidence", "who is not one"),
    ("alan", "{12}: I have read the card and the evidence", "who is not one"),
    ("ada", "000000000000: I have read the card and the evidence", "another digest"),
    ("ada", "{11}: I have read the card and the evidence", "11 digits"),
    ("ada", "{12}: fine", "at least 5 words"),
    ("ada", "{12}", "an approval is written as"),
    ("ada", "yes, let it go into the clinic", "an approval is written as"),
]


def test_approvals_that_do_not_count(release):
    version, attested = release.register("candidate")
    digest = attested.attestation.evidence_sha256
    for who, value, words in APPROVALS:
        value = value.replace("{11}", digest[:11]).replace("{12}", digest[:12])
        refuses(release.person(who).tag(release.study, version, "theragate.approve", value), words)
    assert release.events() == []
    assert not {"theragate.approve", "theragate.approved"} & set(release.person("ada").tags(release.study, version))
    refuses_champion(release, version, "received no such approval")


def test_the_author_never_approves(release):
    version, attested = release.register("candidate", by="ada")
    refuses(
        release.person("ada").tag(release.study, version, "theragate.approve", attested.approval), "who is its author"
    )
    refuses_champion(release, version, "received no such approval")
    release.approve(version, attested, by="grace")
    release.promote(version)


def test_the_author_of_the_commit_never_approves_either(release):
    version, attested = release.register("candidate", author="Ada Lovelace <ada@hospital.example>")
    refuses(
        release.person("ada").tag(release.study, version, "theragate.approve", attested.approval), "who is its author"
    )


def test_the_author_is_not_somebody_else_by_another_spelling(release):
    for number, spelling in enumerate(["Ada", "ADA", " ada", "ａｄａ"]):
        author = f"{spelling} <other@hospital.example>"
        version, attested = release.register(f"candidate{number}", author=author)
        answer = release.person("ada").tag(release.study, version, "theragate.approve", attested.approval)
        refuses(answer, "who is its author")


def test_only_a_manager_promotes_rolls_back_withdraws_and_revokes(release):
    version, _ = release.champion()
    why = "Because it would be such fun."
    for who in ("mallory", "alan", "evaluator", ADMIN):
        person = release.person(who)
        refuses(person.delete_alias(release.study), "who is not one")
        refuses(person.tag(release.study, version, "theragate.withdraw", why), "who is not one")
        refuses(person.tag(release.study, version, "theragate.revoke", why), "who is not one")
        refuses(person.set_alias(release.study, version), "who is not one")
    assert release.serving() == version


def test_a_name_in_the_request_is_nobody(release):
    version, attested = release.register("candidate")
    mallory = release.person("mallory")
    mallory.session.headers.update({"X-Forwarded-User": "ada", "X-Remote-User": "ada", "THERAGATE-USER": "ada"})
    mallory.session.cookies.update({"user": "ada", "username": "ada"})
    refuses(mallory.tag(release.study, version, "theragate.approve", attested.approval), "`mallory`, who is not one")
    nobody = release.person("ada")
    nobody.session.auth = ("ada", "another long password")
    assert nobody.tag(release.study, version, "theragate.approve", attested.approval).status_code == 401


def test_a_dossier_that_is_none(release):
    _, attested = release.register("candidate")
    person, path = release.person("mallory"), "/api/2.0/theragate/dossiers"
    refuses(person.send("PUT", f"{path}/{'0' * 64}", data=attested.dossier), "another digest")
    refuses(person.send("PUT", f"{path}/{'0' * 64}", data=b"{}"), "received 0 entries")
    refuses(person.send("PUT", f"{path}/{'0' * 64}", data=b" " * ((16 << 20) + 1)), "bytes at most")
    refuses(release.person("ada").send("GET", f"{path}/{'0' * 64}"), "no dossier with this digest")
    answer = person.send("GET", "/api/2.0/theragate/ledger?after=1;drop")
    refuses(answer, "`after` is the number of a row")
