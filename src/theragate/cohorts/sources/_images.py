"""A cohort from diagnostic images with masks: a row a patient of what is measured in them."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from theragate.cohorts.images.all_images import check_owners, measure_images
from theragate.cohorts.images.embedding import check_installed
from theragate.cohorts.images.manifest import IMAGE, MASK, Listed, as_listed, unlisted, without_manifest
from theragate.cohorts.images.nuclei import draw_patient
from theragate.cohorts.images.one_image import Drawn, ImageWork, Measured, Seen, see
from theragate.cohorts.images.radiomics import check_radiomics
from theragate.cohorts.images.refused import Refused
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._delimited import csv_names
from theragate.cohorts.sources._formats import open_table_file
from theragate.cohorts.sources._later_patients import LaterFile
from theragate.cohorts.sources._raw_table import RawTable
from theragate.digests import sha256_file, sha256_json
from theragate.errors import ConfigurationError, DataError, did_you_mean
from theragate.numbers import plural
from theragate.settings import for_experiments
from theragate.study import ImagesSource, SimulatedImages
from theragate.workers.site import SharedFile

__all__ = ["read_images", "seen_of", "works_of"]

_FEWEST = 11  # a count below it is not told


def read_images(spec: ImagesSource, context: SourceContext, scratch: Scratch) -> RawTable:
    """Measure every image of ``source.path``; rows are in the order of the manifest, or of the images' paths.

    Returns
    -------
    The id, what the manifest says that is kept, headers, pixel sizes and features. Its version is the SHA-256 over the
    paths and digests of all files that were read. A patient without image has no features.

    Raises
    ------
    DataError
        If there are no images, one breaks a rule (the first is named by its line), or files change meanwhile.
    ConfigurationError
        If an embedding or `ibsi` is declared and nothing can compute it.
    """
    if spec.embedding is not None:
        check_installed()
    if "ibsi" in spec.features:
        check_radiomics()
    if spec.simulated is not None:
        return _simulated(spec, spec.simulated, context)
    listed, known, manifest = _listed(spec, context, scratch)
    works = works_of(listed, spec, context)
    rows, notes = _measure(works, listed, context)
    if context.elsewhere is None:
        notes += _left_out(context.records(spec.path), listed)
    frame = pd.concat([known, _features(rows, len(listed))], axis=1)
    edition = _version(works, listed, context.records(spec.path), manifest)
    return RawTable(frame, edition, id_column=spec.id, notes=tuple(notes))


def seen_of(spec: ImagesSource, context: SourceContext, scratch: Scratch, *, most: int) -> list[Seen]:
    """Return up to `most` images, at even steps through the cohort, as they are measured.

    Raises
    ------
    DataError
        If one breaks a rule.
    """
    plain = spec.model_copy(update={"embedding": None})
    if plain.simulated is not None:
        works, names = _drawn(plain, plain.simulated, None)
        chosen = _spread(len(works), most)
        return [_see(works[at], names[at]) for at in chosen]
    listed, _, _ = _listed(plain, context, scratch)
    there = [each for each in listed if each.image is not None]
    shown = [there[at] for at in _spread(len(there), most)]
    return [_see(work, each.named) for work, each in zip(works_of(shown, plain, context), shown, strict=True)]


def _spread(many: int, most: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, many - 1, min(most, many))})


def _see(work: ImageWork, name: str) -> Seen:
    try:
        return see(work)
    except Refused as refused:
        raise DataError(name, rule=refused.rule, received=refused.received, remedy=refused.remedy) from None


def works_of(listed: Sequence[Listed], spec: ImagesSource, context: SourceContext) -> list[ImageWork]:
    """Return what there is to measure: every file by its path and digest.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    model = _model(spec, context)
    recipe = spec.at(spec.path)
    return [
        ImageWork(at, _shared(each.image), _shared(each.mask) if each.mask else None, model, recipe)
        for at, each in enumerate(listed)
        if each.image is not None
    ]


