"""What release managers do on a real server, on SQLite and on PostgreSQL."""

import json

import requests
from gates.evidence_by_hand import champion, estimate

from theragate.digests import sha256_tree
from theragate.release.ledger import Row, verify_rows
from theragate.release.state import fold


def champion_of(attested, **changes):
    """Evidence that compares with the model of `attested`."""
    signed = attested.attestation
    found = champion(
        estimate(0.005, 0.004),
        metric="concordance_index",
        **{"model_sha256": signed.model_sha256, "recipe_sha256": signed.recipe_sha256} | changes,
    )
    return {"champion": found}


def test_a_version_comes_into_service_by_evidence_and_approval(release):
    version, attested = release.champion()
    assert release.serving() == version
    assert release.events() == [("approve", version), ("promote", version)]
    tags = release.person("mallory").tags(release.study, version)
    assert tags["theragate.author"] == "alan"
    assert tags["theragate.approved"].startswith("approved by ada on ")
    assert tags["theragate.released"].startswith("promoted by grace on ")
    assert "theragate.approve" not in tags
    assert release.person("ada").files(release.study, version) == (
        f"mlflow-artifacts:/sealed/{attested.attestation.package_sha256}"
    )


def test_the_successor_replaces_it_and_is_rolled_back(release):
    first, attested = release.champion("first")
    second, again = release.champion("second", evidence=champion_of(attested))
    assert release.serving() == second
    assert release.person("ada").ledger()[-1]["event"]["replaces"] == first
    release.promote(first)  # the last champion: no new approval is needed
    assert release.serving() == first
    assert release.events()[-1] == ("rollback", first)
    refused = release.person("grace").set_alias(release.study, second)
    assert refused.status_code == 403, "its approval was of one promotion"
    assert "received no such approval" in refused.json()["message"]
    release.approve(second, again)
    release.promote(second)  # its attestation compares with the very champion, and still counts
    assert release.events()[-1] == ("promote", second)


def test_a_challenger_of_a_weakened_champion_is_refused_by_the_server(release):
    first, attested = release.champion("first")
    assert release.person("ada").ledger()[-1]["event"]["recipe_sha256"] == attested.attestation.recipe_sha256
    weak = champion_of(attested, recipe_sha256="e" * 64)
    version, handed_in = release.register("second", evidence=weak)
    answer = release.person("ada").tag(release.study, version, "theragate.approve", handed_in.approval)
    assert answer.status_code == 403
    assert "was refitted by the recipe" in answer.json()["message"]
    assert release.person("grace").set_alias(release.study, version).status_code == 403
    assert release.serving() == first


def test_a_champion_is_withdrawn_by_tag_or_by_deleting_the_alias_and_comes_back(release):
    version, _ = release.champion()
    answer = release.person("ada").tag(
        release.study, version, "theragate.withdraw", "The laboratory has changed its assay."
    )
    assert answer.status_code == 200, answer.text
    assert release.serving() is None
    release.promote(version)
    assert release.person("grace").delete_alias(release.study).status_code == 200
    assert release.serving() is None
    assert [kind for kind, _ in release.events()] == ["approve", "promote", "withdraw", "rollback", "withdraw"]


def test_a_revoked_champion_leaves_service_and_never_comes_back(release):
    version, _ = release.champion()
    why = "The outcome was coded wrongly in the source."
    answer = release.person("ada").tag(release.study, version, "theragate.revoke", why)
    assert answer.status_code == 200, answer.text
    assert release.serving() is None
    assert why in release.person("ada").tags(release.study, version)["theragate.revoked"]
    answer = release.person("grace").set_alias(release.study, version)
    assert answer.status_code == 403
    assert "a revoked model is not released again" in answer.json()["message"]


def test_the_ledger_verifies_and_says_who_is_in_service(release):
    version, _ = release.champion()
    rows = [Row.model_validate_json(json.dumps(row)) for row in release.person("mallory").ledger()]
    head = verify_rows(rows, release.server.deployment.trust())
    assert head == rows[-1]
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert fold(rows).of(release.study).champion.version == version
    assert rows[-1].event.identity == "signed_in"
    later = release.person("mallory").ledger(after=len(rows) - 1)
    assert [row["seq"] for row in later] == [len(rows)]


def test_whoever_downloads_a_champion_gets_the_sealed_bytes(release):
    version, attested = release.champion()
    person = release.person("mallory")
    place = person.files(release.study, version).removeprefix("mlflow-artifacts:/")
    copy = release.server.artifacts / place
    assert sha256_tree(copy) == attested.attestation.package_sha256
    got = person.send("GET", f"/api/2.0/mlflow-artifacts/artifacts/{place}/data/estimator/model.json")
    assert got.content == (release.folder / "champion" / "data" / "estimator" / "model.json").read_bytes()
    shown = person.send("GET", f"/model-versions/get-artifact?name={release.study}&version={version}&path=MLmodel")
    assert shown.content == (release.folder / "champion" / "MLmodel").read_bytes()
    assert {path.stat().st_mode & 0o222 for path in copy.rglob("*")} == {0}


def test_the_full_evidence_is_shown_to_managers_and_readers_only(release):
    _, attested = release.register("candidate")
    path = f"/api/2.0/theragate/dossiers/{attested.attestation.dossier_sha256}"
    for name, status in [("ada", 200), ("reader", 200), ("evaluator", 403), ("mallory", 403), ("admin", 403)]:
        answer = release.person(name).send("GET", path)
        assert answer.status_code == status, name
        assert (answer.content == attested.dossier) == (status == 200)
    assert requests.get(f"{release.server.address}{path}", timeout=60).status_code == 401
    assert requests.get(f"{release.server.address}/api/2.0/theragate/ledger", timeout=60).status_code == 401


def test_the_pipeline_notes_on_a_champion_only_what_says_nothing_about_it(release):
    version, _ = release.champion()
    alan = release.person("alan")
    assert alan.tag(release.study, version, "theragate.candidate_taken", "true").status_code == 200
    assert alan.tag(release.study, version, "note", "seen in the round").status_code == 200
    for key in ("theragate.looks", "sha256.model", "git.commit", "theragate.attestation"):
        answer = alan.tag(release.study, version, key, "x")
        assert answer.status_code == 403, key
        assert "a version that is or was champion is kept" in answer.json()["message"]
    assert alan.set_alias(release.study, version, "candidate").status_code == 200
