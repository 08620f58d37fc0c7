"""Packages of others that add gates, metrics, families or sources: found by their entry points, named by a digest.

A package counts where a study names it under ``extensions``, or, on a registry's server, where the trust file lists its
digest. No other package is imported, whatever is installed and whatever a client says.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theragate.digests import sha256_file, sha256_json
from theragate.errors import ExtensionError

if TYPE_CHECKING:  # imported where an extension is named: that takes longer than everything else here
    from importlib.metadata import Distribution, EntryPoint

__all__ = [
    "FAMILIES",
    "GATES",
    "GROUPS",
    "METRICS",
    "NAMED",
    "SOURCES",
    "Extension",
    "collect",
    "entry_error",
    "find",
    "use",
    "used",
    "used_digests",
    "used_names",
]

GATES, METRICS = "theragate.gates", "theragate.metrics"
FAMILIES, SOURCES = "theragate.families", "theragate.sources"
GROUPS = (GATES, METRICS, FAMILIES, SOURCES)
_SINGULAR = {GATES: "gate", METRICS: "metric", FAMILIES: "family", SOURCES: "source"}

NAMED = r"^[a-z0-9]+(-[a-z0-9]+)*$"  # how an extension is written: the name of its distribution, normalised

_USED: dict[str, "Extension"] = {}
_ADDED: dict[tuple[str, str, str], dict[str, Any]] = {}  # what was imported, by name, digest and group


@dataclass(frozen=True)
class Extension:
    """An installed distribution that adds something.

    Parameters
    ----------
    name, version
        Of the distribution.
    sha256
        Over its entry points and the content of all its files, as they are now; see `find`.
    entries
        By group, the entry points by their names.
    """

    name: str
    version: str
    sha256: str
    entries: Mapping[str, Mapping[str, "EntryPoint"]]


def find(name: str) -> Extension:
    """Find an installed distribution by its name and digest it, without importing anything of it.

    Digested are the entry points of the four groups, the files that its ``RECORD`` lists (whatever digests that states)
    and every file in the packages that the entry points lead to, where Python would import them from: so a file that
    was added beside them counts, one that shadows them does, and an editable installation is digested by its sources.

    Raises
    ------
    ExtensionError
        If there is no such distribution, it adds nothing, or its code cannot be found or read.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        installed = distribution(name)
        version = str(installed.version)
    except (PackageNotFoundError, KeyError) as error:
        raise _wrong(name, "it is installed", "no such distribution", f"Run `pip install {name}`.") from error
    entries = _entries(installed, name)
    files = dict(_recorded(installed))
    for package in sorted({entry.module.partition(".")[0] for group in entries.values() for entry in group.values()}):
        files |= _package_files(name, package)
    content = {
        "entries": {group: {key: entry.value for key, entry in found.items()} for group, found in entries.items()},
        "files": {key: sha256_file(path) for key, path in files.items()},
    }
    return Extension(name, version, sha256_json(content), entries)


def use(name: str, *, trusted: Collection[str] | None = None) -> Extension:
    """Let this process import an extension, as it is installed now; return it.

    Parameters
    ----------
    name
        Of the distribution.
    trusted
        The digests of which it has to have one; None where whoever works here names the extension.

    Raises
    ------
    ExtensionError
        As `find`; also if it has none of these digests, or has changed since this process began to use it, because what
        was imported is then another code than what lies there.
    """
    extension = find(name)
    if trusted is not None and extension.sha256 not in trusted:
        known = " or ".join(f"{digest[:12]}…" for digest in trusted)
        received = f"version {extension.version} with {extension.sha256[:12]}…"
        raise _wrong(
            name,
            f"what is installed here has the digest {known}",
            received,
            "Install it there as it is trusted, or trust what is installed.",
        )
    before = _USED.setdefault(name, extension)
    if before.sha256 != extension.sha256:
        received = f"{extension.sha256[:12]}…, while this process uses {before.sha256[:12]}…"
        raise _wrong(name, "it stays the same while a process uses it", received, "Start the process again.")
    return extension


def used(name: str, *, version: str | None = None, sha256: str | None = None) -> Extension:
    """Return an extension that this process may import already, if it is the one that is named. Reads no file.

    Raises
    ------
    ExtensionError
        If it is not.
    """
    extension = _USED.get(name)
    if extension is None:
        raise _wrong(
            name, "its code is imported where a study or a trust file names it", "a name that none does", _LIST
        )
    if sha256 is not None and (extension.version, extension.sha256) != (version, sha256):
        raise _wrong(
            name,
            f"it is version {version} with the digest {sha256[:12]}…",
            f"version {extension.version}, {extension.sha256[:12]}…",
            f"Install `{name}=={version}` as it was, or judge again with the one that is installed.",
        )
    return extension


def used_names() -> tuple[str, ...]:
    """Return the names of the extensions that this process may import, sorted."""
    return tuple(sorted(_USED))


