"""What `register` signs on a laptop: loudly, once, about the package as it lies in MLflow; never in a deployment."""

import json
import platform
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gates.evidence_by_hand import STUDIES, changed, good_evidence
from made_projects import client_of, put_evidence
from mlflow import MlflowClient
from release.submission_by_hand import key_entry, trust

from theragate import cli
from theragate.digests import sha256_bytes, sha256_tree
from theragate.errors import TheragateError
from theragate.gates import read_policy
from theragate.package_form import environment, written
from theragate.project.current_verdict import read_judged
from theragate.project.snapshot import take_snapshot
from theragate.publishing.gather import gather
from theragate.publishing.signing import Signer, development_signer, draft, put_to_version, sign_for_development
from theragate.release.admission import Actor, approve, promote
from theragate.release.attestation import Attestation, sign_attestation
from theragate.release.examination import Submission, read_unverified
from theragate.release.keys import SigningKey, development_key
from theragate.release.model_files import inspect_package
from theragate.release.state import LedgerState
from theragate.release.trust import development_trust, write_trust
from theragate.runner.command import exit_code
from theragate.settings import read_settings
from theragate.stages.gate import gate
from theragate.stages.register import register
from theragate.tracking.attested import ATTESTATION, SIGNER

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload``"),  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
    pytest.mark.xdist_group("register"),
]


def version_of(workspace, number="1"):
    return client_of(workspace).get_model_version(workspace.study, number)


def settings_of(workspace):
    return read_settings({}, workspace.root)


def signed_again(workspace, *, later=timedelta(0), **changes) -> str:
    """Let `register` sign once more, at another time or about another state of the project; return the envelope."""
    settings, snapshot = settings_of(workspace), take_snapshot(workspace.root, {})
    snapshot = type(snapshot)(snapshot.code, snapshot.environment, snapshot.now + int(later.total_seconds() * 1000))
    judged = read_judged(workspace)
    bundle = gather(judged, settings, snapshot)
    for name, value in changes.items():
        object.__setattr__(bundle, name, value)
    sign_for_development(judged, settings, bundle, version="1", snapshot=snapshot, environ={})
    return version_of(workspace).tags[ATTESTATION]


def test_the_version_says_loudly_who_has_signed_it(signed):
    version, key = version_of(signed), development_key(signed.root / "private")[0]
    expected = f"DEVELOPMENT KEY {key.key_id[:12]} of one machine, which proves nothing to anybody else"
    assert version.tags[SIGNER] == expected
    assert version.description.startswith(f"{expected}.\n\n")
    assert (signed.root / "private" / "keys" / "development.pem").stat().st_mode & 0o777 == 0o600


def test_what_is_signed_is_bound_to_the_package_and_the_files(signed):
    about = read_unverified(version_of(signed).tags[ATTESTATION])
    source = client_of(signed).get_model_version_download_uri(signed.study, "1").removeprefix("file://")
    assert about.package_sha256 == sha256_tree(type(signed.root)(source))
    assert about.model_sha256 == sha256_tree(signed.model("estimator"))
    assert (about.decision, about.recomputed, about.simulated) == ("PASS", False, False)
    assert about.expires - about.issued == timedelta(days=90)
    assert about.conditions["lineage"] == "fail", "a folder without git"


def test_a_release_manager_could_release_it_if_it_were_committed(signed):
    settings, snapshot = settings_of(signed), take_snapshot(signed.root, {})
    judged = read_judged(signed)
    bundle = gather(judged, settings, snapshot)
    object.__setattr__(bundle, "conditions", {"lineage": "pass", "held_out_use": "pass"})
    object.__setattr__(bundle, "commit", "c" * 40)
    sign_for_development(judged, settings, bundle, version="1", snapshot=snapshot, environ={})
    envelope = version_of(signed).tags[ATTESTATION]
    about, policy = read_unverified(envelope), read_policy(STUDIES["survival"])
    evidence = json.loads(signed.report("evidence.json").read_text(encoding="utf-8"))
    dossier = Submission(signed.study, "1", "ada", envelope, evidence, policy.document)
    trusted = development_trust(development_key(settings.private)[0].public, {signed.study: (policy.sha256,)})
    now, bob = datetime.now(UTC) + timedelta(seconds=1), Actor("bob", "claimed")
    given = {"digest": about.evidence_sha256, "reason": "It is good enough for us", "now": now}
    assert approve(dossier, LedgerState(), trusted, bob, **given).version == "1"
    package = {"package_sha256": about.package_sha256, "model_sha256": about.model_sha256}
    with pytest.raises(Exception, match="no such approval"):
        promote(dossier, LedgerState(), trusted, bob, **package, now=now)


