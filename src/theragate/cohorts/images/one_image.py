"""One image, from the bytes of its file to the numbers of a row: what a worker does, wherever it is."""

from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from theragate.cohorts.images.embedding import embedded
from theragate.cohorts.images.files import read_picture
from theragate.cohorts.images.measures import measured
from theragate.cohorts.images.nuclei import draw_field
from theragate.cohorts.images.outlines import Labels, labels_of_mask, objects_of, segmented
from theragate.cohorts.images.picture import Floats, Picture, luminance
from theragate.cohorts.images.refused import Refused
from theragate.cohorts.images.resampled import resampled
from theragate.digests import sha256_bytes, sha256_file, sha256_json
from theragate.errors import DataError
from theragate.study import ImagesSource
from theragate.workers.site import SharedFile

__all__ = ["PIXELS", "Drawn", "ImageWork", "Measured", "Seen", "code_version", "measure_image", "see", "work_digest"]

PIXELS = ("pixel_height_mm", "pixel_width_mm")  # columns of every row
_SQUARE = 1e-3  # by how much, relatively, the sides of a pixel may differ
_LIBRARIES = ("numpy", "pillow", "pydicom", "scikit-image", "scipy")
# What of a source decides the numbers of one image.
_RECIPE = {
    "colour",
    "embedding",
    "features",
    "headers",
    "objects",
    "pixel_mm",
    "resampling",
    "segmentation",
    "texture",
}


@dataclass(frozen=True)
class Drawn:
    """An image of a simulated patient, by the seed of the world and the patient's place in it."""

    seed: int
    place: int


@dataclass(frozen=True)
class ImageWork:
    """An image, its mask, and what is to be made of them; ``model`` is the network of an embedding."""

    position: int
    image: SharedFile | Drawn
    mask: SharedFile | None
    model: SharedFile | None
    recipe: ImagesSource


@dataclass(frozen=True)
class Measured:
    """The row of an image; or why there is none. ``owner`` has digests that tell patients and series apart."""

    position: int
    row: dict[str, float | str | None] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    annotated: bool = False  # whether the file says that no text is burned in
    refused: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Seen:
    """An image as it is measured: its values and its objects."""

    picture: Picture
    image: Floats
    labels: Labels
    pixel_mm: tuple[float, float]
    file_pixel_mm: tuple[float, float]  # before any resampling


def measure_image(work: ImageWork) -> Measured:
    """Return the row of an image: a function of the bytes of its files and the recipe alone."""
    recipe = work.recipe
    try:
        seen = see(work)
        pixel_mm = _square(seen.pixel_mm)
        row: dict[str, float | str | None] = {name: seen.picture.headers.get(name) for name in recipe.headers}
        row |= dict(zip(PIXELS, seen.file_pixel_mm, strict=True))
        if recipe.features:
            row |= measured(
                seen.image,
                seen.labels,
                pixel_mm=pixel_mm,
                features=recipe.features,
                texture=recipe.texture,
                each=recipe.objects == "each",
            )
        if recipe.embedding is not None and work.model is not None:
            row |= embedded(seen.image, seen.labels, recipe.embedding, work.model.here())
    except Refused as refused:
        return Measured(work.position, refused=(refused.rule, refused.received, refused.remedy))
    annotated = seen.picture.annotation is not None
    return Measured(work.position, row, dict(seen.picture.owner), annotated)


