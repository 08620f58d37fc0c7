import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
import yaml
from mlflow import MlflowClient
from requests import Session

from theragate.digests import sha256_tree
from theragate.errors import StoreError
from theragate.tracking.publish import publish
from theragate.tracking.store import Stores

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates

NOW = 1_764_000_000_000
STUDY = "heart_attack_survival"
IN_A_PROCESS = """
import pickle, sys
from theragate.tracking.publish import publish
bundle, stores = pickle.load(open(sys.argv[1], "rb"))
print(publish(bundle, stores, register=True, now=1_764_000_000_000).run_id)
"""


def client_of(stores):
    return MlflowClient(tracking_uri=stores.tracking, registry_uri=stores.registry)


def runs(stores, condition="", **options):
    client = client_of(stores)
    experiment = client.get_experiment_by_name(STUDY)
    return client.search_runs([experiment.experiment_id], condition, **options) if experiment else []


def parents(stores):
    return [run for run in runs(stores) if "mlflow.parentRunId" not in run.data.tags]


def versions(stores):
    return sorted(int(version.version) for version in client_of(stores).search_model_versions(f"name = '{STUDY}'"))


def candidate(stores):
    return int(client_of(stores).get_registered_model(STUDY).aliases.get("candidate", 0))


def downloaded(stores, version, folder):
    client = client_of(stores)
    model = client.get_logged_model(
        client.get_run(client.get_model_version(STUDY, version).run_id).outputs.model_outputs[0].model_id
    )
    found = mlflow.artifacts.download_artifacts(
        model.artifact_location, dst_path=str(folder), tracking_uri=stores.tracking, registry_uri=stores.registry
    )
    return Path(found)


def start(bundle, stores, folder, name):
    (folder / name).write_bytes(pickle.dumps((bundle, stores)))
    return subprocess.Popen([sys.executable, "-c", IN_A_PROCESS, folder / name], stdout=subprocess.PIPE, text=True)


@pytest.fixture(params=["database", "server"])
def either(request, stores):
    """The same behaviour on a SQLite file and through MLflow's own server."""
    if request.param == "database":
        return stores
    url = request.getfixturevalue("server")
    client = MlflowClient(url, url)
    experiment = client.get_experiment_by_name(STUDY)
    if experiment is not None:  # what an earlier test has left on the server is put away
        for run in client.search_runs([experiment.experiment_id]):
            client.delete_run(run.info.run_id)
        for model in client.search_registered_models():
            client.delete_registered_model(model.name)
    return Stores(url, url, "")


def test_a_passing_bundle_becomes_run_trials_model_version_and_candidate(either, make_bundle, capfd):
    bundle = make_bundle(trials=4)
    published = publish(bundle, either, register=True, now=NOW)
    assert (published.version, published.created, published.alias) == ("1", True, True)
    client = client_of(either)
    run = client.get_run(published.run_id)
    assert run.info.status == "FINISHED"
    assert (run.info.start_time, run.info.end_time) == (NOW, NOW)
    assert run.info.run_name == f"PASS · spline_cox · {bundle.key[:7]}"
    assert run.data.metrics["concordance_index/sex female"] == 0.7
    assert run.data.params["model.alpha"] == "12.5"
    assert run.data.tags["theragate.key"] == bundle.key
    assert "| fairness | pass |" in run.data.tags["mlflow.note.content"]
    assert run.inputs.dataset_inputs[0].dataset.digest == "c" * 12
    artifacts = {item.path for item in client.list_artifacts(published.run_id)}
    assert artifacts == {"card.md", "evidence.json", "figures", "recipe.json"}
    assert client.list_artifacts(published.run_id, "figures")[0].path == "figures/calibration.png"
    version = client.get_model_version(STUDY, "1")
    assert version.run_id == published.run_id
    assert version.description == run.data.tags["mlflow.note.content"]
    assert version.tags["theragate.verdict"] == "PASS"
    assert "theragate.pending" not in version.tags
    assert candidate(either) == 1
    assert client.get_registered_model(STUDY).description.startswith("Death within a year of a heart attack\n")
    assert capfd.readouterr() == ("", "")