def used_digests() -> dict[str, str]:
    """Return the digests of the extensions that this process may import, by name: for the processes that it starts."""
    return {name: _USED[name].sha256 for name in used_names()}


def collect(
    extensions: Iterable[str], group: str, flaw: Callable[[str, Any], tuple[str, str] | None]
) -> dict[str, Any]:
    """Import what extensions that are used already add to a group, each held against its contract.

    Parameters
    ----------
    extensions
        Their names.
    group
        One of `GROUPS`.
    flaw
        From the name of an entry point and what it leads to, the first rule of the contract that this breaks, and what
        it has instead; None where it keeps the contract.

    Returns
    -------
    What was found, by the names of the entry points: sorted by the name of the extension, then by their own.

    Raises
    ------
    ExtensionError
        If one is not used yet, cannot be imported, breaks its contract, or has a name that another extension gives.
    """
    found: dict[str, Any] = {}
    for extension in sorted(extensions):
        for name, value in _added(used(extension), group).items():
            broken = flaw(name, value)
            if not broken and name in found:
                broken = ("its name is its own", f"`{name}`, which another extension's {_SINGULAR[group]} has")
            if broken:
                raise entry_error(extension, name, group, rule=broken[0], received=broken[1])
            found[name] = value
    return found


def _added(extension: Extension, group: str) -> Mapping[str, Any]:
    key = (extension.name, extension.sha256, group)
    if key not in _ADDED:
        used(extension.name, version=extension.version, sha256=extension.sha256)
        _ADDED[key] = {name: _imported(extension, entry) for name, entry in extension.entries.get(group, {}).items()}
    return _ADDED[key]


_LIST = "Name it under `extensions` of the study in params.yaml, or of the trust file."


def _imported(extension: Extension, entry: "EntryPoint") -> Any:
    try:
        return entry.load()
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise entry_error(
            extension.name,
            entry.name,
            entry.group,
            rule=f"`{entry.value}` can be imported",
            received=f"{type(error).__name__}: {said}",
        ) from error


def entry_error(extension: str, name: str, group: str, *, rule: str, received: str) -> ExtensionError:
    """Return the error about one entry point, which only its author can mend."""
    return ExtensionError(
        f"extension `{extension}`, `{name}` in `{group}`",
        rule=rule,
        received=received,
        remedy="Tell its author, install another version, or do without it; see docs/extensions.md.",
    )


def _entries(installed: "Distribution", name: str) -> dict[str, dict[str, "EntryPoint"]]:
    entries: dict[str, dict[str, EntryPoint]] = {}
    for entry in sorted(installed.entry_points, key=lambda each: (each.group, each.name)):
        if entry.group not in GROUPS:
            continue
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", entry.value):
            raise entry_error(name, entry.name, entry.group, rule="it is `module:object`", received=f"`{entry.value}`")
        if entry.name in entries.setdefault(entry.group, {}):
            raise entry_error(name, entry.name, entry.group, rule="it is there once", received="two of this name")
        entries[entry.group][entry.name] = entry
    if not entries:
        rule = f"it has entry points in {', '.join(f'`{group}`' for group in GROUPS)}"
        raise _wrong(name, rule, "none", "Remove it from `extensions`; Theragate has no need of its name.")
    return entries


def _recorded(installed: "Distribution") -> Iterator[tuple[str, Path]]:
    """Yield the files of a distribution, but for what an installer writes: metadata, scripts, links to sources."""
    for file in installed.files or ():
        first, *_ = file.parts
        ours = not first.endswith((".dist-info", ".egg-info", ".pth")) and not first.startswith(
            ("..", "/", "__editable")
        )
        path = Path(str(installed.locate_file(file)))
        if ours and "__pycache__" not in file.parts and path.is_file():
            yield file.as_posix(), path


def _package_files(name: str, package: str) -> dict[str, Path]:
    """Return the files of a top-level package or module, where Python would import it from."""
    from importlib.util import find_spec

    try:
        spec = find_spec(package)  # of a top-level name, this imports nothing
    except (ValueError, ImportError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = {path.name: path for path in [Path(spec.origin)] if path.is_file()} if spec and spec.origin else {}
    if package == "theragate" or not (folders or files):
        received = "Theragate itself" if package == "theragate" else "no file of it"
        raise _wrong(name, f"its package `{package}` lies in files of its own", received, f"Run `pip install {name}`.")
    if not folders:
        return files
    return {
        f"{package}/{path.relative_to(folder).as_posix()}": path
        for folder in map(Path, folders)
        for path in _below(folder)
    }


def _below(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        yield from (Path(at, file) for file in files)


def _wrong(name: str, rule: str, received: str, remedy: str) -> ExtensionError:
    return ExtensionError(f"extension `{name}`", rule=rule, received=received, remedy=remedy)
