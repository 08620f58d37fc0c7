import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from joblib.externals.loky import reusable_executor

from theragate.errors import StoreError
from theragate.learning.training import Trained, train
from theragate.testing.cohorts import problem
from theragate.workers.processes import Processes

SCRIPT = """
import signal, sys
from pathlib import Path
import pandas as pd
from theragate.cohorts.outcome_columns import read_outcome
from theragate.learning.training import Trained, train
from theragate.testing.cohorts import problem
from theragate.study import Study
from theragate.workers.processes import Processes

def progress(done, total, text):
    print(done, total, text, flush=True)
    if done:
        sys.stdin.read()  # until it is stopped

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
here = Path(sys.argv[1])
cohort = pd.read_parquet(here / "cohort.parquet")
study = Study.model_validate_json((here / "study.json").read_text())
how = {"seed": 9, "backend": Processes(2), "storage": here / "storage", "progress": progress}
train(cohort, read_outcome(cohort, study), study, **how)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    cohort, outcome, study = problem("binary")
    how = {"seed": 9, "backend": Processes(1), "storage": tmp_path_factory.mktemp("storage")}
    return train(cohort, outcome, study, progress=lambda *_: None, **how)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent_and_the_training_goes_on_later(whole: Trained, tmp_path: Path, stop) -> None:
    cohort, outcome, study = problem("binary")
    cohort.to_parquet(tmp_path / "cohort.parquet")
    (tmp_path / "study.json").write_text(study.model_dump_json())
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], start_new_session=True, **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "0 5 small_binary\n"
    process.stdout.readline()
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does: to everyone in the group
    else:
        process.kill()
    # The workers hold the other ends of the pipes: this returns when the last of them is gone.
    _, errors = process.communicate(timeout=300)
    assert process.returncode == -stop
    assert errors.count("Traceback") == (1 if stop == signal.SIGINT else 0), errors
    assert list((tmp_path / "storage").rglob("*.scores"))

    again = train(
        cohort, outcome, study, seed=9, backend=Processes(1), storage=tmp_path / "storage", progress=lambda *_: None
    )
    pd.testing.assert_frame_equal(again.predictions, whole.predictions)
    assert again.record == whole.record


def test_a_workers_death_is_told_with_its_remedy(tmp_path: Path) -> None:
    cohort, outcome, study = problem("binary")

    def kill_the_workers(done: int, total: int, text: str) -> None:
        if done == 1:
            for worker in list(reusable_executor._executor._processes):
                os.kill(worker, signal.SIGKILL)

    with pytest.raises(StoreError, match=r"a worker process of the training: .* received its death, most often"):
        train(cohort, outcome, study, seed=9, backend=Processes(2), storage=tmp_path, progress=kill_the_workers)
