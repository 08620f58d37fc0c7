"""The rows of many images: those measured before are kept, the rest is shared out, what is wrong is told at once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from theragate.cohorts.images.kept import KeptRows
from theragate.cohorts.images.one_image import ImageWork, Measured, code_version, measure_image, work_digest
from theragate.errors import DataError, some_of
from theragate.workers.backend import Backend, run_in_workers

__all__ = ["check_owners", "measure_images"]


def measure_images(
    works: Sequence[ImageWork], names: Sequence[str], *, backend: Backend | None, kept: Path | None
) -> list[Measured]:
    """Return the rows of images in the order of `works`, the same bytes whoever measures them.

    Parameters
    ----------
    works
        Of one recipe.
    names
        What messages call the images.
    backend
        Who measures; None for this process alone.
    kept
        The folder of rows that were measured before; None keeps nothing.

    Raises
    ------
    DataError
        If images cannot be measured: the first is named, and which others break its rule or another.
    """
    rows: dict[int, Measured] = {}
    store, digests = KeptRows(kept), {}
    if kept is not None and works:
        code = code_version(works[0].recipe)
        digests = {work.position: work_digest(work, code) for work in works}
        found = (store.find(digest, position) for position, digest in digests.items())
        rows = {row.position: row for row in found if row is not None}
    due = [work for work in works if work.position not in rows]
    for row in _measured(due, backend):
        rows[row.position] = row
        if kept is not None:
            store.keep(digests[row.position], row)
    in_order = [rows[work.position] for work in works]
    _check_none_refused(in_order, names)
    return in_order


def check_owners(rows: Sequence[Measured], names: Sequence[str]) -> str | None:
    """Refuse two patients in one series, or one patient under two ids, as far as headers tell patients apart.

    Returns
    -------
    A sentence, where all headers name the same patient, as after de-identification, and so tell nothing.

    Raises
    ------
    DataError
        With the two images.
    """
    _check_apart(rows, names, "instance", "two patients have two images")
    _check_apart(rows, names, "series", "the images of two patients are of different series")
    patients = Counter(row.owner["patient"] for row in rows if "patient" in row.owner)
    if len(patients) == 1 and len(rows) > 1:
        return "All headers have one PatientID, so that it could not be compared with the manifest."
    _check_apart(rows, names, "patient", "a patient has one line, and one id")
    return None


def _check_apart(rows: Sequence[Measured], names: Sequence[str], what: str, rule: str) -> None:
    seen: dict[str, int] = {}
    for at, row in enumerate(rows):
        digest = row.owner.get(what)
        if digest is not None and (before := seen.setdefault(digest, at)) != at:
            raise DataError(
                names[at],
                rule=f"{rule}, by their DICOM headers",
                received=f"the same in {_place(names[before])}",
                remedy="Correct the manifest, or leave one out.",
            )


def _measured(works: Sequence[ImageWork], backend: Backend | None) -> Iterator[Measured]:
    if not works:
        return
    if backend is None or backend.here:
        yield from map(measure_image, works)
        return
    yield from run_in_workers(measure_image, works, backend=backend, of="the images")


def _check_none_refused(rows: Sequence[Measured], names: Sequence[str]) -> None:
    refused = [(row.refused, name) for row, name in zip(rows, names, strict=True) if row.refused is not None]
    if not refused:
        return
    (rule, received, remedy), first = refused[0]
    alike = [_place(name) for (broken, _, _), name in refused[1:] if broken == rule]
    others = [_place(name) for (broken, _, _), name in refused if broken != rule]
    more = [f"and the same rule is broken in {some_of(alike)}"] if alike else []
    more += [f"others in {some_of(others)}"] if others else []
    raise DataError(first, rule=rule, received=", ".join([received, *more]), remedy=remedy)


def _place(name: str) -> str:
    """Return what names an image within its manifest or folder."""
    return name.rpartition(", ")[2]
