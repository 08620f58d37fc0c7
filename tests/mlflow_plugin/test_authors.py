"""An author who would approve the own model by way of an accomplice, tried on a real server."""

import pytest
from mlflow_plugin.attested_by_hand import attest
from mlflow_plugin.servers import ADMIN, experiment_of
from mlflow_plugin.test_refusals import refuses

from theragate.digests import sha256_tree

NOBODY = "Nobody <nobody@elsewhere.example>"


def copied_registry(release, version):
    return {"source": f"models:/{release.study}/{version}"}


def copied_source(release, version):
    found = release.person("ada").version(release.study, version)
    return {key: found[key] for key in ("source", "run_id")}


def copied_files(release, version):
    """Other files at another place, in another run, of the very same content."""
    mallory, package = release.person("mallory"), release.folder / "candidate"
    experiment = experiment_of(mallory)
    run = mallory.run(experiment)
    mallory.upload(package, f"{experiment}/{run}/artifacts/model")
    return {"source": f"mlflow-artifacts:/{experiment}/{run}/artifacts/model", "run_id": run}


@pytest.mark.parametrize("copy", [copied_registry, copied_source, copied_files])
@pytest.mark.parametrize("deleted", [False, True])
def test_a_copy_by_an_accomplice_has_the_same_author(release, copy, deleted):
    """Ada registers; mallory registers it again, in a study's own name; ada would approve that."""
    package = release.package("candidate")
    elsewhere = f"{release.study}_draft"
    first = release.person("ada").register(elsewhere, package)
    source = copy(type(release)(release.server, release.folder, elsewhere), first)
    mallory = release.person("mallory")
    mallory.api("POST", "registered-models/create", name=release.study)
    made = mallory.must("POST", "model-versions/create", name=release.study, **source)["model_version"]["version"]
    if deleted:
        release.person(ADMIN).must("DELETE", "model-versions/delete", name=elsewhere, version=first)
    attested = attest(package, release.study, release.server.deployment.evaluator, author=NOBODY)
    release.hand_in(made, attested)
    answer = release.person("ada").tag(release.study, made, "theragate.approve", attested.approval)
    refuses(answer, "who is its author", f"registered the same model as `{elsewhere}` version {first}")
    release.approve(made, attested, by="grace")
    release.promote(made, by="ada")


def test_the_same_estimator_in_another_package_has_the_same_author(release):
    package = release.package("candidate")
    elsewhere = f"{release.study}_draft"
    release.person("ada").register(elsewhere, package)
    (package / "requirements.txt").write_text("theragate\nnumpy\n")
    made = release.person("mallory").register(release.study, package)
    attested = attest(package, release.study, release.server.deployment.evaluator, author=NOBODY)
    release.hand_in(made, attested)
    refuses(release.person("ada").tag(release.study, made, "theragate.approve", attested.approval), "is its author")


def test_an_approval_counts_no_longer_once_the_approver_has_copied_the_model(release):
    version, attested = release.register("candidate")
    release.approve(version, attested)
    ada, elsewhere = release.person("ada"), f"{release.study}_copy"
    ada.api("POST", "registered-models/create", name=elsewhere)
    ada.must("POST", "model-versions/create", name=elsewhere, source=f"models:/{release.study}/{version}")
    refuses(release.person("grace").set_alias(release.study, version), "received no such approval")


def test_whose_run_it_is_may_not_approve(release):
    package, study = release.package("candidate"), release.study
    mallory = release.person("mallory")
    experiment = experiment_of(mallory)
    run = mallory.must("POST", "runs/create", experiment_id=experiment, tags=[{"key": "mlflow.user", "value": "ada"}])[
        "run"
    ]["info"]["run_id"]
    mallory.upload(package, f"{experiment}/{run}/artifacts/model")
    mallory.api("POST", "registered-models/create", name=study)
    source = f"mlflow-artifacts:/{experiment}/{run}/artifacts/model"
    made = mallory.must("POST", "model-versions/create", name=study, source=source, run_id=run)["model_version"]
    attested = attest(package, study, release.server.deployment.evaluator, author=NOBODY)
    release.hand_in(made["version"], attested)
    refuses(
        release.person("ada").tag(study, made["version"], "theragate.approve", attested.approval), "made the run of"
    )


@pytest.mark.parametrize("attested_there", [True, False])
def test_files_that_come_after_the_registration_are_known(release, attested_there):
    package, elsewhere = release.package("candidate"), f"{release.study}_draft"
    ada = release.person("ada")
    experiment = experiment_of(ada)
    run = ada.run(experiment)
    ada.api("POST", "registered-models/create", name=elsewhere)
    place = f"{experiment}/{run}/artifacts/model"
    made = ada.must("POST", "model-versions/create", name=elsewhere, source=f"mlflow-artifacts:/{place}", run_id=run)
    ada.upload(package, place)
    attested = attest(package, release.study, release.server.deployment.evaluator, author=NOBODY)
    number = made["model_version"]["version"]
    if attested_there:
        assert ada.tag(elsewhere, number, "theragate.attestation", attested.envelope).status_code == 200
    version = release.person("mallory").register(release.study, package)
    release.hand_in(version, attested)
    refuses(ada.tag(release.study, version, "theragate.approve", attested.approval), "is its author")


def test_models_without_an_estimator_are_not_one_another(release):
    """A folder without estimators of two people has no digest in common that makes them authors of each other's."""
    ada = release.person("ada")
    bare = release.folder / "bare"
    bare.mkdir()
    (bare / "note.txt").write_text("no estimator here")
    ada.register(f"{release.study}_bare", bare)
    assert sha256_tree(bare)
    version, attested = release.register("candidate")
    release.approve(version, attested)
    release.promote(version)
