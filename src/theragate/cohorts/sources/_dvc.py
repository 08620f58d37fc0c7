"""A cohort from a file or folder that DVC tracks: the one that its ``.dvc`` file names, and no other."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._formats import check_exists, check_table_exists, open_table_file
from theragate.cohorts.sources._raw_table import SourceTable
from theragate.digests import md5_file, md5_folder
from theragate.errors import DataError
from theragate.files import read_bytes
from theragate.study import DvcSource

__all__ = ["check_pulled", "read_dvc"]


def read_dvc(spec: DvcSource, context: SourceContext, scratch: Scratch) -> SourceTable:
    """Read ``source.path``, below ``sources/<study>/``, if it is what ``<path>.dvc`` beside it names.

    A symbolic link is followed first, so that studies can share one tracked file.

    Raises
    ------
    DataError
        If the file or its ``.dvc`` is missing or broken, or the file is not the one that DVC tracks.
    """
    name = context.named(spec.path).rstrip("/")
    path = (context.folder / spec.path).resolve()
    pin = path.with_name(f"{path.name}.dvc")
    check_exists(pin, f"`{name}.dvc`", remedy=f"Run `dvc add {name}`, or use the kind `file`.")
    tracked = _tracked(pin, path.name, subject=f"`{name}.dvc`", remedy=f"Restore it from git, or run `dvc add {name}`.")
    check_pulled(spec, context)
    subject = f"source file `{name}`"
    md5 = md5_folder(path) if path.is_dir() else md5_file(path)
    if md5 != tracked:
        raise DataError(
            subject,
            rule="it is the one that its .dvc file names",
            received=f"the MD5 {md5[:12]}…, expected {tracked[:12]}…",
            remedy=f"Run `dvc add {name}` to take the change, or `dvc checkout {name}` to undo it.",
        )
    read = open_table_file(path, spec, subject=subject, companions=context.companion, scratch=scratch)
    return SourceTable(read.columns, f"{read.version}, tracked by DVC", id_column=spec.id)


def check_pulled(spec: DvcSource, context: SourceContext) -> None:
    """Refuse a tracked file that is not here yet, as in a fresh clone.

    Raises
    ------
    DataError
        That says what brings it.
    """
    name = context.named(spec.path).rstrip("/")
    check_table_exists(context.folder, spec, f"source file `{name}`", remedy=f"Run `dvc pull {name}`.")


def _tracked(pin: Path, name: str, *, subject: str, remedy: str) -> str:
    """Return the MD5 by which DVC tracks a file; DVC 2 normalised line endings before it took one."""
    try:
        content: Any = YAML(typ="safe").load(read_bytes(pin))
        tracked = {out["path"]: out for out in content["outs"]}
        if name not in tracked:
            received = f"an entry for {', '.join(f'`{path}`' for path in tracked) or 'no file'}"
        elif tracked[name].get("hash") != "md5":
            received = "an entry without `hash: md5`, as DVC 2 wrote it"
        else:
            return str(tracked[name]["md5"])
    except (OSError, YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        received = f"a file that is not of that form ({type(error).__name__})"
    raise DataError(subject, rule=f"it names the MD5 of `{name}`, as DVC 3 writes it", received=received, remedy=remedy)