def test_no_signature_is_in_a_file_that_dvc_tracks(signed):
    files = {path: path.read_bytes() for path in signed.report("card.md").parent.rglob("*") if path.is_file()}
    signed_again(signed, later=timedelta(days=100))
    assert exit_code(register, [signed.study]) == 0
    assert {path: path.read_bytes() for path in files} == files
    assert not any(b"DSSE" in content or b"payloadType" in content for content in files.values())


def test_what_stands_is_not_signed_again_until_it_expires(signed):
    first = version_of(signed).tags[ATTESTATION]
    assert signed_again(signed) == signed_again(signed, later=timedelta(days=89)) == first
    assert cli.main(["sync"]) == 0
    assert version_of(signed).tags[ATTESTATION] == first
    assert signed_again(signed, later=timedelta(days=90)) != first


def test_a_project_that_moves_on_keeps_an_attestation_that_was_whole(signed):
    whole = {"lineage": "pass", "held_out_use": "pass"}
    broken = version_of(signed).tags[ATTESTATION]
    mended = signed_again(signed, conditions=whole, commit="c" * 40)
    assert mended != broken
    assert signed_again(signed) == signed_again(signed, commit="d" * 40, looks=9) == mended


def test_a_forged_tag_is_replaced_and_another_signers_is_not(signed):
    client, first = client_of(signed), version_of(signed).tags[ATTESTATION]
    client.set_model_version_tag(signed.study, "1", ATTESTATION, "forged")
    assert read_unverified(signed_again(signed)).same_but_for_time(read_unverified(first))
    settings, snapshot = settings_of(signed), take_snapshot(signed.root, {})
    judged = read_judged(signed)
    prepared = draft(judged, gather(judged, settings, snapshot), snapshot, recomputed=True)
    key = SigningKey.generate()
    deployed = trust(keys=(key_entry(key, "evaluator", name="ci"),))
    evaluator, trust_file = Signer(key, "key `ci`", deployed), signed.root / "release" / "trust.json"
    with pytest.raises(TheragateError, match="an attestation that counts is replaced only by another one that counts"):
        put_to_version(settings, prepared, evaluator, version="1", snapshot=snapshot, renew=True)
    write_trust(trust_file, deployed)
    assert put_to_version(settings, prepared, evaluator, version="1", snapshot=snapshot, renew=True)
    assert version_of(signed).tags[SIGNER] == f"attested by the key `ci`, {key.key_id[:12]}"
    assert "DEVELOPMENT" not in version_of(signed).description
    theirs = version_of(signed).tags[ATTESTATION]
    trust_file.unlink()
    assert signed_again(signed) == theirs
    write_trust(trust_file, deployed)
    assert not put_to_version(settings, prepared, evaluator, version="1", snapshot=snapshot, renew=True)
    soon = type(snapshot)(snapshot.code, snapshot.environment, snapshot.now + 70 * 86_400_000)
    assert put_to_version(settings, prepared, evaluator, version="1", snapshot=soon, renew=True)


def test_a_version_in_service_is_left_alone(signed):
    first = version_of(signed).tags[ATTESTATION]
    client_of(signed).set_registered_model_alias(signed.study, "champion", "1")
    assert signed_again(signed, later=timedelta(days=100)) == first


def test_a_deployment_is_not_signed_for_by_register(by_hand, capsys):
    write_trust(by_hand.root / "release" / "trust.json", trust())
    put_evidence(by_hand, changed(good_evidence(STUDIES["survival"]), champion=None))
    assert exit_code(gate, [by_hand.study]) == 0
    assert exit_code(register, [by_hand.study]) == 0
    said = capsys.readouterr().out
    assert f"not attested here: the evaluator does it, with `theragate attest {by_hand.study}`" in said
    assert ATTESTATION not in version_of(by_hand).tags
    assert not (by_hand.root / "private").exists()


def test_a_package_that_may_not_be_released_is_registered_and_not_attested(signed, capsys):
    source = client_of(signed).get_model_version_download_uri(signed.study, "1").removeprefix("file://")
    (type(signed.root)(source) / "model.pkl").write_bytes(b"\x80")
    client_of(signed).delete_model_version_tag(signed.study, "1", ATTESTATION)
    capsys.readouterr()
    assert exit_code(register, [signed.study]) == 0
    assert "; not attested: model file `model.pkl`: a model holds" in capsys.readouterr().out
    assert ATTESTATION not in version_of(signed).tags


def package_of(workspace) -> Path:
    return Path(client_of(workspace).get_model_version_download_uri(workspace.study, "1").removeprefix("file://"))


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    description = json.loads((folder / "MLmodel").read_bytes())
    change(description)
    (folder / "MLmodel").write_bytes(written(description))


