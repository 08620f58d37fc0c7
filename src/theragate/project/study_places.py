"""Every place in which a project has something of a study, and what is left of studies that are gone."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from theragate.errors import ConfigurationError, nearest
from theragate.project.dvc_lock import studies_in
from theragate.project.needed_files import missing_files
from theragate.settings import for_experiments
from theragate.study import NAME

__all__ = ["Place", "check_files", "left_over", "places"]


@dataclass(frozen=True)
class Place:
    """A file or folder of a study: its path below the root, and whose it is.

    ``kind`` is ``decided`` for what git keeps, ``own`` for what may be nowhere but here (the source, and the table that
    links patients with their random ids), ``made`` for what the pipeline makes again.
    """

    path: str
    kind: str


# Where a study has what; `*` stands for its name.
_PLACES = (
    Place("expectations/*.json", "decided"),
    Place("release/*", "decided"),
    Place("looks/*.jsonl", "decided"),
    Place("sources/*", "own"),
    Place("private/ids/*.csv", "own"),
    Place("private/ids/*.clusters.csv", "own"),
    Place("private/ids/*.lock", "made"),
    Place("private/ids/*.clusters.lock", "made"),
    Place("data/*", "made"),
    Place("data/_keys/*", "made"),
    Place("models/*", "made"),
    Place("reports/*", "made"),
    Place(".theragate/searches/*", "made"),
    Place(".theragate/looks-*.lock", "made"),
)


def places(root: Path, study: str) -> tuple[Place, ...]:
    """Return what there is of a study, besides its entries in ``params.yaml`` and ``dvc.lock``."""
    named = (Place(place.path.replace("*", study), place.kind) for place in _PLACES)
    return tuple(place for place in named if _is_there(root / place.path))


def left_over(root: Path, declared: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each study that ``params.yaml`` does not declare, what there is of it; in the order of names."""
    known, locked = {*declared}, studies_in(root)
    gone = sorted({name for name in (*_named(root), *locked) if re.fullmatch(NAME, name)} - known)
    left = {}
    for name in gone:
        paths = [place.path for place in places(root, name)]
        left[name] = (*paths, *(["its entries in dvc.lock"] if name in locked else []))
    return left


def check_files(root: Path, study: str, declared: Iterable[str]) -> None:
    """Refuse a declared study whose files are not there, as after somebody has renamed it in ``params.yaml`` alone.

    Raises
    ------
    ConfigurationError
        That names what is missing, and what is left of studies that are not declared.
    """
    missing = missing_files(root, study)
    if not missing:
        return
    raise ConfigurationError(
        f"study `{study}`",
        rule="it has its suite, its folder of decisions and its folder of sources",
        received=f"no {' and no '.join(missing)}",
        remedy=for_experiments(root, study).strip()
        or f"{_former(root, study, declared)}Restore them from git, or draft the study with `theragate new-study`.",
    )


def _former(root: Path, study: str, declared: Iterable[str]) -> str:
    """Say how a study is renamed that somebody has renamed in ``params.yaml`` alone; empty where nothing is left."""
    left = [name for name, paths in left_over(root, declared).items() if paths[0].startswith(("expect", "rel", "sour"))]
    if not left:
        return ""
    old = nearest(study, left) or (left[0] if len(left) == 1 else "OLD")
    return f"If it had another name (there are files of {', '.join(left)}): `theragate rename-study {old} {study}`. "


def _named(root: Path) -> Iterator[str]:
    for place in _PLACES:
        folder, _, pattern = place.path.rpartition("/")
        before, after = pattern.split("*")
        for path in (root / folder).glob(pattern):
            if (after or path.is_dir()) and _is_there(path):
                yield path.name.removeprefix(before).removesuffix(after)


def _is_there(path: Path) -> bool:
    """Whether there is something: git leaves folders behind in which nothing is."""
    if path.is_dir() and not path.is_symlink():
        return any(inner.is_file() or inner.is_symlink() for inner in path.rglob("*"))
    return path.exists() or path.is_symlink()
