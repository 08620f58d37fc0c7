"""Dossiers that nobody refers to: each person has a few, and whoever runs the server removes them."""

import pytest
import sqlalchemy
from mlflow.entities.model_registry import ModelVersionTag
from mlflow_plugin.attested_by_hand import Deployment, attest, policy_of, write_package
from mlflow_plugin.conftest import KINDS
from mlflow_plugin.dying import opened, prepared, signed_in
from support import ROOT

from theragate.cli import main
from theragate.digests import canonical_json, sha256_bytes
from theragate.mlflow_plugin.tables import DOSSIERS
from theragate.release.keys import SigningKey

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates


RULES = ROOT / "src" / "theragate" / "deployment" / "postgresql.sql"


def junk(number):
    return canonical_json({"evidence": number, "policy": "x" * 1000})


def test_one_person_keeps_few_that_nobody_has_signed(release):
    mallory = release.person("mallory")

    def put(number):
        content = junk(f"{release.study} {number}")
        return mallory.send("PUT", f"/api/2.0/theragate/dossiers/{sha256_bytes(content)}", data=content)

    codes = [put(number).status_code for number in range(50)]
    assert codes == [200] * 50
    assert put(0).status_code == 200  # it is kept already
    refused = put(50)
    assert refused.status_code == 403
    assert "keeps 50 of each person" in refused.json()["message"]
    assert "--clean" in refused.json()["message"]
    # An attestation that mallory has signed alone makes none of them count as used.
    package = release.package("forged")
    forged = attest(
        package, release.study, SigningKey.generate(), dossier_sha256=sha256_bytes(junk(f"{release.study} 1"))
    )
    version = release.person("alan").register(release.study, package)
    assert mallory.tag(release.study, version, "theragate.attestation", forged.envelope).status_code == 200
    assert put(50).status_code == 403
    release.champion()  # the evaluator's own share is another one


@pytest.fixture(params=KINDS)
def store(request, make_database, tmp_path, monkeypatch):
    deployment = Deployment(tmp_path / "deployment")
    deployment.write()
    address = make_database(request.param)
    monkeypatch.setenv("THERAGATE_TRUST", str(deployment.trust_file))
    monkeypatch.setenv("THERAGATE_LEDGER_KEY", str(deployment.ledger_file))
    monkeypatch.setenv("THERAGATE_SEALED", str(tmp_path / "sealed"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.chdir(tmp_path)
    made = opened(f"gated+{address}")
    made.deployment, made.folder = deployment, tmp_path
    yield made
    made._dispose_engine()


def kept(store):
    with store.engine.connect() as connection:
        return set(connection.execute(sqlalchemy.select(DOSSIERS.c.sha256)).scalars())


def age(store, days):
    with store.engine.begin() as connection:
        connection.execute(DOSSIERS.update().values(received=DOSSIERS.c.received - days * 24 * 3600))


def test_cleaning_keeps_what_a_release_rests_on(store, capsys):
    version = prepared(store, store.deployment, store.folder, "study_kept")
    with signed_in("grace"):
        store.set_registered_model_alias("study_kept", "champion", version)
    released = kept(store)
    package = write_package(store.folder / "waiting", "waiting")
    waiting = attest(package, "study_kept", store.deployment.evaluator)
    with signed_in("evaluator"):
        later = str(store.create_model_version("study_kept", str(package)).version)
        store.put_dossier(waiting.dossier)
        tag = ModelVersionTag("theragate.attestation", waiting.envelope)
        store.set_model_version_tag("study_kept", later, tag)
        for number in range(3):
            store.put_dossier(junk(number))
    age(store, 31)
    with signed_in("mallory"):
        new = store.put_dossier(junk("new"))

    assert main(["server", "--clean"]) == 0
    assert "3 dossiers (3," in capsys.readouterr().out
    attested = released | {waiting.attestation.dossier_sha256}
    assert kept(store) == attested | {new}

    assert main(["server", "--clean", "0"]) == 0
    # What was released stays although its evaluator was taken out of the trust file; what waits cannot be released.
    store.deployment.evaluator = SigningKey.generate()
    store.deployment.write()
    age(store, 1)
    assert main(["server", "--clean", "0"]) == 0
    assert kept(store) == released
    with signed_in("ada"):
        store.delete_registered_model_alias("study_kept", "champion")
        store.set_registered_model_alias("study_kept", "champion", version)


@pytest.mark.xdist_group("release-postgresql")
def test_the_servers_role_cleans_nothing(make_database, tmp_path, monkeypatch, capsys):
    address = make_database("postgresql")
    deployment = Deployment(tmp_path / "deployment")
    deployment.accept(policy_of("study_cleaned"))
    monkeypatch.setenv("THERAGATE_TRUST", str(deployment.trust_file))
    monkeypatch.chdir(tmp_path)
    opened(f"gated+{address}")._dispose_engine()
    owner = sqlalchemy.create_engine(address)
    with owner.begin() as connection:
        connection.connection.cursor().execute(RULES.read_text())
        sha256 = sha256_bytes(b"x")
        connection.execute(DOSSIERS.insert().values(sha256=sha256, content=b"x", received=1, sender="mallory"))
    url = sqlalchemy.make_url(address)
    for role, code in (("theragate_server", 1), (url.username, 0)):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url.set(username=role).render_as_string(hide_password=False))
        assert main(["server", "--clean"]) == code
    told = capsys.readouterr()
    assert "permission denied" in told.err
    assert "the address with which the owner signs in" in told.err
    assert "1 dossiers (1 bytes)" in told.out
    with owner.connect() as connection:
        assert not list(connection.execute(sqlalchemy.select(DOSSIERS.c.sha256)))
    owner.dispose()
