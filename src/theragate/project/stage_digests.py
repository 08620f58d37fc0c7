"""What each stage depends on besides files, as digests: the code that it imports, the keys of its study that it reads.

The first stage of the pipeline, `digests`, writes them before every run, in small files of which each stage depends on
its two: ``data/_code/train.json`` and ``data/_keys/STUDY/train.json``. So plain ``dvc repro`` notices a package that
was upgraded or edited, and a key that was changed, and runs again exactly the stages that they concern; and
``dvc.yaml`` is the same small file in every project.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from theragate.digests import md5_file, sha256_file, sha256_json
from theragate.errors import ConfigurationError, ExtensionError, StoreError
from theragate.extensions import find
from theragate.files import json_bytes, write_json, write_text
from theragate.project.imported_code import PackageCode, read_package
from theragate.project.needed_files import missing_files

__all__ = ["READS", "code_modules", "differing", "digest_files", "notice"]

# No study's name begins with `_`.
_CODE, _KEYS = "data/_code/{}.json", "data/_keys/{}/{}.json"
_BEGUN = "data/begun"  # its content never changes: it is there so that all stages wait for `digests`
_MEMORY = ".dvc/tmp/theragate/digests.json"  # what is known of files that have not changed since

SEED = "seed"
# The keys of a study's entry that each stage reads, and the seed; tests watch the stages read them and nothing else.
# What people try values of stands in dvc.yaml instead, where DVC's own commands compare it: seed and search of `train`.
READS: Mapping[str, tuple[str, ...]] = {
    "ingest": (
        "source",
        "deidentification",
        "outcome",
        "batch",
        "clusters",
        "features",
        "subgroups",
        "validation",
        "scenarios",
    ),
    "validate": (
        "batch",
        "card.population",
        "card.title",
        "clusters",
        "deidentification",
        "equal_patients",
        "outcome",
        "features",
        "gates.suspicious_performance",
        "scenarios",
        "task",
        "tuning.families",
        "tuning.reference",
        "tuning.sample",
        "validation",
    ),
    "train": ("task", "outcome", "batch", "clusters", "features", "subgroups", "decision", "validation", "scenarios"),
    "refit": (SEED, "task", "outcome", "batch", "clusters", "features", "validation", "stability", "tuning.sample"),
    "evaluate": (
        SEED,
        "task",
        "outcome",
        "clusters",
        "features",
        "subgroups",
        "decision",
        "scenarios",
        "stability",
        "tuning.families",
        "tuning.sample",
        "validation",
    ),
    "gate": (),  # the whole entry, with the policies that it names
    "register": (),
}

_NAMES = {"entry": "`studies.{}`", "policies": "`policies`", SEED: "`seed`"}

_SHOWN = 4  # of changes, in one line

# Of each stage the digest of its code, or of a study and stage the digests of what is read, by key.
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
    now = digest_files(root)
    before = {path: _read(root / path) for path in now if (root / path).is_file()}
    for path, content in now.items():
        if before.get(path) != content:
            write_json(root / path, content)
    studies = _studies_of(now)
    gone = [folder for folder in sorted((root / "data" / "_keys").glob("*/")) if folder.name not in studies]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    if not (root / _BEGUN).is_file():
        write_text(root / _BEGUN, "Every run of the pipeline begins with the digests in data/_code and data/_keys.\n")
    line = _changes(before, now, [folder.name for folder in gone])
    if studies:
        return "\n".join([line, *_incomplete(root, studies)])
    from theragate.study import NO_STUDY

    return f"{line}\n{NO_STUDY}"


def _incomplete(root: Path, studies: list[str]) -> list[str]:
    """Say which study lacks files, as after it was renamed in ``params.yaml`` alone: DVC names the first file alone."""
    told = []
    for name in studies:
        if not missing_files(root, name):
            continue
        from theragate.project.study_places import check_files

        try:
            check_files(root, name, studies)
        except ConfigurationError as error:
            told.append(f"warning: {error}")
    return told


def digest_files(root: Path) -> dict[str, Digests]:
    """Return the content of each file of digests, by its path below `root`, for a project as it is now.

    Returns
    -------
    Of ``data/_code/<stage>.json``: a digest of the code that the stage imports, and of its script. Of
    ``data/_keys/<study>/<stage>.json``: by key, a digest of what the stage reads of the study's entry; and of the
    extensions that the study names.

    Raises
    ------
    ConfigurationError
        If ``params.yaml`` cannot be read.
    """
    memory = _read(root / _MEMORY)
    before = json.dumps(memory)
    files, entries = (_mapping(memory.get(part)) for part in ("files", "params"))
    package = read_package(Path(__file__).resolve().parents[1], files)
    code = {_CODE.format(stage): {"code": _code(root, package, stage)} for stage in READS}
    studies = _studies(root / "params.yaml", entries)
    keys = {_KEYS.format(study, stage): studies[study][stage] for study in studies for stage in READS}
    known = json.dumps({"files": files, "params": entries})
    if known != before:
        with suppress(StoreError):  # it only saves time
            write_text(root / _MEMORY, known)
    return code | keys


def differing(root: Path, path: str, md5: str, now: Mapping[str, Digests]) -> Iterator[str]:
    """Yield what is not as ``dvc.lock`` has it in a file of digests: ``code of train``, ```studies.STUDY.outcome```.

    Parameters
    ----------
    root
        The project.
    path, md5
        The file, and the MD5 by which the lock names its content.
    now
        From `digest_files`.
    """
    content = now.get(path, {})
    if hashlib.md5(json_bytes(content), usedforsecurity=False).hexdigest() == md5:
        return
    stage = Path(path).stem
    if path == _CODE.format(stage):
        yield f"code of {stage}"
        return
    study = Path(path).parent.name
    locked = _read(root / path) if (root / path).is_file() and md5_file(root / path) == md5 else {}
    yield from (_NAMES.get(key, "`studies.{}.{}`").format(study, key) for key in _different(locked, content))


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


def _changes(before: Mapping[str, Digests], now: Mapping[str, Digests], gone: list[str]) -> str:
    studies = _studies_of(now)
    if not before:
        count = f"{len(studies)} {'study' if len(studies) == 1 else 'studies'}"
        return f"digests: {len(READS)} stages, {count}"
    code = [stage for stage in READS if before.get(_CODE.format(stage)) != now[_CODE.format(stage)]]
    told = [f"code of {', '.join(code)}"] if code else []
    about = []
    for study in studies:
        paths = [_KEYS.format(study, stage) for stage in READS]
        keys = [key for path in paths for key in _different(before.get(path), now[path])]
        if not any(path in before for path in paths):
            about.append(f"{study} is new")
        elif keys:
            precise = [key for key in dict.fromkeys(keys) if key != "entry"] or list(dict.fromkeys(keys))
            about.append(f"{study}: {_some(precise, ', ')}")
    about += (f"{study} is gone" for study in gone)
    told += [_some(about, "; ")] if about else []
    return f"digests: changed since the last run: {'; '.join(told)}" if told else "digests: nothing changed"


def _some(texts: list[str], between: str) -> str:
    """Join texts, of which the first few stand for all."""
    rest = len(texts) - _SHOWN
    return between.join([*texts[:_SHOWN], *([f"and {rest} more"] if rest > 0 else [])])


def _studies_of(files: Mapping[str, Digests]) -> list[str]:
    folders = dict.fromkeys(Path(path).parent for path in files)
    return [folder.name for folder in folders if folder.parent.name == Path(_KEYS).parts[1]]


def _different(before: Any, now: Mapping[str, Any]) -> list[str]:
    former = _mapping(before)
    return [key for key in (*now, *(key for key in former if key not in now)) if former.get(key) != now.get(key)]
