"""Whose images there are: the manifest of a folder, or the images themselves where it has none."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from theragate.errors import DataError
from theragate.study import ImagesSource

__all__ = ["IMAGE", "MASK", "Listed", "as_listed", "is_picture", "unlisted", "without_manifest"]

IMAGE, MASK = "image", "mask"


@dataclass(frozen=True)
class Listed:
    """An image of a folder: what a message calls it, its file, and that of its mask; None where there is none."""

    named: str
    image: Path | None
    mask: Path | None


def as_listed(table: pd.DataFrame, folder: Path, spec: ImagesSource, *, subject: str) -> list[Listed]:
    """Return the images of a manifest in its order.

    Raises
    ------
    DataError
        If a path leads out of the folder or to nothing, or an image is that of two patients. Lines are named by their
        numbers: the path of an image may name a patient.
    """
    listed = [
        Listed(
            f"{subject}, line {line}",
            _file(image, folder, f"{subject}, line {line}", IMAGE),
            _file(mask, folder, f"{subject}, line {line}", MASK),
        )
        for line, (image, mask) in enumerate(_cells(table), start=2)
    ]
    with_masks = [each if each.mask else Listed(each.named, each.image, _beside(each.image, spec)) for each in listed]
    for what in (IMAGE, MASK):
        lines: dict[Path, int] = {}
        for line, each in enumerate(with_masks, start=2):
            file: Path | None = getattr(each, what)
            if file is not None and lines.setdefault(file, line) != line:
                raise DataError(
                    each.named,
                    rule=f"every patient has an image of her own, and a mask of its own (`{what}`)",
                    received=f"the file of line {lines[file]}",
                    remedy="Correct the manifest; what shows two patients is cut into two images.",
                )
    return with_masks


def without_manifest(path: Path, spec: ImagesSource, *, subject: str) -> list[Listed]:
    """Return an image and the mask beside it, or all images of a folder in the order of their paths.

    Raises
    ------
    DataError
        If a folder has none.
    """
    if path.is_file():
        return [Listed(subject, path, _beside(path, spec))]
    found = sorted(each for each in path.rglob("*") if is_picture(each))
    masks = {mask for each in found if (mask := _beside(each, spec)) is not None}
    images = [each for each in found if each not in masks]
    if not images:
        raise DataError(
            subject,
            rule="it holds images: DICOM, PNG or TIFF",
            received="none",
            remedy="Put them there, or correct the path.",
        )
    return [Listed(f"{subject}, image {at}", each, _beside(each, spec)) for at, each in enumerate(images, start=1)]


def unlisted(folder: Path, listed: list[Listed]) -> int:
    """Return how many images of a folder its manifest does not name."""
    known = {file for each in listed for file in (each.image, each.mask)}
    return sum(each not in known for each in folder.rglob("*") if is_picture(each))


def is_picture(path: Path) -> bool:
    """Return whether a file may be an image, by its name: what ends as one, or has no ending, as DICOM files often."""
    if path.name.startswith(".") or not path.is_file():
        return False
    return path.name.lower().endswith(ImagesSource.endings) or not path.suffix


def _cells(table: pd.DataFrame) -> Iterator[tuple[object, object]]:
    masks = table[MASK] if MASK in table else [None] * len(table)
    yield from zip(table[IMAGE], masks, strict=True)


def _file(cell: object, folder: Path, subject: str, what: str) -> Path | None:
    if not isinstance(cell, str) or not cell.strip():
        return None
    below = PurePosixPath(cell.strip())
    received = ""
    if below.is_absolute() or ".." in below.parts or "\\" in cell:
        received = "a path that leads elsewhere"
    elif not (folder / below).is_file():
        received = "no such file"
    if received:
        raise DataError(
            subject,
            rule=f"`{what}` is the path of a file below the manifest's folder, with slashes",
            received=received,
            remedy="Correct the manifest, or bring the file.",
        )
    return folder / below


def _beside(image: Path | None, spec: ImagesSource) -> Path | None:
    """Return the mask of an image by the declared rule, if it is there."""
    if image is None or spec.masks is None:
        return None
    mask = image.parent / spec.masks.replace("{name}", image.stem)
    return mask if mask != image and mask.is_file() else None