def _listed(
    spec: ImagesSource, context: SourceContext, scratch: Scratch
) -> tuple[list[Listed], pd.DataFrame, str | None]:
    """Return the images, what is known of their patients besides, and the digest of the manifest."""
    path, subject = context.records(spec.path), f"`{context.named(spec.path)}`"
    _check_folder(path, context, subject)
    kept = [*spec.numbers, *spec.text]
    if path.is_file() or (context.elsewhere is not None and not (path / spec.manifest).is_file()):
        listed = without_manifest(path, spec, subject=subject)
        ids = [each.image.stem for each in listed if each.image]
        known = pd.DataFrame({spec.id: pd.Series(ids, dtype="str")})
        return listed, _with_missing(known, kept, spec), None
    subject = f"`{context.named(f'{spec.path}/{spec.manifest}')}`"
    table, edition = _manifest(path / spec.manifest, spec, subject, scratch, later=context.elsewhere is not None)
    _check_once(table[spec.id], subject)
    listed = as_listed(table, path, spec, subject=subject)
    if not any(each.image for each in listed):
        raise DataError(
            subject, rule="it names images", received="none", remedy=f"Fill in the column `{IMAGE}`, or correct it."
        )
    return listed, _with_missing(table[[name for name in (spec.id, *kept) if name in table]], kept, spec), edition


def _check_folder(path: Path, context: SourceContext, subject: str) -> None:
    brought = "" if context.elsewhere else for_experiments(context.folder, context.folder.name)
    if not path.exists() or (context.elsewhere is None and not path.is_dir()):
        raise DataError(
            subject,
            rule="it is a folder of images with their manifest",
            received="a file" if path.exists() else "no such folder",
            remedy=f"{brought}Put the images there, or correct `source.path`.",
        )
    if context.elsewhere is None and path.is_symlink():
        raise DataError(
            subject,
            rule="a folder of images is no symbolic link, which DVC does not follow: it would notice no change",
            received="a link to a folder",
            remedy="Make a folder there, and link the files into it; a link to a file is followed.",
        )


def _manifest(
    path: Path, spec: ImagesSource, subject: str, scratch: Scratch, *, later: bool
) -> tuple[pd.DataFrame, str]:
    """Read the manifest as strictly as any table; of later patients it may lack what is not known yet."""
    if not path.is_file():
        raise DataError(
            subject,
            rule="a CSV file says whose the images are",
            received="no such file",
            remedy=f"Write one with the columns `{spec.id}`, `{IMAGE}` and `{MASK}`, or correct `source.manifest`.",
        )
    form = LaterFile(citation=spec.citation, licence=spec.licence, format="csv", missing=spec.missing)
    names = csv_names(path, form, subject=subject)
    needed = [spec.id, IMAGE, *([] if later else (*spec.numbers, *spec.text))]
    if not (spec.masks or spec.segmentation):
        needed.append(MASK)
    for name in needed:
        if name not in names:
            raise DataError(
                subject,
                rule=f"it has the column `{name}`",
                received="no such column",
                remedy=f"{did_you_mean(name, names)}Add it, or correct `source` in params.yaml.",
            )
    wanted = {spec.id, IMAGE, MASK, *spec.numbers, *spec.text}
    form = form.model_copy(
        update={
            "id": spec.id,
            "text": tuple(name for name in (IMAGE, MASK, *spec.text) if name in names),
            "left_out": tuple(dict.fromkeys(name for name in names if name not in wanted)),
        }
    )
    read = open_table_file(path, form, subject=subject, companions=lambda name: path.parent / name, scratch=scratch)
    return read.columns.frame(), read.version


def _check_once(ids: pd.Series, subject: str) -> None:
    again = ids.notna() & ids.duplicated()
    if again.any():
        line = int(np.flatnonzero(again)[0]) + 2
        raise DataError(
            f"{subject}, line {line}",
            rule="a patient has one line, with one image",
            received="the id of a line above",
            remedy="Decide which image of a patient counts, and leave out the others.",
        )


def _with_missing(known: pd.DataFrame, kept: Sequence[str], spec: ImagesSource) -> pd.DataFrame:
    """Return the columns in their declared order; what is not told of later patients is missing."""
    types = dict.fromkeys(spec.numbers, "float64") | dict.fromkeys(spec.text, "str")
    absent = {name: pd.Series([None] * len(known), dtype=types[name]) for name in kept if name not in known}
    return known.assign(**absent)[[spec.id, *kept]]


