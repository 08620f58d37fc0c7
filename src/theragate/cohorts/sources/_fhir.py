"""A cohort from records in FHIR R4, by views of SQL on FHIR 2."""

from pathlib import Path
from typing import Any

from theragate.cohorts.fhir.exports import Export
from theragate.cohorts.fhir.recipe import gather, make_rows, views_of
from theragate.cohorts.fhir.standard_views import VIEWS
from theragate.cohorts.fhir.views import View, ViewError, compile_view
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._raw_table import RawTable
from theragate.digests import sha256_bytes, sha256_json
from theragate.errors import DataError
from theragate.settings import for_experiments
from theragate.study import FhirSource

__all__ = ["read_fhir"]


def read_fhir(spec: FhirSource, context: SourceContext, scratch: Scratch) -> RawTable:  # noqa: ARG001 - one form for all
    """Read an export once, resource by resource, and make a row a patient; its version has the digests of all files.

    In memory are a number, two times and a value for each row that has a code which the recipe asks for.

    Raises
    ------
    DataError
        If the export or a view is missing or broken; see `gather` and `make_rows`. No message repeats a value.
    """
    path, subject = context.records(spec.path), f"records `{context.named(spec.path)}`"
    _check_there(path, context, subject)
    views, digests = {}, []
    for name in views_of(spec):
        definition, digest = _definition(name, context)
        views[name] = _compiled(definition, f"view `{name}`")
        digests += [[name, digest]] if digest else []
    export = Export(path, subject=subject)
    gathered = gather(spec, export, views, subject=subject)
    frame, notes = make_rows(gathered, export, later=context.elsewhere is not None)
    version = f"{export.version}{f', views sha256:{sha256_json(digests)}' if digests else ''}"
    return RawTable(frame, version, id_column="patient", notes=notes)


def _check_there(path: Path, context: SourceContext, subject: str) -> None:
    brought = "" if context.elsewhere else for_experiments(context.folder, context.folder.name)
    if not path.exists():
        raise DataError(
            subject,
            rule="there is an export of FHIR: a folder, or one file",
            received="nothing there",
            remedy=f"{brought}Put it there, or correct `source.path`.",
        )
    if path.is_dir() and path.is_symlink() and not context.elsewhere:
        raise DataError(
            subject,
            rule="a folder of records is no symbolic link, which DVC does not follow: it would notice no change",
            received="a link to a folder",
            remedy="Make a folder there, and link the files into it; a link to a file is followed.",
        )


def _definition(name: str, context: SourceContext) -> tuple[Any, str | None]:
    """Return a view as it is written, and the digest of its file; a standard view has none."""
    if name in VIEWS:
        return VIEWS[name], None
    from pydantic_core import from_json

    subject = f"view `sources/{context.folder.name}/{name}`"
    try:
        content = context.companion(name).read_bytes()
        return from_json(content), sha256_bytes(content)
    except OSError:
        received, remedy = "no such file", "Put it there, or correct its name."
    except ValueError:
        received, remedy = "what is no JSON", "Correct the file."
    raise DataError(subject, rule="it is a ViewDefinition in JSON", received=received, remedy=remedy)


def _compiled(definition: Any, subject: str) -> View:
    try:
        return compile_view(definition)
    except ViewError as error:
        raise DataError(
            subject,
            rule="it is a ViewDefinition of SQL on FHIR 2, with columns",
            received=str(error),
            remedy="Correct the view; docs/sources/fhir.md says what is read.",
        ) from None
