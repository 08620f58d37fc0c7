"""Two pipelines in one clone: the second is told, the claim of a dead one is taken over."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from theragate.errors import StoreError
from theragate.runner.exclusive import _is_pipeline, claim_pipeline

WAIT = "import sys; print('ready', flush=True); sys.stdin.read()"


@pytest.fixture
def other():
    """Another process that lives until the test ends."""
    with subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def claim_of(process: psutil.Process) -> str:
    return json.dumps({"pid": process.pid, "started": process.create_time()})


def write_claim(root: Path, text: str) -> Path:
    path = root / ".theragate" / "pipeline.json"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def test_a_claim_is_made_and_can_be_made_again_by_the_same_process(tmp_path):
    claim_pipeline(tmp_path)
    first = (tmp_path / ".theragate" / "pipeline.json").read_text(encoding="utf-8")
    claim_pipeline(tmp_path)
    assert (tmp_path / ".theragate" / "pipeline.json").read_text(encoding="utf-8") == first


def test_a_living_pipeline_is_not_disturbed(tmp_path, other):
    path = write_claim(tmp_path, claim_of(psutil.Process(other.pid)))
    before = path.read_text(encoding="utf-8")
    with pytest.raises(StoreError, match=rf"`theragate repro` runs at a time.*process {other.pid}.*nothing was lost"):
        claim_pipeline(tmp_path)
    assert path.read_text(encoding="utf-8") == before


def test_what_runs_under_the_pipeline_runs_by_its_claim(tmp_path):
    path = write_claim(tmp_path, claim_of(psutil.Process().parent()))
    before = path.read_text(encoding="utf-8")
    claim_pipeline(tmp_path)
    assert path.read_text(encoding="utf-8") == before


def test_the_claim_of_a_dead_or_another_process_of_the_same_number_is_taken_over(tmp_path, other):
    path = write_claim(tmp_path, json.dumps({"pid": other.pid, "started": 1.0}))
    claim_pipeline(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["pid"] != other.pid


def test_a_killed_pipeline_that_nobody_buried_holds_nothing(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(dead.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    path = write_claim(tmp_path, claim_of(psutil.Process(dead.pid)))
    assert claim_pipeline(tmp_path).pid != dead.pid
    assert json.loads(path.read_text(encoding="utf-8"))["pid"] != dead.pid
    dead.wait()


STAGE = """
import sys
from pathlib import Path
from theragate.runner.exclusive import claim_pipeline, end_with
end_with(claim_pipeline(Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""
PIPELINE = """
import subprocess, sys
from pathlib import Path
from theragate.runner.exclusive import _is_pipeline, claim_pipeline
claim_pipeline(Path(sys.argv[1]))
subprocess.run([sys.executable, "-c", sys.argv[2], sys.argv[1]])
"""


def test_a_stage_ends_with_its_pipeline(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PIPELINE, str(tmp_path), STAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as pipeline:
        assert pipeline.stdout.readline() == b"ready\n"
        pipeline.kill()
        assert pipeline.stdout.read() == b"", "the stage holds this pipe until it ends"


class Called:
    """A process of another's, by its command line."""

    def __init__(self, *words: str) -> None:
        self._words = list(words)

    def cmdline(self) -> list[str]:
        return self._words


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        (("/venv/bin/python3.11", "/venv/bin/dvc", "repro"), True),
        (("python", "-m", "dvc", "repro"), True),
        (("/venv/bin/python", "/venv/bin/theragate", "repro"), True),
        (("dvc", "repro"), True),
        (("tmux", "-L", "dvc"), False),
        (("sudo", "-u", "dvc", "bash"), False),
        (("python", "pipelines/train.py", "dvc"), False),
        (("python",), False),
        ((), False),
    ],
)
def test_a_pipeline_is_known_by_its_program(words, is_one):
    assert _is_pipeline(Called(*words)) is is_one


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"pid": "x", "started": 1}', '{"pid": 0.5}'])
def test_a_broken_claim_is_replaced(text, tmp_path):
    path = write_claim(tmp_path, text)
    claim_pipeline(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8"))["pid"]
