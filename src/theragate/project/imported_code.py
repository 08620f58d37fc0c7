"""Which code of the installed package a module runs, read from the import statements, without importing anything.

Every file is parsed once: what was found is kept in a file of the project, and holds until the file itself changes.
"""

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from theragate.digests import sha256_file, sha256_json

__all__ = ["PackageCode", "read_package"]


@dataclass(frozen=True)
class _Module:
    """What a file says: its digest, whom it imports at all, and whom as soon as it is imported itself.

    `inert` is the ``__init__`` of a package that only says what the package is, or defines functions: who passes
    through it to a module of the package runs nothing of it.
    """

    sha256: str
    imports: tuple[str, ...]
    at_once: tuple[str, ...]
    inert: bool


@dataclass(frozen=True)
class PackageCode:
    """The modules of a package by their names, and the other files in its folders."""

    modules: Mapping[str, _Module]
    other_files: Mapping[str, Mapping[str, str]]  # of each package with such files: name to digest

    def reached(self, modules: Iterable[str]) -> tuple[str, ...]:
        """Return the names of `modules`, of all that they import, and of the packages around them, sorted.

        An import inside a function counts. A package on the way to a module counts with what it imports at once.

        Raises
        ------
        KeyError
            If there is no such module.
        """
        whole: set[str] = set()
        passed: set[str] = set()
        waiting = list(modules)
        while waiting:
            name = waiting.pop()
            if name in whole:
                continue
            whole.add(name)
            waiting += self._known(self.modules[name].imports)
            for package in _packages_around(name):
                if package not in passed | whole:
                    passed.add(package)
                    waiting += self._known(self.modules[package].at_once)
        return tuple(sorted(whole | {package for package in passed if not self.modules[package].inert}))

    def digest(self, modules: Iterable[str]) -> str:
        """Return the SHA-256 over the code that `modules` reach, with the files that lie beside it."""
        reached = self.reached(modules)
        beside = {package for name in reached for package in (name, *_packages_around(name))}
        files = {package: dict(self.other_files[package]) for package in beside if package in self.other_files}
        return sha256_json({"modules": {name: self.modules[name].sha256 for name in reached}, "files": files})

    def _known(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the modules among what was imported: of ``package.module`` the module, of ``module.function`` too."""
        for name in names:
            for module in (name, name.rpartition(".")[0]):
                if module in self.modules:
                    yield module
                    break


def _packages_around(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def read_package(folder: Path, known: dict[str, Any]) -> PackageCode:
    """Read a package's folder.

    Parameters
    ----------
    folder
        Where the package lies; its name is that of the folder.
    known
        What was found in former calls, by file; it is brought up to date. Whatever it is, a file that has changed since
        is read again.
    """
    modules: dict[str, _Module] = {}
    others: dict[str, dict[str, str]] = {}
    current: dict[str, Any] = {}
    for path, status in _files(str(folder)):
        key = os.path.relpath(path, folder)
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        name = _module_name(folder.name, key)
        entry = _kept(known.get(key), stamp) or {"stamp": stamp, "says": _says(Path(path), name)}
        current[key] = entry
        if name is None:
            package = ".".join([folder.name, *Path(key).parent.parts])
            others.setdefault(package, {})[Path(key).name] = entry["says"]["sha256"]
        else:
            says = entry["says"]
            modules[name] = _Module(says["sha256"], tuple(says["imports"]), tuple(says["at_once"]), says["inert"])
    known.clear()
    known.update(current)
    return PackageCode(modules, others)


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file below `folder` in order, but for what Python and editors leave behind."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith(".") or entry.name == "__pycache__" or entry.name.endswith((".pyc", ".part")):
                continue
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                yield entry.path, entry.stat()


def _kept(entry: Any, stamp: list[int]) -> Any:
    """Return what is known of a file, if it is of the form that is written here and of the file as it is."""
    if not isinstance(entry, dict) or entry.get("stamp") != stamp or not isinstance(entry.get("says"), dict):
        return None
    return entry if entry["says"].keys() in ({"sha256"}, {"sha256", "imports", "at_once", "inert"}) else None


def _module_name(package: str, key: str) -> str | None:
    if not key.endswith(".py"):
        return None
    parts = Path(key.removesuffix(".py")).parts
    return ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def _says(path: Path, name: str | None) -> dict[str, Any]:
    digest = sha256_file(path)
    if name is None:
        return {"sha256": digest}
    body = ast.parse(path.read_bytes()).body
    is_package = path.name == "__init__.py"
    inert = is_package and all(map(_does_nothing, body))
    around = name if is_package else name.rpartition(".")[0]
    ours = name.partition(".")[0]
    whole, at_once = (
        tuple(sorted({each for each in _imported(body, around, functions=inner) if each.partition(".")[0] == ours}))
        for inner in (True, False)
    )
    return asdict(_Module(digest, whole, at_once, inert))


def _does_nothing(node: ast.stmt) -> bool:
    match node:
        case ast.FunctionDef() | ast.Expr(value=ast.Constant()) | ast.ImportFrom(module="typing" | "collections.abc"):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If():
            return _is_for_types(node)
    return False


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _imported(body: Iterable[ast.AST], around: str, *, functions: bool) -> Iterator[str]:
    """Yield the full names of what is imported below `body`, modules and others; it stands in the package `around`."""
    for node in body:
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = around.rsplit(".", level - 1)[0] if level else ""
                source = ".".join(filter(None, (above, module)))
                yield from (f"{source}.{each.name}" for each in names)
            case ast.If() if _is_for_types(node):
                yield from _imported(node.orelse, around, functions=functions)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() if not functions:
                pass
            case _:
                yield from _imported(ast.iter_child_nodes(node), around, functions=functions)
