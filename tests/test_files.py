"""Files are whole or absent: killed, interrupted, refused by the disk, or written by two at once."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from theragate.errors import DataError, StoreError, TheragateError
from theragate.files import read_bytes, read_json, whole_directory, whole_file, write_json, write_text

PART = "*.part"


def run(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, which may die."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def contents(directory: Path) -> dict[str, str]:
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def _write_half(path: Path, number: int) -> None:
    path.write_text("half")
    path.write_text(str(number / 0))


def _fill(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/full")
    path.write_text("x")


def test_a_file_appears_whole_in_a_folder_that_is_made(tmp_path):
    path = tmp_path / "new" / "deep" / "a.txt"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


def test_a_private_file_is_never_readable_by_others(tmp_path):
    with whole_file(tmp_path / "ids.csv", mode=0o600) as temporary:
        temporary.write_text("secret")
        assert temporary.stat().st_mode & 0o077 == 0
    assert (tmp_path / "ids.csv").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("writer", [whole_file, whole_directory])
def test_an_error_in_the_block_changes_nothing(writer, tmp_path):
    target = tmp_path / "target"
    if writer is whole_file:
        target.write_text("former")
    else:
        target.mkdir()
        (target / "a").write_text("former")
    before = contents(tmp_path)
    with pytest.raises(ZeroDivisionError, match="zero"), writer(target) as temporary:
        _write_half((temporary if writer is whole_file else temporary / "a"), 1)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_half_way_leaves_the_former_file(number, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("former")
    code = (
        "import os, sys; from pathlib import Path; from theragate.files import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), int(sys.argv[2]))\n"
    )
    assert run(code, path, str(int(number))).returncode == -number
    assert path.read_text() == "former"


def test_a_folder_is_whole_at_whatever_moment_the_process_is_killed(tmp_path):
    """Die at the first, second … system call that removes or renames, until the swap runs through."""
    code = (
        "import os, signal, sys; from pathlib import Path; from theragate.files import whole_directory\n"
        "left = int(sys.argv[2])\n"
        "def strike(event, arguments):\n"
        "    global left\n"
        "    if event in ('os.remove', 'os.rename', 'os.rmdir'):\n"
        "        left -= 1\n"
        "        if left < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(strike)\n"
        "with whole_directory(Path(sys.argv[1])) as temporary:\n"
        "    for name in 'abc': (temporary / name).write_text('new')\n"
    )
    former, new = dict.fromkeys("abc", "former"), dict.fromkeys("abc", "new")
    for moment in range(20):
        target = tmp_path / str(moment) / "target"
        target.mkdir(parents=True)
        for name, text in former.items():
            (target / name).write_text(text)
        done = run(code, target, str(moment))
        # Between the two renames the place may be empty for a moment, but never holds a part.
        if target.exists():
            assert contents(target) in (former, new), f"killed at step {moment}"
        if done.returncode == 0:
            break
    else:
        pytest.fail("the folder was never swapped")
    assert contents(target) == new


def test_a_folder_is_replaced_and_not_merged(tmp_path):
    target = tmp_path / "target"
    for name in ("a", "b"):
        with whole_directory(target) as temporary:
            (temporary / name).write_text(name)
    assert contents(target) == {"b": "b"}
    assert target.stat().st_mode & 0o777 == 0o755
    assert [entry.name for entry in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("writer", ["whole_file", "whole_directory"])
def test_a_disk_that_is_full_leaves_the_former_content_and_no_rest(writer, tmp_path):
    target = tmp_path / "target"
    if writer == "whole_file":
        target.write_text("former")
    else:
        target.mkdir()
        (target / "a").write_text("former")
    before = contents(tmp_path)
    code = (
        "import resource, signal, sys; from pathlib import Path; from theragate import files\n"
        "from theragate.errors import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with getattr(files, sys.argv[2])(Path(sys.argv[1])) as temporary:\n"
        "        (temporary / 'a' if sys.argv[2] == 'whole_directory' else temporary).write_text('x' * 5000)\n"
        "except StoreError as error: print(error)\n"
    )
    done = run(code, target, writer)
    assert done.stderr == ""
    assert "the file can be written; received File too large. Free space" in done.stdout
    assert contents(tmp_path) == before
    assert not list(tmp_path.glob(PART)) + list(tmp_path.glob("." + PART))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_device_is_named_with_its_remedy(tmp_path):
    message = r"No space left on device\. Free space"
    with pytest.raises(StoreError, match=message), whole_file(tmp_path / "a") as temporary:
        _fill(temporary)
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "taken").write_text("")
    for call in (
        lambda: write_text(tmp_path / "taken" / "a", ""),
        lambda: whole_directory(tmp_path / "taken" / "a").__enter__(),
    ):
        with pytest.raises(StoreError, match="the file can be written"):
            call()


def test_a_folder_where_the_file_should_be(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        write_text(tmp_path / "a", "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_an_error_that_is_not_the_disk_s_is_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError, match="input"), whole_file(tmp_path / "a"):
        (tmp_path / "input.csv").read_text()


def test_our_own_errors_pass_through(tmp_path):
    with pytest.raises(DataError, match="other rule"), whole_directory(tmp_path / "a"):
        raise DataError("a", rule="other rule", received="x", remedy="y.")


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path):
    path = tmp_path / "a.json"
    code = (
        "import sys; from pathlib import Path; from theragate.files import write_json\n"
        "for _ in range(60): write_json(Path(sys.argv[1]), [sys.argv[2]] * 5000)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(number)]) for number in range(3)]
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            value = json.loads(path.read_text())
            assert len(value) == 5000
            assert len(set(value)) == 1
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_many_writers_of_one_folder_leave_one_whole_folder(tmp_path):
    target = tmp_path / "target"
    code = (
        "import sys; from pathlib import Path; from theragate.files import whole_directory\n"
        "for _ in range(200):\n"
        "    with whole_directory(Path(sys.argv[1])) as temporary:\n"
        "        for name in 'abc': (temporary / name).write_text(sys.argv[2])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(target), str(number)]) for number in range(3)]
    assert [writer.wait(timeout=300) for writer in writers] == [0, 0, 0]
    assert contents(target) in [dict.fromkeys("abc", str(number)) for number in range(3)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["target"]


def test_a_folder_that_is_interrupted_between_the_renames_comes_back(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "a").write_text("former")
    code = (
        "import sys; from pathlib import Path; from theragate.files import whole_directory\n"
        "renames = 0\n"
        "def strike(event, arguments):\n"
        "    global renames\n"
        "    renames += event == 'os.rename'\n"
        "    if renames == 3: renames += 1; raise KeyboardInterrupt\n"
        "sys.addaudithook(strike)\n"
        "with whole_directory(Path(sys.argv[1])) as temporary: (temporary / 'a').write_text('new')\n"
    )
    assert "KeyboardInterrupt" in run(code, target).stderr
    assert contents(tmp_path) == {"target/a": "former"}


def test_json_has_one_form(tmp_path):
    write_json(tmp_path / "a", {"b": [1, "é"], "a": None})
    write_json(tmp_path / "b", {"a": None, "b": [1, "é"]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes().endswith(b"\n")
    assert read_json(tmp_path / "a", remedy="None.") == {"a": None, "b": [1, "é"]}


def test_json_with_a_number_that_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (None, "no such file"),
        (b"{", r"not valid JSON \(line 1\)"),
        (b"", r"not valid JSON \(line 1\)"),
        (b"\xff\xfe", "not valid JSON"),
    ],
)
def test_json_that_cannot_be_read_names_what_restores_it(content, received, tmp_path):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.json: the file is readable JSON; received .*{received}\. Run that\."):
        read_json(path, remedy="Run that.")


def test_a_folder_is_not_said_to_be_invalid_json(tmp_path):
    with pytest.raises(DataError, match=r"[Ii]s a directory|a folder"):
        read_json(tmp_path, remedy="Run that.")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_know_are_not_read(number, tmp_path):
    (tmp_path / "a.json").write_text(f'{{"auroc": {number}}}')
    with pytest.raises(DataError, match="not valid JSON"):
        read_json(tmp_path / "a.json", remedy="Run that.")


KINDS = [kind for kind in TheragateError.__subclasses__() if kind.__module__ == TheragateError.__module__]


@pytest.mark.parametrize("kind", [*KINDS, TheragateError])
def test_an_error_comes_back_whole_from_a_worker(kind):
    import pickle

    error = kind("sub\nject", rule="a  rule", received="x", remedy="Do.")
    assert str(error) == "sub ject: a rule; received x. Do."
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line above
    assert (type(back), str(back), back.remedy) == (kind, str(error), "Do.")
    assert back.exit_code == 1


def test_what_has_no_end_is_not_read(tmp_path):
    """Git carries a link to a device: whoever checked the commit of another read it until the memory was full."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="it is no regular file"):
            read_bytes(tmp_path / name)
        with pytest.raises(DataError, match=r"a file that cannot be read \(it is no regular file\)"):
            read_json(tmp_path / name, remedy="Make it again.")


def test_no_more_of_a_file_is_read_than_it_may_have(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "to it").symlink_to("file")
    assert read_bytes(tmp_path / "to it", most=5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes"):
        read_bytes(tmp_path / "file", most=4)
