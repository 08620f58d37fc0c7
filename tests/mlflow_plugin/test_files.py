"""The bytes of what is in service, attacked through every route that writes, moves or deletes artifacts."""

import json
import os

import pytest
from mlflow_plugin.attested_by_hand import attest
from mlflow_plugin.servers import ADMIN
from mlflow_plugin.test_refusals import refuses

from theragate.package_form import written
from theragate.release.model_files import inspect_package


def place_of(release, version):
    return release.person("ada").files(release.study, version).removeprefix("mlflow-artifacts:/")


def serves(release, version, attested):
    """Whether the sealed copy is still the one that was attested."""
    folder = release.server.artifacts / place_of(release, version)
    return inspect_package(folder).sha256 == attested.attestation.package_sha256


@pytest.mark.parametrize(("who", "api"), [(ADMIN, "api"), ("mallory", "ajax-api")])
def test_a_sealed_model_is_never_written_moved_or_deleted(release, who, api):
    version, attested = release.champion()
    person, place = release.person(who), place_of(release, version)
    below, model = f"/{api}/2.0/mlflow-artifacts", f"{place}/data/estimator/model.json"
    spellings = [
        model,
        model.replace("sealed/", "sealed%2F", 1),
        f"1/..%2F{model}",
        f"1/%2e%2e/{model}",
        f"1/%252e%252e/{model}",
        f"./{model}",
        model.replace("sealed", "SEALED", 1),
        "sealed/new",
        "sealed",
        model.replace("sealed", "%73ealed", 1),
        f"1//..//{model}",
    ]
    for path in spellings:
        for method in ("PUT", "DELETE", "POST"):
            answer = person.send(method, f"{below}/artifacts/{path}", data=b'"poison"')
            # What MLflow does not take for a path, or the file system for another name, is refused as well.
            assert answer.status_code >= 400, (method, path, answer.status_code)
        for step in ("create", "complete", "abort"):
            body = {"path": "model.json", "upload_id": "1", "num_parts": 1, "parts": []}
            assert person.send("POST", f"{below}/mpu/{step}/{path}", json=body).status_code >= 400, (step, path)
    for path in ("", ".", "sealed", "sealed/", place, f"{place}/data", "1/.."):
        assert person.send("DELETE", f"{below}/artifacts/{path}").status_code >= 400, path
    assert serves(release, version, attested)


def test_the_original_may_change_afterwards_without_consequence(release):
    version, attested = release.register("candidate")
    original = place_of(release, version)
    release.approve(version, attested)
    release.promote(version)
    mallory, path = release.person("mallory"), f"/api/2.0/mlflow-artifacts/artifacts/{original}"
    assert mallory.send("PUT", f"{path}/data/estimator/model.json", data=b'"poison"').status_code == 200
    assert mallory.send("DELETE", path).status_code == 200
    assert serves(release, version, attested)
    assert release.person("ada").delete_alias(release.study).status_code == 200
    release.promote(version)  # the way back needs the sealed copy only


def test_the_runs_own_upload_route_does_not_reach_them(release):
    version, attested = release.champion()
    run = release.person("mallory").version(release.study, version)["run_id"]
    for path in ("../../../sealed/x", "..%2F..%2F..%2Fsealed/x", "/sealed/x"):
        answer = release.person("mallory").send(
            "POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path={path}", data=b"poison"
        )
        assert answer.status_code >= 400, path
    assert serves(release, version, attested)


def planted(release, version):
    return release.server.artifacts / place_of(release, version) / "data" / "estimator"


def link_to_a_file(folder):
    (folder / "model.ubj").symlink_to("/etc/hostname")


def link_to_a_folder(folder):
    (folder / "more").symlink_to("/etc")


def hard_link(folder):
    outside = folder.parents[2] / "outside.json"
    outside.write_text("1")
    os.link(outside, folder / "more.json")


def huge(folder):
    with (folder / "model.ubj").open("wb") as stream:
        stream.truncate(3 << 30)  # a hole: it takes no place on this disk, and would on another


