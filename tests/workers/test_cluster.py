"""Work on a Dask cluster of real processes: the same results, and what happens when parts of it are lost."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cluster_works
import pandas as pd
import pytest
from cluster_works import Keeping, Waiting
from cohorts.images.made import folder_of, source
from dask_processes import IMPORTING, TESTS, DaskProcesses, cluster_of, dask_processes, done, soon
from made_extensions import MadeExtensions
from support import free_port

import theragate
from theragate.cohorts import cohort_file
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.parquet import read_table, write_table
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources import open_source
from theragate.digests import sha256_file
from theragate.errors import DataError, StoreError
from theragate.learning import refits
from theragate.learning.large_training import train_in_pieces
from theragate.learning.trainable import read_problem
from theragate.learning.training import Trained, train
from theragate.testing.cohorts import make_cohort, make_study, problem
from theragate.validation.run_suite import Far, check_suite
from theragate.validation.suites import Expectation, Suite
from theragate.workers.backend import Backend
from theragate.workers.cluster import Cluster
from theragate.workers.processes import Processes
from theragate.workers.site import SharedFile

pytestmark = pytest.mark.xdist_group("dask")

HOLDOUT = {"scheme": "holdout", "fraction": 0.3, "inner_folds": 3, "reason": "For the tests."}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A scheduler and two workers that no test ends."""
    with dask_processes(tmp_path_factory.mktemp("dask"), env=IMPORTING) as cluster:
        yield cluster


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DaskProcesses]:
    """A scheduler of the test's own; its workers it starts itself."""
    with dask_processes(tmp_path / "dask", workers=0, env=IMPORTING) as cluster:
        yield cluster


def trained(task: str, folder: Path, backend: Backend, *, progress=lambda *_: None) -> Trained:
    cohort, _, study = problem(task)
    path = folder / "cohort.parquet"
    if not path.exists():
        write_table(path, cohort)
    cohort, file = read_table(path, remedy=""), SharedFile(path, sha256_file(path))
    outcome, storage = read_outcome(cohort, study), folder / "state"
    return train(cohort, outcome, study, seed=9, backend=backend, storage=storage, progress=progress, file=file)


def same(one: Trained, other: Trained) -> None:
    pd.testing.assert_frame_equal(one.predictions, other.predictions)
    assert one.record == other.record


