"""A cohort from a file that DVC tracks: the one that its ``.dvc`` file names, and no other."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.cohorts.sources._context import Site
from theragate.cohorts.sources._csv_and_parquet import check_exists, read_table_file
from theragate.cohorts.sources._raw_table import RawTable
from theragate.digests import md5_file, sha256_file
from theragate.errors import DataError
from theragate.study import DvcSource

__all__ = ["check_pulled", "read_dvc"]


def read_dvc(spec: DvcSource, site: Site) -> RawTable:
    """Read ``source.path``, below ``sources/<study>/``, if it is what ``<path>.dvc`` beside it names.

    A symbolic link is followed first, so that studies can share one tracked file.

    Raises
    ------
    DataError
        If the file or its ``.dvc`` is missing or broken, or the file is another one than DVC tracks.
    """
    name = site.named(spec.path)
    path = (site.folder / spec.path).resolve()
    pin = path.with_name(f"{path.name}.dvc")
    check_exists(pin, f"`{name}.dvc`", remedy=f"Run `dvc add {name}`, or use the kind `file`.")
    tracked = _tracked(pin, path.name)
    if tracked is None:
        raise DataError(
            f"`{name}.dvc`",
            rule=f"it names the MD5 of `{path.name}`, as DVC 3 writes it",
            received="something else",
            remedy=f"Restore it from git, or run `dvc add {name}`.",
        )
    check_pulled(spec, site)
    subject = f"source file `{name}`"
    if md5_file(path) != tracked:
        raise DataError(
            subject,
            rule="the file is the one that its .dvc file names",
            received="another one",
            remedy=f"Run `dvc add {name}` to take the change, or `dvc checkout {name}` to undo it.",
        )
    frame = read_table_file(path, spec, kind=path.suffix.removeprefix("."), subject=subject)
    return RawTable(frame, version=f"sha256:{sha256_file(path)}, tracked by DVC", id_column=spec.id)


def check_pulled(spec: DvcSource, site: Site) -> None:
    """Refuse a tracked file that is not here yet, as in a fresh clone.

    Raises
    ------
    DataError
        That says what brings it.
    """
    name = site.named(spec.path)
    check_exists(site.folder / spec.path, f"source file `{name}`", remedy=f"Run `dvc pull {name}`.")


def _tracked(pin: Path, name: str) -> str | None:
    """Return the MD5 under which DVC tracks a file; DVC 2 changed line ends before it took one."""
    try:
        content: Any = YAML(typ="safe").load(pin.read_bytes())
        found = [out for out in content["outs"] if out["path"] == name and out["hash"] == "md5"]
        return str(found[0]["md5"])
    except (OSError, YAMLError, ValueError, LookupError, TypeError):
        return None