def _measure(
    works: Sequence[ImageWork], listed: Sequence[Listed], context: SourceContext
) -> tuple[list[Measured], list[str]]:
    names = [listed[work.position].named for work in works]
    kept = context.downloads.parent / "images" if context.elsewhere is None else None
    rows = measure_images(works, names, backend=context.backend, kept=kept)
    told = check_owners(rows, names)
    notes = [told] if told else []
    unknown = sum(not row.annotated for row in rows)
    if unknown:
        notes.append(
            f"Whether text is burned into the pixels is not said of {_count(unknown, 'image')}; look at them before "
            "anybody else does."
        )
    return rows, notes


def _left_out(folder: Path, listed: list[Listed]) -> list[str]:
    without = sum(each.image is None for each in listed)
    more = unlisted(folder, listed)
    notes = [f"Of {_count(without, 'patient')} there is no image, and so no features."] if without else []
    return notes + ([f"The manifest does not name {_count(more, 'file')} of the folder."] if more else [])


def _count(many: int, what: str) -> str:
    return f"fewer than {_FEWEST} {what}s" if many < _FEWEST else plural(many, what)


def _features(rows: Sequence[Measured], many: int) -> pd.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row.row))
    by_position = {row.position: row.row for row in rows}
    table = {name: [by_position.get(at, {}).get(name) for at in range(many)] for name in names}
    texts = {name for row in rows for name, value in row.row.items() if isinstance(value, str)}
    return pd.DataFrame(
        {name: pd.Series(column, dtype="str" if name in texts else "float64") for name, column in table.items()}
    )


def _version(works: Sequence[ImageWork], listed: Sequence[Listed], folder: Path, manifest: str | None) -> str:
    files, base = [], folder if folder.is_dir() else folder.parent
    for work in works:
        each = listed[work.position]
        for path, shared in ((each.image, work.image), (each.mask, work.mask)):
            if path is not None and isinstance(shared, SharedFile):
                files.append([path.relative_to(base).as_posix(), shared.sha256])
    model = [work.model.sha256 for work in works[:1] if work.model]
    digest = sha256_json([manifest, files, model])
    return f"sha256:{digest} of the manifest and the names and digests of {len(files):,} files"


def _shared(path: Path | None) -> SharedFile:
    assert path is not None  # noqa: S101 - the caller has looked
    return SharedFile(path, sha256_file(path))


def _model(spec: ImagesSource, context: SourceContext) -> SharedFile | None:
    if spec.embedding is None:
        return None
    path = context.companion(spec.embedding.model)
    if not path.is_file():
        raise DataError(
            f"network `{spec.embedding.model}`",
            rule="the file is in the folder of the study's source",
            received="no such file",
            remedy="Put it there, or correct `source.embedding.model`.",
        )
    return SharedFile(path, spec.embedding.sha256)


def _simulated(spec: ImagesSource, drawn: SimulatedImages, context: SourceContext) -> RawTable:
    """Draw the patients and measure their images, through the bytes of DICOM files."""
    patients = [draw_patient(drawn.seed, place) for place in range(drawn.patients)]
    known = pd.DataFrame([patient.columns for patient in patients])
    kept = [*spec.numbers, *spec.text]
    for name in kept:
        if name not in known:
            raise ConfigurationError(
                "key `source`",
                rule=f"what is known of simulated patients is {', '.join(known.columns)}",
                received=f"`{name}`",
                remedy=f"{did_you_mean(name, known.columns)}Correct `numbers` or `text`.",
            )
    works, names = _drawn(spec, drawn, _model(spec, context))
    rows = measure_images(works, names, backend=context.backend, kept=context.downloads.parent / "images")
    table = pd.concat([known[kept], _features(rows, len(works))], axis=1)
    told = f"SIMULATED: images of the world {drawn.world}, seed {drawn.seed}, numpy {version('numpy')}"
    return RawTable(table, told, id_column=None, simulated=True)


def _drawn(spec: ImagesSource, drawn: SimulatedImages, model: SharedFile | None) -> tuple[list[ImageWork], list[str]]:
    places, recipe = range(drawn.patients), spec.at(spec.path)
    works = [ImageWork(place, Drawn(drawn.seed, place), None, model, recipe) for place in places]
    return works, [f"simulated image {place + 1}" for place in places]