def test_trials_are_runs_below_the_training(either, make_bundle):
    published = publish(make_bundle(trials=4), either, register=True, now=NOW)
    condition = f"tags.`mlflow.parentRunId` = '{published.run_id}'"
    trials = runs(either, condition, order_by=["attributes.start_time"])
    assert [trial.info.run_name for trial in trials] == [
        "trial 000 · ridge_cox",
        "trial 001 · spline_cox",
        "trial 002 · coxnet",
        "trial 003 · ridge_cox",
    ]
    assert [trial.info.status for trial in trials] == ["FINISHED", "FINISHED", "KILLED", "FAILED"]
    assert trials[1].data.metrics == {"objective": 0.401, "objective.fold": 0.41}
    assert trials[1].data.params == {"family": "spline_cox", "model.alpha": "1.5"}
    assert trials[3].data.metrics == {}
    folds = client_of(either).get_metric_history(trials[1].info.run_id, "objective.fold")
    assert [(fold.step, fold.value) for fold in folds] == [(0, 0.39), (1, 0.40), (2, 0.41)]


def test_a_second_call_creates_nothing(either, make_bundle):
    bundle = make_bundle()
    first = publish(bundle, either, register=True, now=NOW)
    before = {run.info.run_id: run.to_dictionary() for run in runs(either)}
    second = publish(bundle, either, register=True, now=NOW + 1)
    assert (second.run_id, second.version, second.created, second.alias) == (first.run_id, "1", False, True)
    assert {run.info.run_id: run.to_dictionary() for run in runs(either)} == before
    assert versions(either) == [1]


def test_the_packaged_model_is_data_only(either, make_bundle, tmp_path):
    bundle = make_bundle()
    published = publish(bundle, either, register=True, now=NOW)
    path = downloaded(either, published.version, tmp_path / "model")
    found = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    assert found >= {"MLmodel", "requirements.txt", "data/estimator/model.json"}
    assert not [name for name in found if name.endswith((".pkl", ".py", ".so", ".cloudpickle")) or "code/" in name]
    assert sha256_tree(path / "data" / "estimator") == bundle.verdict.model_sha256
    package = yaml.safe_load((path / "MLmodel").read_text())
    assert package["flavors"]["python_function"]["loader_module"] == "theragate.serving"
    assert package["metadata"]["key"] == bundle.key
    assert package["metadata"]["status"] == "candidate"
    assert "saved_input_example_info" not in package
    assert "scikit-survival==0.28.0" in (path / "requirements.txt").read_text().split()


def test_a_blocked_verdict_is_registered_and_moves_no_alias(either, make_bundle):
    passing = publish(make_bundle(), either, register=True, now=NOW)
    blocked = publish(make_bundle(content="b", decision="BLOCKED"), either, register=True, now=NOW + 1000)
    assert (passing.alias, blocked.version, blocked.alias) == (True, "2", False)
    version = client_of(either).get_model_version(STUDY, "2")
    assert (version.tags["theragate.verdict"], version.tags["theragate.blocked_by"]) == ("BLOCKED", "fairness")
    assert candidate(either) == 1


def test_a_study_that_was_only_ever_blocked_has_no_candidate(stores, make_bundle):
    publish(make_bundle(decision="BLOCKED"), stores, register=True, now=NOW)
    assert candidate(stores) == 0


def test_the_alias_goes_to_the_version_registered_last_and_not_back(stores, make_bundle):
    old, new = make_bundle(), make_bundle(content="b")
    publish(old, stores, register=True, now=NOW)
    assert publish(new, stores, register=True, now=NOW + 1000).alias
    again = publish(old, stores, register=True, now=NOW + 2000)
    assert (again.version, again.created, again.alias) == ("1", False, False)
    assert candidate(stores) == 2


def test_an_alias_that_a_person_removed_stays_removed(stores, make_bundle):
    bundle = make_bundle()
    publish(bundle, stores, register=True, now=NOW)
    client_of(stores).delete_registered_model_alias(STUDY, "candidate")
    assert not publish(bundle, stores, register=True, now=NOW).alias
    assert candidate(stores) == 0


def test_a_version_whose_alias_was_not_set_when_the_process_died_gets_it(stores, make_bundle):
    bundle = make_bundle()
    publish(bundle, stores, register=True, now=NOW)
    client = client_of(stores)
    client.delete_registered_model_alias(STUDY, "candidate")
    client.set_model_version_tag(STUDY, "1", "theragate.pending", "true")
    assert publish(bundle, stores, register=True, now=NOW).alias
    assert candidate(stores) == 1
    assert "theragate.pending" not in client.get_model_version(STUDY, "1").tags


