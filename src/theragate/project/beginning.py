"""How a project begins: its files are added to a folder, and nothing that is there is overwritten."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from theragate.digests import sha256_json
from theragate.errors import ConfigurationError
from theragate.files import write_text
from theragate.project.templates import managed, new_parameters, shipped_policies, template
from theragate.project.written import Written, digest, write_written
from theragate.settings import project_root

__all__ = ["FOLDERS", "Beginning", "begin", "plan_beginning", "rendered"]

FOLDERS = ("expectations", "looks", "release")  # in which studies will have files
IGNORED = ".gitignore"


@dataclass(frozen=True)
class Beginning:
    """What a folder lacks of being a project.

    ``added`` are the files that are written, each with its text; ``extended`` those that get lines at their end, and
    which; ``stay`` those that are there already and stay what they are. ``repository`` is the git repository around the
    folder, None if there is none yet.
    """

    folder: Path
    added: Mapping[str, str]
    extended: Mapping[str, str]
    stay: tuple[str, ...]
    repository: Path | None

    @property
    def empty(self) -> bool:
        """Whether the folder holds nothing yet, but for git's own."""
        return not self.folder.is_dir() or not any(path.name != ".git" for path in self.folder.iterdir())


def plan_beginning(folder: Path) -> Beginning:
    """Return what is to be added to `folder`, which need not exist.

    Raises
    ------
    ConfigurationError
        If `folder` is a file, or lies in another project.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, "a project is a folder", "a file", "Name another folder.")
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    around = project_root(existing)
    if around is not None and around != folder:
        raise _refused(folder, "no project lies in another one", f"a folder of `{around}`", "Name one elsewhere.")
    texts = {
        "README.md": template("README.md").replace("PROJECT", folder.name),
        "params.yaml": new_parameters(),
        **{name: rendered(name) for name in managed()},
        **{f"{name}/.gitkeep": "" for name in FOLDERS},
    }
    there = [name for name in texts if (folder / name).exists()]
    extended = _ignored_lines(folder, texts[IGNORED]) if IGNORED in there else ""
    return Beginning(
        folder=folder,
        added={name: text for name, text in texts.items() if not _is_there(folder, name)},
        extended={IGNORED: extended} if extended else {},
        stay=tuple(name for name in there if name != IGNORED or not extended),
        repository=_repository(existing),
    )


def begin(beginning: Beginning) -> None:
    """Write what the folder lacks; ``params.yaml`` last, so that an interrupted command leaves no half of a project.

    Raises
    ------
    ConfigurationError
        If git is missing.
    StoreError
        If the folder cannot be written.
    """
    folder = beginning.folder
    if beginning.repository is None:
        _git_init(folder)
    for name, lines in beginning.extended.items():
        write_text(folder / name, (folder / name).read_text(encoding="utf-8").rstrip("\n") + "\n\n" + lines)
    files = {name: text for name, text in beginning.added.items() if name != "params.yaml"}
    for name, text in files.items():
        write_text(folder / name, text)
    if not (folder / Written.NAME).exists():
        kept = {name: digest(text) for name, text in files.items() if name in managed()}
        policies = {name: sha256_json(policy) for name, policy in shipped_policies().items()}
        write_written(folder, Written(theragate=version("theragate"), files=kept, policies=policies))
    if "params.yaml" in beginning.added:
        write_text(folder / "params.yaml", beginning.added["params.yaml"])


def rendered(name: str) -> str:
    """Return the text of a managed file as this version of Theragate writes it."""
    text = template(name)
    return text.replace("VERSION", version("theragate")) if name == "requirements.txt" else text


def _is_there(folder: Path, name: str) -> bool:
    path = folder / name
    return path.exists() or (path.name == ".gitkeep" and path.parent.is_dir())


def _ignored_lines(folder: Path, text: str) -> str:
    """Return the lines that keep patients' rows out of git, if the folder's own ``.gitignore`` lacks one of them."""
    lines = (folder / IGNORED).read_text(encoding="utf-8", errors="replace").splitlines()
    return "" if set(filter(None, text.splitlines())) <= set(lines) else text


def _repository(folder: Path) -> Path | None:
    return next((path for path in (folder, *folder.parents) if (path / ".git").exists()), None)


def _git_init(folder: Path) -> None:
    command = ["git", "-c", "init.defaultBranch=main", "init", "-q", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        received = "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
    except OSError:
        received = "no command `git`"
    if received:
        raise ConfigurationError(
            "git",
            rule="a project is a git repository: what is released can be made again from a commit",
            received=received,
            remedy="Install git, or correct what it says, and run the same command again.",
        )


def _refused(folder: Path, rule: str, received: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"folder `{folder}`", rule=rule, received=received, remedy=remedy)
