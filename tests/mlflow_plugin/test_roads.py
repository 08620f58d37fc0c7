"""Every road to a protected alias but the right one, tried on a real server by an administrator and an editor."""

import pytest
import requests
from mlflow_plugin.servers import ADMIN
from mlflow_plugin.test_refusals import refuses


@pytest.fixture(params=[ADMIN, "ada"])
def person(request, release):
    """An administrator, and a release manager who may do everything with every model."""
    return release.person(request.param)


def ungated(release, content="ungated"):
    return release.person("alan").register(release.study, release.package(content))


SPELLINGS = [
    "Champion",
    "CHAMPION",
    "champion\n",
    " champion",
    "ｃｈａｍｐｉｏｎ",
    "champ\u200bion",
    "ﬁnal",
    "prüfling",
    "final",
    "champion ",
    "champi0n",
    "champ1on",
    "charnpion",
    "champion_",
    "\u0441hampion",
    "champi\u03bfn",
    "champion\u115f",
    "champion\u1160",
    "champion\u3164",
    "champion\uffa0",
    "champion\u034f",
    "champion\ufe0f",
    "champion\U000e0100",
    "champion\U000e0041",
    "\u0443es",
]


def test_aliases_that_could_be_taken_for_the_protected_one(release):
    version = ungated(release)
    for alias in ("champion", *SPELLINGS):
        for api, who in (("api", ADMIN), ("ajax-api", "grace")):
            body = {"name": release.study, "alias": alias, "version": version}
            answer = release.person(who).send("POST", f"/{api}/2.0/mlflow/registered-models/alias", json=body)
            assert answer.status_code == 200 if alias == "final" else answer.status_code in (400, 403), answer.text
    assert set(release.person("ada").aliases(release.study)) == {"final"}
    for alias in ("candidate", "challenger", "previous", "pilot-2"):
        assert release.person("grace").set_alias(release.study, version, alias).status_code == 200


def test_no_stage_is_a_second_name_for_what_is_in_service(release, person):
    version = ungated(release)
    for stage in ("Production", "production", "PRODUCTION"):
        answer = person.api(
            "POST",
            "model-versions/transition-stage",
            name=release.study,
            version=version,
            stage=stage,
            archive_existing_versions=True,
        )
        refuses(answer, "Set the alias `champion` instead")
    assert release.person("ada").version(release.study, version)["current_stage"] == "None"


def test_what_is_in_service_is_neither_deleted_nor_renamed_nor_described_anew(release, person):
    version, _ = release.champion()
    name = release.study
    refuses(person.api("DELETE", "model-versions/delete", name=name, version=version), "is kept")
    refuses(person.api("DELETE", "registered-models/delete", name=name), "keeps its name")
    refuses(person.api("POST", "registered-models/rename", name=name, new_name=f"{name}_b"), "keeps its name")
    refuses(person.api("PATCH", "model-versions/update", name=name, version=version, description="PASS"), "is kept")
    assert release.serving() == version
    assert release.events()[-1] == ("promote", version)


def test_a_former_champion_is_kept_as_well(release):
    version, _ = release.champion()
    assert release.person("ada").delete_alias(release.study).status_code == 200
    refuses(release.person(ADMIN).api("DELETE", "model-versions/delete", name=release.study, version=version))
    refuses(release.person(ADMIN).api("DELETE", "registered-models/delete", name=release.study))
    release.promote(version)


def test_no_other_model_takes_the_name_of_a_released_one(release, person):
    release.champion()
    other = f"{release.study}_other"
    release.person("alan").register(other, release.package("other"))
    refuses(person.api("POST", "registered-models/rename", name=other, new_name=release.study), "keeps its name")
    assert person.api("DELETE", "registered-models/delete", name=other).status_code == 200, "nothing holds this one"


def test_a_copied_version_brings_no_attestation_that_counts(release, person):
    version, attested = release.champion()
    source = f"models:/{release.study}/{version}"
    tags = [{"key": key, "value": value} for key, value in person.tags(release.study, version).items()]
    for name in (release.study, f"{release.study}_copy"):
        person.api("POST", "registered-models/create", name=name)
        made = person.must("POST", "model-versions/create", name=name, source=source, tags=tags)["model_version"]
        kept = person.tags(name, made["version"])
        assert kept["theragate.author"] == person.name
        assert not {"theragate.approved", "theragate.released"} & set(kept)
        assert "theragate.attestation" not in kept
        assert person.version(name, made["version"])["description"].startswith("NOT ATTESTED")
        refuses(person.set_alias(name, made["version"]))
        answer = person.tag(name, made["version"], "theragate.attestation", attested.envelope)
        assert answer.status_code == 200
        refuses(person.set_alias(name, made["version"]))
    assert release.serving() == version