def more_requirements(folder: Path) -> None:
    lines = [*(folder / "requirements.txt").read_text().splitlines(), "zlib-fast==6.6.6"]
    for name, content in environment(".".join(platform.python_version_tuple()[:2]), lines).items():
        (folder / name).write_bytes(content)


# Each is a package that the rules for packages let through: only the commit knows better.
CHANGED = {
    "a package more": (more_requirements, "file `conda.yaml`: .* received other content in line"),
    "a version": (
        lambda folder: (folder / "MLmodel").write_bytes(
            (folder / "MLmodel").read_bytes().replace(b'"mlflow_version": "3', b'"mlflow_version": "2')
        ),
        "file `MLmodel`: .* received other content in the field `mlflow_version`",
    ),
    "its status": (
        lambda folder: rewritten(folder, lambda text: text["metadata"].update(status="BLOCKED")),
        "in the field `metadata.status`",
    ),
    "a type of its inputs": (
        lambda folder: rewritten(folder, lambda text: text["metadata"]["inputs"].update(zzz="text")),
        "in the field `metadata.inputs`",
    ),
    "its signature": (
        lambda folder: rewritten(folder, lambda text: text["signature"].update(outputs="[]")),
        "in the field `signature.outputs`",
    ),
    "a key less": (
        lambda folder: rewritten(folder, lambda text: text.pop("prompts")),
        "in the field `prompts`",
    ),
    "the estimator": (
        lambda folder: (folder / "data" / "estimator" / "model.json").write_text("[]"),
        r"file `data/estimator/model\.json`: .* received other content\.",
    ),
    "a file more": (
        lambda folder: (folder / "data" / "estimator" / "more.json").write_text("[]"),
        r"file `data/estimator/more\.json`: .* received a file that it does not make",
    ),
    "another file": (
        lambda folder: (folder / "data" / "estimator" / "model.json").rename(
            folder / "data" / "estimator" / "other.json"
        ),
        r"file `data/estimator/model\.json`: .* received no such file",
    ),
}


@pytest.mark.parametrize(("change", "message"), CHANGED.values(), ids=CHANGED)
def test_only_the_package_that_the_files_make_is_attested(signed, capsys, change, message):
    folder = package_of(signed)
    inspect_package(folder)
    change(folder)
    inspect_package(folder)
    client_of(signed).delete_model_version_tag(signed.study, "1", ATTESTATION)
    capsys.readouterr()
    assert exit_code(register, [signed.study]) == 0
    said = capsys.readouterr().out
    assert "not attested" in said
    assert re.search(message, said), said
    assert "zlib-fast" not in said
    assert ATTESTATION not in version_of(signed).tags


def test_what_was_attested_of_another_package_does_not_stay(signed):
    """As an evaluator would find it who signed whatever was registered."""
    settings, snapshot = settings_of(signed), take_snapshot(signed.root, {})
    judged = read_judged(signed)
    prepared = draft(judged, gather(judged, settings, snapshot), snapshot, recomputed=True)
    signer = development_signer(settings)
    other = prepared.fields | {"package_sha256": "7" * 64}
    stood = Attestation(**other, issued=datetime.now(UTC), expires=datetime.now(UTC) + signer.validity)
    client_of(signed).set_model_version_tag(signed.study, "1", ATTESTATION, sign_attestation(stood, signer.key).text)
    assert put_to_version(settings, prepared, signer, version="1", snapshot=snapshot, renew=True)
    about = read_unverified(version_of(signed).tags[ATTESTATION])
    assert about.package_sha256 == sha256_tree(package_of(signed))


def test_a_package_that_somebody_changed_is_registered_again_as_the_remedy_says(signed, capsys):
    client, folder = client_of(signed), package_of(signed)
    CHANGED["a package more"][0](folder)
    client.delete_run(version_of(signed).run_id)
    client.delete_model_version(signed.study, "1")
    assert cli.main(["sync"]) == 0
    assert "DEVELOPMENT KEY" in version_of(signed, "2").tags[SIGNER]
    about = read_unverified(version_of(signed, "2").tags[ATTESTATION])
    assert about.package_sha256 != sha256_tree(folder)


def test_the_guarded_registry_gets_the_dossier(signed):
    digest = read_unverified(signed_again(signed, later=timedelta(days=100))).dossier_sha256
    url = f"gated+sqlite:///{signed.root / 'mlflow-store' / 'mlflow.db'}"
    store = MlflowClient(registry_uri=url)._get_registry_client().store
    assert sha256_bytes(store.get_dossier(digest)) == digest
