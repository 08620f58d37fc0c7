"""What a new project is made of, as packed into the wheel or, where Theragate is developed, from its own repository.

What every project has alike with that repository, stages, `.gitignore`, policies, public studies, exists once: at the
repository's root, from where the build takes it into the wheel (see ``pyproject.toml``).
"""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from theragate.errors import ConfigurationError

__all__ = [
    "REPOSITORY",
    "example_lines",
    "examples",
    "managed",
    "new_parameters",
    "pages",
    "policy_lines",
    "shipped_policies",
    "template",
]

_PACKED = Path(__file__).parent / "template"
_DEPLOYMENT = Path(__file__).parents[1] / "deployment"  # no code: what a release server's host is set up with
REPOSITORY = Path(__file__).resolve().parents[3]  # where Theragate is developed; not meant where it is installed

_MANAGED = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvcignore",
    ".gitattributes",
    ".github/workflows/theragate.yml",
    ".gitignore",
    ".gitlab-ci.yml",
    "Makefile",
    "dvc.yaml",
    "requirements.lock",
    "requirements.txt",
    "sources/README.md",
    "tests/test_project.py",
)


def template(name: str) -> str:
    """Return the text of a file as it stands in every project.

    Parameters
    ----------
    name
        Its path below a project's root, with ``/``.
    """
    path = _PACKED / name
    return (path if path.is_file() else REPOSITORY / name).read_text(encoding="utf-8")


def managed() -> tuple[str, ...]:
    """Return the paths of what ``init`` writes and ``upgrade`` keeps up to date; the rest is its people's."""
    packed = _PACKED / "pipelines"
    pipelines = packed if packed.is_dir() else REPOSITORY / "pipelines"
    names = [path.name for pattern in ("*.py", "*.yaml") for path in pipelines.glob(pattern)]
    return tuple(sorted([*_MANAGED, *(f"pipelines/{name}" for name in names)]))


def pages() -> dict[str, Path]:
    """Return the pages of the documentation, ``gates/README``, ``sources/images``, and the files of a deployment."""
    packed = _PACKED / "docs"
    folder = packed if packed.is_dir() else REPOSITORY / "docs"
    found = sorted(path for where in ("", "gates/", "sources/") for path in folder.glob(f"{where}*.md"))
    return {path.relative_to(folder).as_posix().removesuffix(".md"): path for path in found} | {
        path.name: path for path in sorted(_DEPLOYMENT.iterdir()) if path.is_file()
    }


def new_parameters() -> str:
    """Return ``params.yaml`` of a project without a study: the seed and the policies."""
    before, line, _ = template("params.yaml").partition("\nstudies:\n")
    return f"{before}{line.rstrip()} {{}}\n"


def examples() -> tuple[str, ...]:
    """Return the names of the public studies."""
    return tuple(_entries("studies"))


def example_lines(name: str) -> list[str]:
    """Return the entry of a public study as it would stand at the margin of ``params.yaml``.

    Raises
    ------
    ConfigurationError
        If there is no such study.
    """
    entries = _entries("studies")
    if name not in entries:
        raise ConfigurationError(
            f"example `{name[:80]}`",
            rule=f"a public study is one of {', '.join(entries)}",
            received="another name",
            remedy="Choose one of them.",
        )
    return entries[name]


def policy_lines(name: str) -> list[str]:
    """Return a policy that comes with Theragate, as it would stand at the margin of ``params.yaml``."""
    return _entries("policies")[name]


def shipped_policies() -> dict[str, Any]:
    """Return the policies that come with this version, by name."""
    policies: dict[str, Any] = YAML(typ="safe").load(template("params.yaml"))["policies"]
    return policies


def _entries(key: str) -> dict[str, list[str]]:
    """Return the lines of each entry under `key`, without their indentation."""
    _, _, below = template("params.yaml").partition(f"\n{key}:\n")
    entries: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in below.splitlines():
        if line and not line.startswith(" "):
            break
        named = re.match(r"  (\w+):", line)
        if named:
            lines = entries.setdefault(named[1], [])
        lines.append(line.removeprefix("  "))
    return {name: "\n".join(lines).rstrip().splitlines() for name, lines in entries.items()}
