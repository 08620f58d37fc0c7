"""The champion as MLflow alone gets it, from a server with sign-in, by the commands of docs/consumers.md.

MLflow alone is a Python that sees every installed package but ours.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from site import getsitepackages

import pandas as pd
import pytest
from documentation.pages import Page
from mlflow_plugin.attested_by_hand import attest
from mlflow_plugin.servers import PASSWORD
from patients import make_world
from support import ROOT

from theragate.digests import sha256_tree
from theragate.personal.answers import save_personal_model
from theragate.release.keys import SigningKey
from theragate.release.package_rules import TEXTS

PAGE = Page(ROOT / "docs" / "consumers.md")
(CHECK,) = (block.text for block in PAGE.blocks if block.language == "python")
(SHOWN,) = (block.text for block in PAGE.blocks if not block.language)
COMMANDS = [line for block in PAGE.blocks if block.language == "sh" for line in block.text.splitlines()]
STUDY = "light_chain_mortality"


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    """A folder with every installed package but ours."""
    folder = tmp_path_factory.mktemp("alone")
    for packages in map(Path, getsitepackages()):
        for path in packages.iterdir():
            if "theragate" not in path.name and path.suffix != ".pth" and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


class Consumer:
    """Somebody who has signed in and works in a folder, with or without our package."""

    def __init__(self, release, folder, packages=None):
        self.release, self.folder, self.packages = release, folder, packages

    def run(self, *arguments):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "THERAGATE_"))}
        kept |= {
            "MLFLOW_TRACKING_URI": self.release.server.address,
            "MLFLOW_TRACKING_USERNAME": "mallory",
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }
        options = []
        if self.packages is not None:
            kept |= {"PYTHONPATH": str(self.packages)}
            options = ["-S"]
        return subprocess.run(
            [sys.executable, *options, *arguments],
            cwd=self.folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )

    def follow(self, program):
        """Run the page's command of a program, about the study of the test."""
        (line,) = (line for line in COMMANDS if line.startswith(f"{program} "))
        words = [word.replace(STUDY, self.release.study) for word in shlex.split(line)]
        return self.run(*(["-m", "mlflow"] if program == "mlflow" else []), *words[1:])


@pytest.fixture
def served(release):
    """A champion that predicts."""
    package = release.package("served")
    (package / "data" / "estimator" / "model.json").unlink()
    (package / "data" / "estimator").rmdir()
    save_personal_model(make_world("binary", "logistic").fitted.personal, package / "data" / "estimator")
    attested = attest(package, release.study, release.server.deployment.evaluator)
    version = release.person("alan").register(release.study, package)
    release.hand_in(version, attested)
    plant_beside(release, version)
    release.approve(version, attested)
    release.promote(version)
    return version, attested


def plant_beside(release, version):
    """Put a file that no digest covers beside the registered model, as its author can."""
    place = release.person("alan").files(release.study, version).removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{place}/registered_model_meta"
    answer = release.person("alan").send("PUT", path, data=b"model_name: another\nmodel_version: '99'\n")
    assert answer.status_code == 200, answer.text


@pytest.fixture
def trust(release, tmp_path):
    (tmp_path / "trust.json").write_bytes(release.server.deployment.trust_file.read_bytes())
    (tmp_path / "check.py").write_text(CHECK)
    return tmp_path / "trust.json"


PATIENT = [{"age": 60, "sex": "f", "marker": 1.0}]
LOAD = f"""
import sys, mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict(pandas.DataFrame({PATIENT})).to_json(orient="records"))
"""