def many(folder):
    for number in range(10_001):
        (folder / f"{number}.json").touch()


def pipe(folder):
    os.mkfifo(folder / "model.ubj")


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (link_to_a_file, "a symbolic link"),
        (link_to_a_folder, "a symbolic link"),
        (hard_link, "they are those that were attested"),  # what it leads to is copied and hashed like the rest
        (huge, "bytes at most"),
        (many, "at most"),
        (pipe, "a pipe, socket or device"),
    ],
)
def test_what_no_model_may_hold(release, attack, words):
    version, attested = release.register("candidate")
    release.approve(version, attested)
    attack(planted(release, version))
    refuses(release.person("grace").set_alias(release.study, version), words)
    assert release.serving() is None
    assert not list((release.server.artifacts / "sealed").glob(f".{attested.attestation.package_sha256[:16]}*"))


def is_attested_in_vain(release, package, refused):
    """Its page says why the attestation does not count, and it is neither approved nor promoted."""
    attested = attest(package, release.study, release.server.deployment.evaluator)
    version = release.person("alan").register(release.study, package)
    release.hand_in(version, attested)
    said = release.person("ada").version(release.study, version)["description"]
    assert said.startswith("NOT ATTESTED")
    assert refused in said
    refuses(release.person("ada").tag(release.study, version, "theragate.approve", attested.approval), "did not count")
    refuses(release.person("grace").set_alias(release.study, version), "received no such approval")


def test_code_in_a_package_is_refused_even_if_it_was_attested(release):
    for number, name in enumerate(["code/x.py", "data/estimator/model.pkl", "data/estimator/x.so", "conftest.py"]):
        package = release.package(f"code{number}")
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_bytes(b"import os")
        is_attested_in_vain(release, package, f"model file `{name}`")


def second_reading(folder):
    """A comment to readers of YAML 1.2, the end of one and a key more to those of 1.1, such as MLflow."""
    text = (folder / "MLmodel").read_bytes()
    (folder / "MLmodel").write_bytes(text.rstrip(b"}\n") + ',"x": 1 #\u2028, "code": "evil"\n}\n'.encode())


def other_environment(folder):
    description = json.loads((folder / "MLmodel").read_bytes())
    description["flavors"]["python_function"]["env"] = {"virtualenv": "data/estimator/model.json"}
    (folder / "MLmodel").write_bytes(written(description))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda folder: (folder / "requirements.txt").write_text("--extra-index-url https://x\nnumpy==1\n"), "line 1"),
        (lambda folder: (folder / "requirements.txt").write_text("numpy==1\nevil @ https://x/evil.whl\n"), "line 2"),
        (lambda folder: (folder / "requirements.txt").write_text("git+https://x/evil.git\n"), "line 1"),
        (lambda folder: (folder / "conda.yaml").write_text("dependencies: [pip: [evil]]\n"), "`conda.yaml`"),
        (lambda folder: (folder / "python_env.yaml").write_text("dependencies: [evil]\n"), "`python_env.yaml`"),
        (lambda folder: (folder / "conda.yaml").unlink(), "`conda.yaml`"),
        (second_reading, "JSON with sorted keys"),
        (other_environment, "another `env`"),
    ],
)
def test_what_would_install_something_else_is_refused_even_if_it_was_attested(release, change, refused):
    package = release.package("changed")
    change(package)
    is_attested_in_vain(release, package, refused)
    assert release.serving() is None


def test_a_sealed_copy_that_somebody_changed_on_the_disk_is_not_served_again(release):
    version, _ = release.champion()
    assert release.person("ada").delete_alias(release.study).status_code == 200
    file = release.server.artifacts / place_of(release, version) / "data" / "estimator" / "model.json"
    file.chmod(0o600)
    file.write_text('"poison"')
    answer = release.person("grace").set_alias(release.study, version)
    assert answer.status_code == 400, answer.text
    assert "a sealed copy never changes" in answer.json()["message"]
    assert release.serving() is None
