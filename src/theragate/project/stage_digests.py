"""What each stage depends on besides files, as digests: the code that it imports, the keys of its study that it reads.

The first stage of the pipeline, `digests`, writes them into ``data/digests.json`` before every run, and DVC compares
each stage's own two with those of ``dvc.lock``. Plain ``dvc repro`` so notices a package that was upgraded or edited,
and a key that was changed, and runs again exactly the stages that they concern; and ``dvc.yaml`` is the same small
file in every project.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from theragate.digests import sha256_file, sha256_json
from theragate.errors import ConfigurationError, ExtensionError, StoreError
from theragate.extensions import find
from theragate.files import write_json, write_text
from theragate.project.imported_code import PackageCode, read_package

__all__ = ["DIGESTS", "READS", "code_modules", "differing", "notice", "stage_digests"]

DIGESTS = "data/digests.json"
_BEGUN = "data/begun"  # its content never changes: it is there so that all stages wait for `digests`
_MEMORY = ".dvc/tmp/theragate/digests.json"  # what is known of files that have not changed since

SEED = "seed"
# The keys of a study's entry that each stage reads, and the seed; tests watch the stages read them and nothing else.
# What people try values of stands in dvc.yaml instead, where DVC's own commands compare it: seed and search of `train`.
READS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("source", "deidentification", "outcome", "features", "subgroups", "validation", "scenarios"),
    "validate": (
        "card.population",
        "card.title",
        "deidentification",
        "outcome",
        "features",
        "gates.suspicious_performance",
        "scenarios",
        "task",
        "tuning.families",
        "tuning.reference",
        "validation",
    ),
    "train": ("task", "outcome", "features", "decision", "validation", "scenarios"),
    "refit": (SEED, "task", "outcome", "features", "validation", "stability"),
    "evaluate": (
        SEED,
        "task",
        "outcome",
        "features",
        "subgroups",
        "decision",
        "scenarios",
        "stability",
        "validation",
    ),
    "gate": (),  # the whole entry, with the policies that it names
    "register": (),
}

_NAMES = {"entry": "`studies.{}`", "policies": "`policies`", SEED: "`seed`"}

Digests = dict[str, Any]


def notice(root: Path) -> str:
    """Write the digests of a project as it is now; return a line that says what has changed since the last time.

    Where there is no study yet, it is followed by what to do next.

    Raises
    ------
    ConfigurationError
        If ``params.yaml`` cannot be read.
    StoreError
        If the disk is full or the folder cannot be written.
    """
    before, now = _read(root / DIGESTS), stage_digests(root)
    if now != before:
        write_json(root / DIGESTS, now)
    if not (root / _BEGUN).is_file():
        write_text(root / _BEGUN, f"Every run of the pipeline begins with {DIGESTS}.\n")
    if now["studies"]:
        return "\n".join([_changes(before, now), *_incomplete(root, list(now["studies"]))])
    from theragate.study import NO_STUDY

    return f"{_changes(before, now)}\n{NO_STUDY}"


def _incomplete(root: Path, studies: list[str]) -> list[str]:
    """Say which study lacks files, as after it was renamed in ``params.yaml`` alone: DVC names the first file alone."""
    told = []
    for name in studies:
        if all((root / path).exists() for path in (f"expectations/{name}.json", f"sources/{name}", f"release/{name}")):
            continue
        from theragate.project.study_places import check_files

        try:
            check_files(root, name, studies)
        except ConfigurationError as error:
            told.append(f"warning: {error}")
    return told


def stage_digests(root: Path) -> Digests:
    """Return the digests of a project as it is now.

    Returns
    -------
    ``code``: of each stage, a digest of the code that it imports and of its script. ``studies``: of each study and
    stage, by key, a digest of what the stage reads of the study's entry; and of the extensions that the study names.

    Raises
    ------
    ConfigurationError
        If ``params.yaml`` cannot be read.
    """
    memory = _read(root / _MEMORY)
    before = json.dumps(memory)
    files, entries = (_mapping(memory.get(part)) for part in ("files", "params"))
    package = read_package(Path(__file__).resolve().parents[1], files)
    digests = {
        "code": {stage: _code(root, package, stage) for stage in READS},
        "studies": _studies(root / "params.yaml", entries),
    }
    known = json.dumps({"files": files, "params": entries})
    if known != before:
        with suppress(StoreError):  # it only saves time
            write_text(root / _MEMORY, known)
    return digests


def differing(locked: Mapping[str, Any], now: Digests) -> tuple[str, ...]:
    """Return what is `now` not as ``dvc.lock`` has it: ``code of train``, ```studies.STUDY.outcome```.

    Parameters
    ----------
    locked
        What an entry of ``dvc.lock`` says of ``data/digests.json``.
    now
        The digests of the project as it is.
    """
    names = []
    for key, value in locked.items():
        group, *path = key.split(".")
        if group == "code":
            names += [f"code of {path[0]}"] if value != _value(now, key) else []
        else:
            parts = _different(value, _mapping(_value(now, key)))
            names += (_NAMES.get(part, "`studies.{}.{}`").format(path[0], part) for part in parts)
    return tuple(names)


def code_modules(stage: str) -> tuple[str, str]:
    """Return the modules with which the code of a stage begins."""
    return f"theragate.stages.{stage}", "theragate.runner.command"


def _code(root: Path, package: PackageCode, stage: str) -> str:
    scripts = (root / "pipelines" / name for name in (f"{stage}.py", "_source.py"))
    own = {path.name: sha256_file(path) for path in scripts if path.is_file()}
    return _digest({"package": package.digest(code_modules(stage)), "scripts": own})


def _studies(params: Path, known: Digests) -> Digests:
    """Digest the studies of ``params.yaml``, which is parsed only if it has changed: that takes longer than all else.

    `known` is what was found the last time, and is brought up to date.
    """
    signature = [sha256_file(params) if params.is_file() else None, sha256_json(READS)]
    if known.get("of") != signature or not all(isinstance(known.get(part), dict) for part in ("studies", "extensions")):
        from theragate.study.params_file import read_parameters

        content = read_parameters(params)
        studies = {
            str(name): {stage: _read_by(stage, entry, content) for stage in READS}
            for name, entry in content["studies"].items()
        }
        known.clear()
        named = {str(name): _named(entry) for name, entry in content["studies"].items() if _named(entry)}
        known.update({"of": signature, "studies": studies, "extensions": named})
    return _with_extensions(known["studies"], known["extensions"])


def _named(entry: Any) -> list[str]:
    names = entry.get("extensions") if isinstance(entry, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _with_extensions(studies: Digests, named: Mapping[str, list[str]]) -> Digests:
    """Let every stage of a study depend on the extensions that it names: any of them may change what it does."""
    digests = dict(studies)
    for study, names in named.items():
        installed = {name: _installed(name) for name in sorted(names)}
        digests[study] = {stage: {**read, "extensions": _digest(installed)} for stage, read in studies[study].items()}
    return digests


def _installed(name: str) -> str | None:
    """Return the digest of an extension; None where it cannot be used: its studies say so, and the others run."""
    try:
        return find(name).sha256
    except ExtensionError:
        return None


def _read_by(stage: str, entry: Any, content: Mapping[str, Any]) -> dict[str, str]:
    if not READS[stage]:
        named = entry.get("policy") if isinstance(entry, dict) else None
        policies = [_value(content.get("policies"), name) for name in ("every_study", str(named))]
        return {"entry": _digest(entry), "policies": _digest(policies)}
    return {key: _digest(content.get(SEED) if key == SEED else _value(entry, key)) for key in READS[stage]}


def _digest(value: Any) -> str:
    """Return half of a SHA-256: enough for what is only noticed, and one line of ``dvc.lock``."""
    return sha256_json(_plain(value))[:32]


def _plain(value: Any) -> Any:
    """Write what YAML may hold as JSON: dates, numbers that JSON lacks, and keys of several types."""
    if isinstance(value, dict):
        return sorted([type(key).__name__, str(key), _plain(inner)] for key, inner in value.items())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | str) else [type(value).__name__, str(value)]


def _value(content: Any, key: str) -> Any:
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _read(path: Path) -> Digests:
    """Return a JSON file of ours; nothing where it is not there or cannot be read, since it can be made again."""
    try:
        return _mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _changes(before: Digests, now: Digests) -> str:
    if not before:
        count = len(now["studies"])
        return f"digests: {len(now['code'])} stages, {count} {'study' if count == 1 else 'studies'}"
    former, studies = _mapping(before.get("studies")), now["studies"]
    told = [f"code of {', '.join(code)}"] if (code := _different(_mapping(before.get("code")), now["code"])) else []
    for name in studies:
        keys = [key for stage in READS for key in _different(_value(former, f"{name}.{stage}"), studies[name][stage])]
        precise = [key for key in dict.fromkeys(keys) if key != "entry"] or list(dict.fromkeys(keys))
        if name not in former:
            told.append(f"{name} is new")
        elif keys:
            told.append(f"{name}: {', '.join(precise)}")
    told += (f"{name} is gone" for name in former if name not in studies)
    return f"digests: changed since the last run: {'; '.join(told)}" if told else "digests: nothing changed"


def _different(before: Any, now: Mapping[str, Any]) -> list[str]:
    former = _mapping(before)
    return [key for key in (*now, *(key for key in former if key not in now)) if former.get(key) != now.get(key)]