def test_a_late_alias_does_not_overtake_a_newer_candidate(stores, make_bundle):
    old, new = make_bundle(), make_bundle(content="b")
    publish(old, stores, register=True, now=NOW)
    publish(new, stores, register=True, now=NOW)
    client_of(stores).set_model_version_tag(STUDY, "1", "theragate.pending", "true")
    assert not publish(old, stores, register=True, now=NOW).alias
    assert candidate(stores) == 2


def test_an_experiment_is_logged_and_registered_only_when_it_is_applied(stores, make_bundle):
    tried = make_bundle(experiment="calm-owl", baseline="2" * 40)
    published = publish(tried, stores, register=False, now=NOW)
    assert (published.version, published.created, published.alias) == (None, True, False)
    assert not client_of(stores).search_registered_models()
    assert parents(stores)[0].data.tags["dvc.experiment"] == "calm-owl"
    applied = publish(make_bundle(), stores, register=True, now=NOW + 1000)
    assert (applied.run_id, applied.version, applied.created) == (published.run_id, "1", True)


def test_what_was_published_from_a_changed_tree_is_told_the_commit_later(stores, make_bundle):
    dirty = make_bundle(dirty=True, commit="0" * 40, reproduce="git checkout 0000000")
    publish(dirty, stores, register=True, now=NOW)
    assert not publish(make_bundle(), stores, register=True, now=NOW).created
    publish(dirty, stores, register=True, now=NOW)
    for tags in (parents(stores)[0].data.tags, client_of(stores).get_model_version(STUDY, "1").tags):
        assert (tags["git.dirty"], tags["git.commit"]) == ("false", "1" * 40)
    assert parents(stores)[0].data.tags["mlflow.source.git.commit"] == "1" * 40
    for text in (
        parents(stores)[0].data.tags["mlflow.note.content"],
        client_of(stores).get_model_version(STUDY, "1").description,
    ):
        assert text.endswith("Reproduce: `dvc repro register@heart_attack_survival`")


def test_a_publication_that_is_killed_is_replaced(stores, make_bundle, tmp_path):
    bundle = make_bundle(trials=160)
    process = start(bundle, stores, tmp_path, "killed")
    deadline = time.monotonic() + 60
    while len(runs(stores)) < 3 and time.monotonic() < deadline:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    half_made = parents(stores)[0].info
    assert half_made.status == "RUNNING"
    assert not client_of(stores).search_registered_models()
    bundle = make_bundle(trials=160)
    published = publish(bundle, stores, register=True, now=NOW)
    assert [run.info.run_id for run in parents(stores)] == [published.run_id]
    assert published.run_id != half_made.run_id
    assert len(runs(stores)) == 161, "the trials of the half-made run are gone"
    client = client_of(stores)
    models = client.search_logged_models([half_made.experiment_id])
    assert [model.source_run_id for model in models] == [published.run_id]
    assert versions(stores) == [1]