def test_mlflow_alone_gets_the_sealed_bytes(release, served, alone, tmp_path, trust):
    version, attested = served
    consumer = Consumer(release, tmp_path, alone)
    assert "No module named 'theragate'" in consumer.run("-c", "import theragate").stderr
    done = consumer.follow("mlflow")
    assert done.returncode == 0, done.stderr
    downloaded = tmp_path / "champion"
    assert {path.name for path in downloaded.iterdir()} == {*TEXTS, "data", "registered_model_meta"}
    meta = (downloaded / "registered_model_meta").read_text()
    assert meta.split() == ["model_name:", release.study, "model_version:", f"'{version}'"], "not what the author wrote"

    done = consumer.follow("python")
    assert done.returncode == 0, done.stderr
    digest = attested.attestation.package_sha256
    assert done.stdout == f"version {version}, {digest[:12]}: PASS, commit {'a' * 12}\n"
    assert shape(done.stdout) == shape(SHOWN)
    (downloaded / "registered_model_meta").unlink()
    assert sha256_tree(downloaded) == digest

    done = consumer.run("-c", LOAD, f"models:/{release.study}@champion")
    assert "No module named 'theragate'" in done.stderr.splitlines()[-1]


def test_mlflow_with_our_loader_answers_and_does_not_call_it_champion(release, served, tmp_path):
    consumer = Consumer(release, tmp_path)
    assert consumer.follow("mlflow").returncode == 0
    answers = []
    for address in (f"models:/{release.study}@champion", "champion"):
        done = consumer.run("-c", LOAD, address)
        assert done.returncode == 0, done.stderr
        answers += json.loads(done.stdout.splitlines()[-1])
    answer, from_the_folder = answers
    assert answer == from_the_folder
    assert (answer["version"], answer["status"]) == (served[0], "SIMULATED, unregistered")
    expected = make_world("binary", "logistic").fitted.personal.answer(pd.DataFrame(PATIENT))
    assert answer["prediction"] == pytest.approx(float(expected.loc[0, "prediction"]), abs=1e-9)


def test_nothing_beside_a_sealed_model_is_handed_out(release, served):
    place = release.person("ada").files(release.study, served[0]).removeprefix("mlflow-artifacts:/")
    for name in ("ada", "mallory", "admin"):
        person = release.person(name)
        for api in ("api", "ajax-api"):
            answer = person.send("GET", f"/{api}/2.0/mlflow-artifacts/artifacts/{place}/registered_model_meta")
            assert answer.status_code == 404, (name, api, answer.text)
    listed = release.person("mallory").send("GET", f"/api/2.0/mlflow-artifacts/artifacts?path={place}").json()["files"]
    assert {item["path"] for item in listed} == {*TEXTS, "data"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder, trust: (folder / "requirements.txt").write_text("evil==1\n"), "not the files that were signed"),
        (lambda folder, trust: (folder / "more.json").write_text("1"), "not the files that were signed"),
        (lambda folder, trust: (folder / "MLmodel").unlink(), "not the files that were signed"),
        (lambda folder, trust: (folder / "data" / "link").symlink_to("/etc/hostname"), "is a link"),
        (lambda folder, trust: sign_by_a_stranger(trust), "VerificationError"),
        (lambda folder, trust: revoke(trust), "no evaluator's key"),
        (lambda folder, trust: limit(trust), "no evaluator's key"),
    ],
    ids=["changed", "more", "less", "link", "stranger", "revoked", "of another study"],
)
def test_the_page_checks_what_it_says(release, alone, tmp_path, trust, spoil, message):
    release.champion()
    assert (tmp_path / "champion").is_dir(), "the package as it was registered, in place of the download"
    consumer = Consumer(release, tmp_path, alone)
    assert consumer.follow("python").returncode == 0
    spoil(tmp_path / "champion", trust)
    done = consumer.follow("python")
    assert done.returncode != 0
    assert message in done.stderr


def sign_by_a_stranger(trust):
    edit(trust, lambda key: key.update(public=SigningKey.generate().public.base64))


def revoke(trust):
    edit(trust, lambda key: key.update(revoked="2026-01-01"))


def limit(trust):
    edit(trust, lambda key: key.update(studies=["another"]))


def edit(trust, change):
    content = json.loads(trust.read_bytes())
    for key in content["keys"]:
        change(key)
    trust.write_text(json.dumps(content))


def shape(text):
    """A line without its numbers and digests."""
    return re.sub(r"\b[0-9a-f]{12}\b|\d+", "#", text).strip()