@pytest.mark.parametrize("source", ["s3://elsewhere/x", "gs://elsewhere/x", "wasbs://a@elsewhere/x", "dbfs:/x"])
def test_the_server_reads_no_bucket_that_a_version_names(release, person, source):
    """It would do so with its own keys: for everybody who asks for a file of the version, and to examine it."""
    release.register("candidate")
    answer = person.api("POST", "model-versions/create", name=release.study, source=source)
    refuses(answer, f"received a location at `{source.partition(':')[0]}:…` that is not among its artifacts")
    assert person.api("GET", "model-versions/get", name=release.study, version="2").status_code == 404


WRITTEN = [
    "theragate.author",
    "theragate.approved",
    "theragate.released",
    "theragate.revoked",
    "theragate.attested_by",
    "theragate.verdict",
    "theragate.blocked_by",
    "theragate.waivers",
]
SPELT = [
    "theragate_verdict",
    "theragate verdict",
    "_theragate-verdict",
    "Theragate/attested_by",
    "Theragate.approved",
    "theragate.author ",
    "ＴＨＥＲＡＧＡＴＥ.released",
    "THERAGATE.APPROVE",
    "theragate.re1eased",
]
ALIKE = ["thera\u0261ate.attestation", "sha256\u3164.model", "g\u0456t.commit", "theragate.verdict\u115f", "n\u043ete"]


def test_tags_that_the_server_alone_writes(release, person):
    version = ungated(release)
    for key in (*WRITTEN, *SPELT):
        answer = person.tag(release.study, version, key, "by ada on 2026-01-01: good")
        assert answer.status_code in (400, 403), key  # MLflow itself refuses some spellings
        deleted = person.api("DELETE", "model-versions/delete-tag", name=release.study, version=version, key=key)
        assert deleted.status_code in (400, 403), key
    assert release.person("ada").tags(release.study, version) == {"theragate.author": "alan"}


def test_tags_and_models_are_named_in_ascii_and_like_no_other(release, person):
    version, _ = release.register("candidate")
    before = person.tags(release.study, version)
    for key in ALIKE:
        answer = person.tag(release.study, version, key, "x")
        assert answer.status_code in (400, 403), answer.text  # MLflow itself refuses some
        answer = person.api("POST", "registered-models/set-tag", name=release.study, key=key, value="x")
        assert answer.status_code in (400, 403), answer.text
    assert person.tags(release.study, version) == before
    alike = release.study.replace("study", "stucly"), release.study.upper(), f"{release.study}_"
    cyrillic, filler = release.study.replace("s", "\u0455"), f"{release.study}\u3164"
    other = f"{release.study}_other"
    person.must("POST", "registered-models/create", name=other)
    for name in (*alike[1:], cyrillic, filler):
        for answer in (
            person.api("POST", "registered-models/create", name=name),
            person.api("POST", "registered-models/rename", name=other, new_name=name),
        ):
            assert answer.status_code in (400, 403), (name, answer.text)
            assert "\n" not in answer.json()["message"]
    assert person.api("POST", "registered-models/create", name=alike[0]).status_code == 200, "`cl` is no `d` to anybody"
    person.must("POST", "registered-models/rename", name=other, new_name=f"{other}_2")
    person.must("DELETE", "registered-models/delete", name=alike[0])


def test_tags_that_come_with_a_new_version_or_model_are_dropped(release, person):
    name = f"{release.study}_tagged"
    tags = [{"key": key, "value": "forged"} for key in [*WRITTEN, "theragate.approve", "theragate.revoke"]]
    person.must("POST", "registered-models/create", name=name, tags=[*tags, {"key": "theragate.task", "value": "x"}])
    package = release.package("tagged")
    version = person.register(name, package, tags=[*tags, {"key": "colour", "value": "blue"}])
    assert person.tags(name, version) == {"theragate.author": person.name, "colour": "blue"}
    model = person.must("GET", "registered-models/get", name=name)["registered_model"]
    assert "tags" not in model
    answer = person.api("POST", "registered-models/set-tag", name=name, key="theragate.released", value="yes")
    refuses(answer, "is about one version")
    refuses(person.api("DELETE", "registered-models/delete-tag", name=name, key="theragate.task"))


def test_a_prompt_is_no_way_round(release, person):
    name = f"{release.study}_prompt"
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    text = [*tags, {"key": "mlflow.prompt.text", "value": "Hello"}]
    person.must("POST", "registered-models/create", name=name, tags=[*tags, {"key": "theragate.task", "value": "x"}])
    made = person.must("POST", "model-versions/create", name=name, source="dummy-source", tags=text)["model_version"]
    refuses(person.set_alias(name, made["version"]), "without attestation")