def test_two_first_publications_at_once_into_no_database_write_one_run(tmp_path, make_bundle):
    url = f"sqlite:///{tmp_path / 'none yet' / 'mlflow.db'}"
    stores = Stores(url, url, (tmp_path / "none yet" / "artifacts").as_uri())
    processes = [start(make_bundle(), stores, tmp_path, f"{number}") for number in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(set(outputs)) == 1, "both name the same run"
    assert len(parents(stores)) == 1
    assert versions(stores) == [1]


def test_an_empty_mlflow_is_filled_from_the_same_files(stores, make_bundle, tmp_path, empty_database):
    bundle = make_bundle()
    (tmp_path / "empty.db").write_bytes(empty_database)
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    other = Stores(url, url, (tmp_path / "other").as_uri())
    assert publish(bundle, stores, register=True, now=NOW).created
    assert publish(bundle, other, register=True, now=NOW + 5000).created
    one, two = parents(stores)[0], parents(other)[0]
    assert one.info.run_id != two.info.run_id
    assert (one.data.metrics, one.data.params, one.data.tags) == (two.data.metrics, two.data.params, two.data.tags)


def test_a_run_or_an_experiment_that_a_person_deleted_comes_back_as_one(stores, make_bundle):
    bundle = make_bundle()
    client = client_of(stores)
    published = publish(bundle, stores, register=True, now=NOW)
    client.delete_run(published.run_id)
    assert publish(bundle, stores, register=True, now=NOW).run_id != published.run_id
    client.delete_experiment(client.get_experiment_by_name(STUDY).experiment_id)
    publish(bundle, stores, register=True, now=NOW)
    assert len([run for run in parents(stores) if run.info.status == "FINISHED"]) >= 1
    assert versions(stores) == [1]


def test_a_folder_of_artifacts_that_is_out_of_reach_is_noticed(stores, make_bundle, tmp_path):
    bundle = make_bundle()
    publish(bundle, stores, register=True, now=NOW)
    shutil.rmtree(tmp_path / "store" / "artifacts")
    elsewhere = replace(stores, artifacts=(tmp_path / "elsewhere").as_uri())
    with pytest.raises(StoreError, match=r"received no folder .*artifacts.*`theragate sync` fills it"):
        publish(bundle, elsewhere, register=True, now=NOW)


def test_artifacts_that_cannot_be_written_are_reported_and_the_run_is_redone(stores, make_bundle, tmp_path):
    bundle = make_bundle()
    (tmp_path / "store" / "artifacts").write_text("in the way")
    with pytest.raises(StoreError, match="MLflow store `sqlite:"):
        publish(bundle, stores, register=True, now=NOW)
    assert not client_of(stores).search_registered_models()
    (tmp_path / "store" / "artifacts").unlink()
    assert publish(bundle, stores, register=True, now=NOW).created
    assert len(parents(stores)) == 1


def test_a_store_that_is_locked_for_long_is_reported(stores, make_bundle):
    publish(make_bundle(), stores, register=True, now=NOW)
    holder = sqlite3.connect(stores.tracking.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    url = f"{stores.tracking}?timeout=0.2"
    try:
        with pytest.raises(StoreError, match="received a locked database"):
            publish(make_bundle(content="b"), Stores(url, url, stores.artifacts), register=True, now=NOW)
    finally:
        holder.close()


def test_nothing_is_written_into_the_current_folder(stores, make_bundle, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    publish(make_bundle(), stores, register=True, now=NOW)
    assert not list((tmp_path / "here").iterdir())


def test_many_subgroups_fit_into_mlflows_batches(stores, make_bundle):
    bundle = make_bundle(trials=0)
    one = bundle.evidence.groups[0]
    groups = tuple(one.model_copy(update={"label": f"ward {number}"}) for number in range(120))
    bundle = replace(bundle, evidence=bundle.evidence.model_copy(update={"groups": groups}), artifacts={})
    publish(bundle, stores, register=False, now=NOW)
    assert len(parents(stores)[0].data.metrics) > 1400


def test_a_server_is_asked_few_questions_about_what_it_has(server, make_bundle, monkeypatch):
    """Each request over HTTP costs the hash of a password."""
    stores, asked, send = Stores(server, server, ""), list[str](), Session.send

    def counted(session, request, **options):
        asked.append(request.path_url.partition("?")[0])
        return send(session, request, **options)

    bundle = make_bundle(content="asked", trials=9)
    first = publish(bundle, stores, register=True, now=NOW)
    monkeypatch.setattr(Session, "send", counted)
    again = publish(bundle, stores, register=True, now=NOW)
    assert (again.run_id, again.version, again.created, again.alias) == (first.run_id, first.version, False, True)
    assert len(asked) <= 4, asked


def test_trials_that_are_sent_several_at_once_are_all_there_and_in_order(server, make_bundle):
    stores = Stores(server, server, "")
    published = publish(make_bundle(content="many", trials=23), stores, register=False, now=NOW)
    found = runs(stores, f"tags.`mlflow.parentRunId` = '{published.run_id}'", order_by=["attributes.start_time"])
    names = [run.info.run_name for run in found]
    assert len(names) == 23
    assert names == sorted(names)
    assert {run.info.status for run in found} <= {"FINISHED", "KILLED", "FAILED"}
    assert all(run.data.params["family"] for run in found)
