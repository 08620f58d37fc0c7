"""What is measured in an image: the objects that a mask outlines, or that a declared threshold finds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.images.picture import Floats, Picture
from theragate.cohorts.images.refused import Refused
from theragate.study import Segmentation

__all__ = ["FEWEST_PIXELS", "Labels", "labels_of_mask", "objects_of", "segmented"]

Labels = NDArray[np.int32]  # rows × columns; 0 is outside, each object has a number of its own

FEWEST_PIXELS = 16  # of an object: the axes and the texture of fewer say nothing
_MOST_OBJECTS = 20_000
_ALIKE = 0.01  # by how much, relatively, the pixels of an image and its mask may differ in size


def labels_of_mask(mask: Picture, image: Picture, *, each: bool) -> Labels:
    """Return the objects of a mask, of which 0 is outside.

    Any one other value is inside; several values tell several objects apart where there may be several, and where
    there is one value, objects that do not touch are different ones.

    Raises
    ------
    Refused
        If it is of another size than its image, of another patient, empty, or no mask.
    """
    _check_belongs(mask, image)
    stored = mask.stored
    if stored.ndim == 3:
        if not (stored == stored[..., :1]).all():
            raise Refused(
                "a mask is grey", received="one in colours", remedy="Save the outline as 0 and 1, without the image."
            )
        stored = stored[..., 0]
    if not np.isfinite(mask.values).all() or (stored < 0).any() or (stored != np.floor(stored)).any():
        raise Refused(
            "a mask holds whole numbers from 0, which is outside",
            received="other values",
            remedy="Save the outline as 0 and 1.",
        )
    values = np.unique(stored)
    inside = values[values > 0]
    if not len(inside):
        raise Refused("a mask outlines something", received="an empty one", remedy="Draw the outline, or leave it out.")
    if len(inside) == 1:
        return _connected(stored > 0) if each else (stored > 0).astype(np.int32)
    if not each:
        raise Refused(
            "a mask of one object holds 0 and one other value",
            received=f"{len(inside):,} other values",
            remedy="Declare `objects: each` if they are different objects; a mask is never compressed with losses.",
        )
    if len(inside) > _MOST_OBJECTS:
        raise Refused(
            f"a mask outlines at most {_MOST_OBJECTS:,} objects",
            received=f"{len(inside):,} different values",
            remedy="Save the outlines as whole numbers, one for each object; never compressed with losses.",
        )
    return np.asarray(np.where(stored > 0, np.searchsorted(inside, stored) + 1, 0), dtype=np.int32)


def segmented(image: Floats, spec: Segmentation, pixel_mm: float) -> Labels:
    """Return what lies beyond Otsu's threshold, without what is narrower than the opening.

    Otsu. A threshold selection method from gray-level histograms. IEEE Trans Syst Man Cybern 1979;9:62.

    Raises
    ------
    Refused
        If nothing is left.
    """
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    if np.ptp(image) == 0:
        raise Refused("grey values differ", received="one value everywhere", remedy="Leave the image out.")
    threshold = threshold_otsu(image)
    found = image > threshold if spec.bright else image <= threshold
    radius = spec.opening_mm / pixel_mm
    reach = int(np.ceil(radius))
    rows, columns = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disk = rows**2 + columns**2 <= radius**2
    opened: Any = ndimage.binary_opening(found, structure=disk)
    if not opened.any():
        raise Refused(
            "the threshold finds something",
            received="nothing wider than the opening",
            remedy="Correct `source.segmentation`, or give a mask.",
        )
    return _connected(np.asarray(opened))


def objects_of(labels: Labels, *, each: bool) -> Labels:
    """Return the objects that are measured, numbered from 1.

    Of several, those that the edge of the image cuts off and those of fewer than 16 pixels are left out: their shape is
    not known. Of one that is declared to be the only one, all of it is measured.

    Raises
    ------
    Refused
        If none is left.
    """
    if not each:
        kept = (labels > 0).astype(np.int32)
        return _some(kept) if kept.sum() >= FEWEST_PIXELS else _some(np.zeros_like(kept))
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    sizes = np.bincount(labels.ravel())
    whole = np.flatnonzero(sizes >= FEWEST_PIXELS)
    whole = whole[(whole > 0) & ~np.isin(whole, edges)]
    numbers = np.zeros(len(sizes), dtype=np.int32)
    numbers[whole] = np.arange(1, len(whole) + 1)
    return _some(numbers[labels])


def _some(labels: Labels) -> Labels:
    if not labels.any():
        raise Refused(
            f"an object has at least {FEWEST_PIXELS} pixels; of several, one lies wholly within the image",
            received="none such",
            remedy="Correct the mask, or leave the image out.",
        )
    return labels


def _connected(inside: NDArray[np.bool_]) -> Labels:
    from scipy import ndimage

    found, _ = ndimage.label(inside, structure=np.ones((3, 3)))
    return np.asarray(found, dtype=np.int32)


def _check_belongs(mask: Picture, image: Picture) -> None:
    size, own = mask.values.shape[:2], image.values.shape[:2]
    if size != own:
        raise Refused(
            "a mask has the size of its image",
            received=f"{size[0]} × {size[1]} pixels, expected {own[0]} × {own[1]}",
            remedy="Export both from the same grid.",
        )
    if mask.pixel_mm and image.pixel_mm:
        ratios = [of_mask / of_image for of_mask, of_image in zip(mask.pixel_mm, image.pixel_mm, strict=True)]
        if any(abs(ratio - 1) > _ALIKE for ratio in ratios):
            raise Refused(
                "the pixels of a mask are as large as those of its image",
                received="others",
                remedy="Export both from the same grid.",
            )
    names = [picture.owner.get("patient") for picture in (mask, image)]
    if all(names) and names[0] != names[1]:
        raise Refused(
            "a mask is of the patient of its image",
            received="another PatientID in its header",
            remedy="Correct the manifest.",
        )