def test_what_is_in_service_is_not_hidden_as_a_prompt(release, person):
    version, _ = release.champion()
    name, key = release.study, "mlflow.prompt.is_prompt"
    for who in (person, release.person("mallory")):
        refuses(who.tag(name, version, key, "true"), "a model stays a model")
        refuses(who.api("POST", "registered-models/set-tag", name=name, key=key, value="true"), "a model stays a model")
        refuses(who.api("DELETE", "registered-models/delete-tag", name=name, key=key), "a model stays a model")
    found = person.must("GET", "model-versions/search", filter=f"name = '{name}'")["model_versions"]
    assert [entry["version"] for entry in found] == [version]


def test_workspaces_assistant_demonstration_and_presigned_uploads_are_closed(release, person):
    for method, path in [
        ("DELETE", "/api/3.0/mlflow/workspaces/default?mode=SET_DEFAULT"),
        ("DELETE", "/ajax-api/3.0/mlflow/workspaces/default?mode=SET_DEFAULT"),
        ("POST", "/api/3.0/mlflow/workspaces"),
        ("PATCH", "/api/3.0/mlflow/workspaces/default"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("GET", "/ajax-api/3.0/mlflow/assistant/config"),
        ("PUT", "/ajax-api/3.0/mlflow/%61ssistant/config"),
        ("GET", "//ajax-api/3.0/mlflow//assistant/providers"),
        ("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url"),
        ("POST", "/ajax-api/3.0/mlflow/demo/generate"),
        ("POST", "/ajax-api/3.0/mlflow//%64emo/delete"),
    ]:
        answer = person.send(method, path, json={})
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["error_code"] == "PERMISSION_DENIED"


@pytest.mark.parametrize("who", [ADMIN, "mallory"])
def test_the_server_sends_and_runs_nothing_for_anybody(release, who):
    """MLflow lets everybody who has signed in keep secrets of providers, and call what they name from the server."""
    person = release.person(who)
    for method, path in [
        ("POST", "/api/3.0/mlflow/gateway/secrets/create"),
        ("POST", "/ajax-api/3.0/mlflow/gateway/endpoints/create"),
        ("DELETE", "/api/3.0/mlflow/%67ateway/secrets/delete"),
        ("POST", "/ajax-api/2.0/mlflow/gateway-proxy"),
        ("POST", "/gateway/any/mlflow/invocations"),
        ("POST", "//Gateway/proxy/any/latest/meta-data"),
        ("GET", "/gateway/mlflow/v1/models"),
        ("POST", "/ajax-api/3.0/jobs/"),
        ("PATCH", "/ajax-api/3.0/mlflow/jobs/cancel/1"),
        ("POST", "/ajax-api/3.0/mlflow/scorer/invoke"),
        ("POST", "/ajax-api/3.0/mlflow/genai/evaluate/invoke"),
        ("POST", "/ajax-api/3.0/mlflow/issues/invoke"),
        ("POST", "/api/3.0/mlflow/prompt-optimization/jobs"),
    ]:
        answer = person.send(method, path, json={"secret_name": "x", "secret_value": {"api_key": "x"}})
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["message"].startswith("MLflow's AI gateway, jobs and scorers are closed"), answer.text
    assert person.send("GET", "/api/3.0/mlflow/gateway/endpoints/list").status_code == 200, "the pages still open"


def test_a_stranger_does_not_fill_the_servers_memory(release):
    def endless():
        yield b"x"

    address = f"{release.server.address}/api/2.0/mlflow/runs/create"
    for body in (bytes(65 << 20), endless()):
        answer = requests.post(address, data=body, timeout=60)  # signed in as nobody
        assert answer.status_code == 413, answer.text
        assert "at most" in answer.json()["message"]


LOCATIONS = [
    "file:///etc",
    "/srv",
    "s3://bucket/sealed",
    "mlflow-artifacts:/sealed",
    "mlflow-artifacts://h/sealed",
    " file:///srv",
    "mlflow-artifacts:/x/../sealed/a",
    "mlflow-artifacts:/%73ealed",
    "FILE:///srv",
    "relative",
]


def test_the_server_chooses_where_artifacts_of_experiments_lie(release, person):
    for number, location in enumerate(LOCATIONS):
        for api in ("api", "ajax-api"):
            body = {"name": f"{release.study} {api} {person.name} {number}", "artifact_location": location}
            refuses(
                person.send("POST", f"/{api}/2.0/mlflow/experiments/create", json=body),
                "the server chooses the location",
            )
        body["artifactLocation"] = body.pop("artifact_location")
        answer = person.send("POST", "/ajax-api/2.0/mlflow/experiments/create", json=body)
        assert answer.status_code == 400
        assert "its field is called `artifact_location`" in answer.json()["message"]