def see(work: ImageWork) -> Seen:
    """Return what is measured: the image in grey, its objects, and the size of its pixels.

    Raises
    ------
    Refused
        If the image or its mask breaks a rule.
    DataError
        If a file is no longer the one that was found.
    """
    recipe, each = work.recipe, work.recipe.objects == "each"
    content, outline = _contents(work)
    picture = read_picture(content)
    image = _grey(picture, recipe)
    pixel_mm = file_pixel_mm = picture.pixel_mm or recipe.pixel_mm
    if pixel_mm is None or file_pixel_mm is None:
        raise Refused(
            "the size of a pixel is known",
            received="a header without PixelSpacing" if picture.headers else "a file that does not say it",
            remedy="Declare `source.pixel_mm`, if it is the same for all such images.",
        )
    if outline is not None:
        labels = labels_of_mask(read_picture(outline), picture, each=each)
    elif recipe.segmentation is not None:
        labels = segmented(image, recipe.segmentation, float(np.sqrt(pixel_mm[0] * pixel_mm[1])))
    else:
        raise Refused(
            "an image has a mask",
            received="none",
            remedy="Name it in the manifest, declare `source.masks`, or the outline by `source.segmentation`.",
        )
    if picture.padding is not None and picture.padding[labels > 0].any():
        raise Refused(
            "an outline lies within the image",
            received="pixels that the header calls padding",
            remedy="Correct the mask.",
        )
    if recipe.resampling is not None:
        side = recipe.resampling.pixel_mm
        image, labels = resampled(image, labels, pixel_mm, side)
        pixel_mm = (side, side)
    return Seen(picture, image, objects_of(labels, each=each), pixel_mm, file_pixel_mm)


def work_digest(work: ImageWork, code: str) -> str:
    """Return what names the row of an image: its files, the recipe, and the code that measures."""
    files = [None if each is None else _named(each) for each in (work.image, work.mask, work.model)]
    return sha256_json({"files": files, "recipe": _recipe(work.recipe), "code": code})


def code_version(recipe: ImagesSource) -> str:
    """Return a digest of the code of this room, and of the libraries that an image's numbers depend on."""
    folder = Path(__file__).parent
    added = {"onnxruntime": recipe.embedding is not None, "pictologics": "ibsi" in recipe.features}
    libraries = (*_LIBRARIES, *(name for name, used in added.items() if used))
    own = {path.name: sha256_file(path) for path in sorted(folder.glob("*.py"))}
    return sha256_json({"own": own, "libraries": {name: version(name) for name in libraries}})


def _recipe(recipe: ImagesSource) -> Any:
    return recipe.model_dump(mode="json", include=_RECIPE)


def _named(file: SharedFile | Drawn) -> Any:
    return file.sha256 if isinstance(file, SharedFile) else ["nuclei", file.seed, file.place]


def _contents(work: ImageWork) -> tuple[bytes, bytes | None]:
    if isinstance(work.image, Drawn):
        field_ = draw_field(work.image.seed, work.image.place)
        return field_.image, field_.mask
    return _bytes(work.image), None if work.mask is None else _bytes(work.mask)


def _bytes(file: SharedFile) -> bytes:
    try:
        content = file.here().read_bytes()
    except OSError:
        content = b""
    if sha256_bytes(content) != file.sha256:
        raise DataError(
            "an image or mask of the source",
            rule="it stays as it is while it is read",
            received="one that was changed meanwhile",
            remedy="Wait until whoever writes it is done, then run the same command again.",
        )
    return content


def _grey(picture: Picture, recipe: ImagesSource) -> Floats:
    if picture.palette or (picture.colour and recipe.colour is None):
        raise Refused(
            "an image is grey, unless `source.colour` says what is taken of its colours",
            received="a palette" if picture.palette else "one in colour",
            remedy="Export it in grey." if picture.palette else "Declare `colour: luminance`, or export it in grey.",
        )
    values = luminance(picture.values) if picture.colour else picture.values
    if not np.isfinite(values).all():
        raise Refused("pixels are finite numbers", received="others", remedy="Export the image again.")
    return values


def _square(pixel_mm: tuple[float, float]) -> float:
    height, width = pixel_mm
    if abs(height - width) > _SQUARE * max(height, width):
        raise Refused(
            "what is measured has square pixels",
            received="pixels of another height than width",
            remedy="Declare `source.resampling`.",
        )
    return height