def begun(path: Path, many: int) -> list[int]:
    """Wait until so many works have begun; return the processes that do them."""
    soon(lambda: path.exists() and len(path.read_text().splitlines()) >= many)
    return [int(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("task", ["binary", "survival", "treatment_effect"])
@pytest.mark.parametrize("shared", [False, True], ids=["one disk", "a place for all"])
def test_a_cluster_gives_what_this_machine_gives(running, tmp_path: Path, task: str, shared: bool) -> None:
    place = tmp_path / "place"
    url = place.as_uri() if shared else ""
    there = trained(task, tmp_path, cluster_of(running, tmp_path / "state", shared=url))
    assert not shared or list(place.iterdir()) == []
    soon(lambda: not kept_on(running))
    same(there, trained(task, tmp_path, Processes(1)))


@pytest.mark.parametrize("shared", [False, True], ids=["one disk", "a place for all"])
@pytest.mark.parametrize("task", ["binary", "survival"])
def test_a_large_cohort_is_trained_on_there_as_here(
    running, tmp_path: Path, monkeypatch, task: str, shared: bool
) -> None:
    monkeypatch.setattr(cohort_file, "_PIECE", 128)
    study = make_study(task, validation=HOLDOUT)
    study = study.model_copy(update={"tuning": study.tuning.model_copy(update={"sample": 300})})
    path = tmp_path / "cohort.parquet"
    write_table(path, make_cohort(task, patients=900))
    file, sha256 = CohortFile(path, "Make it again."), sha256_file(path)
    problem = read_problem(file, study, seed=9)
    place = (tmp_path / "place").as_uri() if shared else ""
    found = []
    for backend in (cluster_of(running, tmp_path / "state", shared=place), Processes(1)):
        how = {"storage": tmp_path / "state", "progress": lambda *_: None}
        large = train_in_pieces(file, study, problem, sha256=sha256, seed=9, backend=backend, **how)
        found.append((large.record, large.predictor.predict(file.frame()).tobytes()))
        found[-1] += tuple(values.tobytes() for part in large.predictions for values in part.values())
    assert found[0] == found[1]


def test_refits_are_made_there_as_here(running, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(refits, "_WORTH_PROCESSES", 0)
    released = trained("binary", tmp_path, Processes(1))
    path = tmp_path / "cohort.parquet"
    cohort, (_, _, study) = read_table(path, remedy=""), problem("binary")
    chosen = released.record.selected
    found = []
    for backend in (cluster_of(running, tmp_path / "state"), Processes(1)):
        refitted = refits.refit(
            cohort,
            read_outcome(cohort, study),
            study,
            released=released.predictor,
            params=chosen.params,
            champion=refits.Recipe("logistic", {"penalty": 1.0}, ("age", "marker")),
            seed=9,
            backend=backend,
            storage=tmp_path / "refits",
            progress=lambda *_: None,
            file=SharedFile(path, sha256_file(path)),
        )
        found.append(refitted)
    for name in ("refits", "halves", "champion"):
        pd.testing.assert_frame_equal(getattr(found[0], name), getattr(found[1], name), check_exact=True)


def test_a_suite_is_checked_there_as_here(running, tmp_path: Path) -> None:
    path = tmp_path / "cohort.parquet"
    write_table(path, make_cohort("binary", patients=200))
    rules = {
        "expect_column_values_to_be_between": {"column": "age", "min_value": 50, "max_value": 60},
        "expect_column_values_to_not_be_null": {"column": "marker"},
        "expect_column_values_to_be_in_set": {"column": "stage", "value_set": ["I", "II"]},
    }
    meaning = {"description": "A rule.", "reason": "For the tests.", "unit": "patients"}
    expectations = [
        Expectation(type=kind, kwargs=arguments, severity="critical", meta={"id": kind, **meaning})
        for kind, arguments in rules.items()
    ]
    suite = Suite("small_binary", tuple(expectations), "0" * 64)
    file = CohortFile(path, "Make it again.")
    far = Far(SharedFile(path, sha256_file(path)), cluster_of(running, tmp_path))
    assert check_suite(file, suite, cells=1, far=far) == check_suite(file, suite)
    assert not check_suite(file, suite)[0].passed


def test_families_of_others_are_fitted_there_too(acme: MadeExtensions, tmp_path: Path) -> None:
    acme.family()
    cohort, _, study = problem("regression", tuning={"reference": "linear", "families": ["normal_ridge"], "trials": 3})
    study = study.model_copy(update={"extensions": ("acme-families",)})
    path = tmp_path / "cohort.parquet"
    write_table(path, cohort)
    cohort, file = read_table(path, remedy=""), SharedFile(path, sha256_file(path))
    known = {"PYTHONPATH": f"{acme.folder}:{TESTS}"}
    found = []
    with dask_processes(tmp_path / "dask", workers=1, env=known) as processes:
        for backend in (cluster_of(processes, tmp_path / "state"), Processes(1)):
            how = {"storage": tmp_path / "state", "progress": lambda *_: None, "file": file, "backend": backend}
            found.append(train(cohort, read_outcome(cohort, study), study, seed=9, **how))
    same(*found)
    assert "normal_ridge" in {trial.family for trial in found[0].record.trials}


def kept_on(processes: DaskProcesses) -> list[Path]:
    """Return the files that workers still keep of a run."""
    return [path for path in processes.folder.rglob("theragate/**/*") if path.is_file()]


def test_works_are_done_and_come_back(running, tmp_path: Path) -> None:
    assert sorted(done(cluster_of(running, tmp_path), cluster_works.doubled, range(40))) == list(range(0, 80, 2))
    assert done(cluster_of(running, tmp_path), cluster_works.doubled, []) == []


def test_what_a_work_keeps_is_forgotten_and_its_lines_arrive(running, tmp_path: Path) -> None:
    works = [Keeping(tmp_path / "folder", tmp_path / "state" / "one.scores") for _ in range(4)]
    (tmp_path / "state").mkdir()
    with cluster_of(running, tmp_path / "state").workers(of="the tests") as workers:
        folders = list(workers.run(cluster_works.keep, works))
        assert all(Path(folder).exists() for folder in folders)
        soon(lambda: works[0].scores.exists() and len(works[0].scores.read_text().splitlines()) == len(works))
    assert works[0].scores.read_text() == 4 * "a line\n"
    soon(lambda: not any(Path(folder).exists() for folder in folders))
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("name", ["../elsewhere.scores", "one.txt"])
def test_a_worker_adds_to_no_file_but_scores(running, tmp_path: Path, name: str) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "state" / name
    state.mkdir()
    works = [Keeping(tmp_path, elsewhere), Keeping(tmp_path, state / "last.scores")]
    with cluster_of(running, state).workers(of="the tests") as workers:
        for work in works:
            list(workers.run(cluster_works.keep, [work]))
        soon(works[1].scores.exists)  # sent after the other
    assert not elsewhere.exists()


def test_a_works_error_arrives_as_itself(running, tmp_path: Path) -> None:
    missing = SharedFile(tmp_path / "nowhere.parquet", "0" * 64)
    with pytest.raises(DataError, match=r"nowhere\.parquet, on the worker tcp://.*; received No such file"):
        done(cluster_of(running, tmp_path), cluster_works.size, [missing])


def test_a_works_own_timeout_is_not_waited_out(running, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="a work's own"):
        done(cluster_of(running, tmp_path), cluster_works.too_late, [1])


def test_a_file_of_another_digest_is_refused(running, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("what is meant")
    meant = SharedFile(path, sha256_file(path))
    assert done(cluster_of(running, tmp_path), cluster_works.size, [meant]) == [13]
    place = (tmp_path / "place").as_uri()
    with cluster_of(running, tmp_path, shared=place).workers(of="the tests") as workers:
        assert list(workers.run(cluster_works.size, [meant])) == [13]
    path.write_text("something else")
    with pytest.raises(DataError, match=r"file, on the worker tcp://.*: its digest is [0-9a-f]{12}…; received"):
        done(cluster_of(running, tmp_path), cluster_works.size, [meant])
    with pytest.raises(DataError, match=r"place, file [0-9a-f]{12}…: its digest is [0-9a-f]{12}…; received"):
        done(cluster_of(running, tmp_path, shared=place), cluster_works.size, [meant])


def test_a_place_that_cannot_be_written_is_named(running, tmp_path: Path) -> None:
    (tmp_path / "place").write_text("a file")
    (tmp_path / "file").write_text("text")
    file = SharedFile(tmp_path / "file", sha256_file(tmp_path / "file"))
    with pytest.raises(StoreError, match=r"shared place file:.*/place: it can be written; received"):
        done(cluster_of(running, tmp_path, shared=(tmp_path / "place").as_uri()), cluster_works.size, [file])


def test_a_killed_worker_loses_its_piece_alone(own: DaskProcesses, tmp_path: Path) -> None:
    workers = {own.start_worker().pid for _ in range(3)}
    own.wait_for_workers(3)
    works = [Waiting(tmp_path / "begun", tmp_path / "until") for _ in range(6)]

    def kill_one() -> int:
        dead = begun(tmp_path / "begun", 3)[0]
        if not (tmp_path / "until").exists():
            os.kill(dead, signal.SIGKILL)
            (tmp_path / "until").touch()
        return 3

    with cluster_of(own, tmp_path).workers(of="the tests") as there:
        there._count = kill_one  # what is called while nothing has come
        results = list(there.run(cluster_works.wait, works))
    assert len(results) == 6
    assert set(results) <= workers - {begun(tmp_path / "begun", 3)[0]}


def test_a_training_survives_its_workers_one_after_another(own: DaskProcesses, tmp_path: Path) -> None:
    own.start_worker()
    own.start_worker()

    def kill_one(done: int, total: int, text: str) -> None:
        if done < 3:
            own.workers[done].kill()
            own.start_worker()

    there = trained("binary", tmp_path, cluster_of(own, tmp_path / "state"), progress=kill_one)
    same(there, trained("binary", tmp_path, Processes(1)))


def test_a_work_that_kills_its_workers_ends_with_a_sentence(tmp_path: Path) -> None:
    few = {**IMPORTING, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with (
        dask_processes(tmp_path / "dask", workers=3, env=few) as processes,
        pytest.raises(StoreError, match=r"a worker of the tests on the cluster: .* most often from lack of memory"),
    ):
        done(cluster_of(processes, tmp_path), cluster_works.die, [1])


def test_what_a_small_worker_cannot_hold_a_larger_one_does(tmp_path: Path) -> None:
    few = {**IMPORTING, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with dask_processes(tmp_path / "dask", workers=0, env=few) as processes:
        processes.start_worker("--memory-limit", "600MiB", nanny=True)
        with pytest.raises(
            StoreError, match=r"a worker of the tests on the cluster: .* most often from lack of memory"
        ):
            done(cluster_of(processes, tmp_path), cluster_works.hold, [700])
        processes.start_worker("--memory-limit", "1200MiB", nanny=True)
        processes.wait_for_workers(2)
        assert done(cluster_of(processes, tmp_path), cluster_works.hold, [700, 700]) == [700, 700]


def test_a_killed_scheduler_is_told_and_scores_are_kept(own: DaskProcesses, tmp_path: Path) -> None:
    own.start_worker()
    folder = tmp_path / "state"

    def kill(done: int, total: int, text: str) -> None:
        if done == 2:
            assert own.scheduler is not None
            own.scheduler.kill()

    with pytest.raises(StoreError, match=r"cluster tcp://.*: its scheduler stays .* a connection that broke off"):
        trained("binary", tmp_path, cluster_of(own, folder), progress=kill)
    known = sum(len(path.read_text().splitlines()) for path in folder.rglob("*.scores"))
    assert known >= 2 * 5  # trials of the two searches that are over
    own.stop()
    own.start_scheduler()
    own.start_worker()
    again = trained("binary", tmp_path, cluster_of(own, folder))
    same(again, trained("binary", tmp_path, Processes(1)))


def test_what_is_taken_back_lets_its_workers_go(running, tmp_path: Path) -> None:
    works = [Waiting(tmp_path / "begun", tmp_path / "never") for _ in range(4)]
    with cluster_of(running, tmp_path).workers(of="the tests") as workers:
        results = workers.run(cluster_works.wait, works)

        def interrupted() -> None:
            begun(tmp_path / "begun", 2)
            raise KeyboardInterrupt

        workers._count = interrupted  # what is called while nothing has come
        with pytest.raises(KeyboardInterrupt):
            next(results)
        results.close()
    assert done(cluster_of(running, tmp_path), cluster_works.doubled, [4]) == [8]


CLIENT = """
import sys
from pathlib import Path
import cluster_works
from theragate.workers.cluster import Cluster
from cluster_works import Waiting

here = Path(sys.argv[2])
with Cluster(sys.argv[1], "", here, 60).workers(of="the tests") as workers:
    list(workers.run(cluster_works.wait, [Waiting(here / "begun", here / "never")] * 4))
"""


def test_images_are_measured_to_the_same_table(running, tmp_path: Path) -> None:
    folder_of(tmp_path, 4)
    tables = []
    for name, backend in (("here", Processes(1)), ("there", cluster_of(running, tmp_path))):
        with Scratch(tmp_path) as scratch:
            table = open_source(
                source(text=("site",)),
                tmp_path,
                study="s",
                scratch=scratch,
                downloads=tmp_path / name / "downloads",
                backend=backend,
            )
            tables.append(table.columns.frame())
    pd.testing.assert_frame_equal(tables[1], tables[0], check_exact=True)
    assert len(tables[0]) == 4


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_client_that_ends_frees_the_workers(running, tmp_path: Path, stop: signal.Signals) -> None:
    command = [sys.executable, "-c", CLIENT, running.address, str(tmp_path)]
    client = subprocess.Popen(command, env={**os.environ, **IMPORTING}, stderr=subprocess.PIPE, text=True)
    begun(tmp_path / "begun", 2)
    client.send_signal(stop)
    _, errors = client.communicate()
    assert errors.count("Traceback") <= 1
    assert done(cluster_of(running, tmp_path), cluster_works.doubled, [4]) == [8]


def test_no_scheduler_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theragate.workers.cluster._ANSWER", 1.0)
    cluster = Cluster(f"tcp://127.0.0.1:{free_port()}", "", tmp_path, 60)
    with pytest.raises(
        StoreError, match=r"its scheduler answers within 1 seconds; .* Start it with `dask scheduler`"
    ) as caught:
        done(cluster, cluster_works.doubled, [1])
    assert "\n" not in str(caught.value)


def test_a_cluster_without_workers_is_one_sentence(own: DaskProcesses, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"a worker is there within 0.5 seconds \(THERAGATE_TIMEOUT\); received none"):
        done(cluster_of(own, tmp_path, timeout=0.5), cluster_works.doubled, [1])


def test_workers_that_all_go_are_waited_for_and_then_told(own: DaskProcesses, tmp_path: Path) -> None:
    worker = own.start_worker()
    with cluster_of(own, tmp_path, timeout=2).workers(of="the tests") as workers:
        results = workers.run(cluster_works.wait, [Waiting(tmp_path / "begun", tmp_path / "never")])

        def kill_it() -> int:
            if worker.poll() is None:
                begun(tmp_path / "begun", 1)
                worker.kill()
                worker.wait()
            return 0

        workers._count = kill_it
        with pytest.raises(StoreError, match="a worker is there within 2 seconds"):
            next(results)


def test_a_worker_with_several_threads_is_refused_by_name(own: DaskProcesses, tmp_path: Path) -> None:
    own.start_worker(threads=2)
    with pytest.raises(StoreError, match=r"worker tcp://127.0.0.1:\d+ of the cluster: .* one thread, .* 2 threads"):
        done(cluster_of(own, tmp_path), cluster_works.doubled, [1])


def another_theragate(folder: Path) -> dict[str, str]:
    """Copy the package and change a line; return what makes a process import it."""
    package = Path(theragate.__file__).parent
    shutil.copytree(package, folder / "theragate", ignore=shutil.ignore_patterns("template", "__pycache__"))
    with (folder / "theragate" / "numbers.py").open("a") as stream:
        stream.write("\n# Another version.\n")
    return {"PYTHONPATH": f"{folder}:{TESTS}"}


def test_a_worker_with_other_code_is_refused_by_name(own: DaskProcesses, tmp_path: Path) -> None:
    own.start_worker()
    own.start_worker(env=another_theragate(tmp_path / "other"))
    own.wait_for_workers(2)
    with pytest.raises(StoreError, match=r"worker tcp://127.0.0.1:\d+ of the cluster: it has .* own Theragate, .*"):
        done(cluster_of(own, tmp_path), cluster_works.doubled, [1])


def test_a_worker_that_comes_later_is_refused_too(own: DaskProcesses, tmp_path: Path) -> None:
    own.start_worker()
    with cluster_of(own, tmp_path).workers(of="the tests") as workers:
        assert list(workers.run(cluster_works.doubled, [1])) == [2]
        own.workers[0].kill()
        own.start_worker(env=another_theragate(tmp_path / "other"))
        with pytest.raises(StoreError, match=r"worker tcp://127.0.0.1:\d+ of the cluster: it has .* own Theragate, .*"):
            list(workers.run(cluster_works.doubled, [1]))


def test_a_worker_without_theragate_is_refused_by_name(own: DaskProcesses, tmp_path: Path) -> None:
    (tmp_path / "other" / "theragate").mkdir(parents=True)
    (tmp_path / "other" / "theragate" / "__init__.py").touch()
    own.start_worker(env={"PYTHONPATH": f"{tmp_path / 'other'}"})
    with pytest.raises(StoreError, match=r"worker tcp://127.0.0.1:\d+ of the cluster: it has this Theragate installed"):
        done(cluster_of(own, tmp_path), cluster_works.doubled, [1])


def test_a_worker_with_other_arithmetic_is_refused_by_name(own: DaskProcesses, tmp_path: Path, monkeypatch) -> None:
    own.start_worker(env={"OPENBLAS_CORETYPE": "Prescott"})
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    with pytest.raises(StoreError, match=r'it gives the same bits .* Start it with OPENBLAS_CORETYPE="Haswell", as'):
        done(cluster_of(own, tmp_path), cluster_works.doubled, [1])
