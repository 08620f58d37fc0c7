"""Whether a commit runs Theragate's own stages and nothing else: whoever signs what they make has to know."""

from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.errors import EvidenceError
from theragate.files import read_bytes
from theragate.project.templates import managed, template

__all__ = ["check_pipeline"]

_PIPELINES, _SOURCE = "pipelines", "src"
_INSTALLED = Path(__file__).resolve().parents[1]  # the package that runs this
_READ_BY_NAME = {"dvc.yaml", "Dvcfile", "matplotlibrc"}  # stages of DVC's, and what figures look like
_LOCK = f"{_PIPELINES}/dvc.lock"  # what the first stage has made, not what it runs


def check_pipeline(project: Path) -> None:
    """Refuse a fresh clone whose stages are not those of the installed version, or that has others beside them.

    A stage is a command, and a file beside a script, or in `src`, is a module that it imports: each could make up the
    evidence. Where Theragate is developed, `src` has the very code that is installed.

    Raises
    ------
    EvidenceError
        If such a file is missing, has other content, or is one more; the message names the first.
    """
    own = [name for name in managed() if name == "dvc.yaml" or name.startswith(f"{_PIPELINES}/")]
    for name in own:
        path = project / name
        if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
            raise _others(name, "no such file")
        if path.read_bytes().replace(b"\r\n", b"\n") != template(name).encode("utf-8"):
            raise _others(name, "other content")
    for name in sorted(set(_that_can_run(project)) - {*own, _LOCK}):
        raise _others(name, "one more")
    if (project / _SOURCE).is_symlink():
        raise _others(_SOURCE, "a link")
    for path in sorted((project / _SOURCE).rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        inside = path.relative_to(project / _SOURCE)
        installed = _INSTALLED.parent / inside
        ours = inside.parts[0] == _INSTALLED.name and not path.is_symlink() and installed.is_file()
        if not ours or path.read_bytes() != installed.read_bytes():
            raise _others(f"{_SOURCE}/{inside.as_posix()}", "code that is not installed")


def _that_can_run(project: Path) -> Iterator[str]:
    """Yield the files from which something would run, or be drawn otherwise, by their path below the project."""
    for path in project.rglob("*"):
        name = path.relative_to(project).as_posix()
        if name.startswith((".git/", ".dvc/")):
            continue
        inside = name.startswith(f"{_PIPELINES}/")
        if inside or path.name in _READ_BY_NAME or (path.suffix == ".dvc" and _runs(path)):
            yield name


def _runs(path: Path) -> bool:
    """Return whether a file of DVC's names a command, besides the data that it describes."""
    if path.is_dir():
        return False
    try:
        return "cmd" in (YAML(typ="safe", pure=True).load(read_bytes(path).decode("utf-8")) or ())
    except (OSError, ValueError, TypeError, RecursionError, YAMLError):
        return True


def _others(name: str, received: str) -> EvidenceError:
    return EvidenceError(
        f"file `{name[:120]}`",
        rule="what is attested was made by the stages of the installed Theragate and nothing else",
        received=received,
        remedy="Run `theragate upgrade --apply` and remove what it does not know, or attest with the version of the "
        "project; then commit and attest again.",
    )
