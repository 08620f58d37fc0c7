"""Shape, intensity and texture of objects in an image, in millimetres and in the image's own values.

Names and definitions follow the Image Biomarker Standardisation Initiative where it has the measure (Zwanenburg et al.,
Radiology 2020;295:328): intensities, and texture from co-occurrence in two dimensions, averaged over directions.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.images.outlines import Labels
from theragate.cohorts.images.picture import Floats
from theragate.cohorts.images.radiomics import radiomics_of
from theragate.study import Texture

__all__ = ["intensity_of", "measured", "shape_of", "texture_of"]

_LARGEST = 3  # objects, whose mean stands for the largest
_DIRECTIONS = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_TEXTURE = {
    "contrast": "contrast",
    "dissimilarity": "dissimilarity",
    "homogeneity": "homogeneity",
    "uniformity": "ASM",
    "correlation": "correlation",
}


def measured(
    image: Floats, labels: Labels, *, pixel_mm: float, features: tuple[str, ...], texture: Texture, each: bool
) -> dict[str, float | None]:
    """Measure the objects of an image.

    Parameters
    ----------
    image
        Rows × columns.
    labels
        Objects, numbered from 1.
    pixel_mm
        The side of the square pixels.
    features
        Any of `shape`, `intensity` and `texture`; and `ibsi` of a single object, in which None is what is not defined.
    texture
        How grey values are counted for texture.
    each
        Whether there may be several objects. Then a measure gives three columns: ``mean_``, ``sd_`` (0 for a single
        object) and ``largest_``, the mean of the three largest; and ``objects`` is how many there are.
    """
    from skimage.measure import regionprops

    rows: list[dict[str, float | None]] = []
    for region in regionprops(labels, intensity_image=image):
        inside, values = region.image, region.image_intensity
        row: dict[str, float | None] = {}
        for name in features:
            row |= _MEASURES[name](region, inside, values, pixel_mm, texture)
        rows.append(row)
    if not each:
        return rows[0]
    table = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]}
    summary: dict[str, float | None] = {"objects": float(len(rows))}
    for name, column in table.items():
        summary[f"mean_{name}"] = float(column.mean())
        summary[f"sd_{name}"] = float(column.std(ddof=1)) if len(column) > 1 else 0.0
        summary[f"largest_{name}"] = float(np.sort(column)[-_LARGEST:].mean())
    return summary


def shape_of(region: Any, pixel_mm: float) -> dict[str, float]:
    """Return the measures of an outline; lengths in mm.

    The perimeter is Crofton's, by four directions, which does not depend on how the object lies. Circularity is 4π
    times the area over the perimeter's square, 1 for a disk. Solidity is the share of its convex hull that it fills,
    and roughness the standard deviation of the outline's distance from its centre, over the mean distance.
    """
    from skimage.measure import perimeter_crofton

    area = float(region.area) * pixel_mm**2
    perimeter = float(perimeter_crofton(np.pad(region.image, 1), directions=4)) * pixel_mm
    return {
        "area_mm2": area,
        "perimeter_mm": perimeter,
        "diameter_mm": float(np.sqrt(4 * area / np.pi)),
        "major_axis_mm": float(region.axis_major_length) * pixel_mm,
        "minor_axis_mm": float(region.axis_minor_length) * pixel_mm,
        "eccentricity": float(region.eccentricity),
        "circularity": 4 * np.pi * area / perimeter**2,
        "solidity": float(region.solidity),
        "roughness": _roughness(region.image),
    }


def intensity_of(values: Floats) -> dict[str, float]:
    """Return the distribution of the values inside, as IBSI defines its measures; kurtosis is in excess of 3.

    Of equal values skewness and kurtosis are 0.
    """
    mean, deviation = float(values.mean()), float(values.std())
    moved = (values - mean) / deviation if deviation else np.zeros_like(values)
    low, middle, high = (float(value) for value in np.percentile(values, [10, 50, 90]))
    return {
        "intensity_mean": mean,
        "intensity_sd": deviation,
        "intensity_skewness": float((moved**3).mean()),
        "intensity_kurtosis": float((moved**4).mean()) - 3.0 if deviation else 0.0,
        "intensity_p10": low,
        "intensity_median": middle,
        "intensity_p90": high,
        "intensity_range": float(np.ptp(values)),
    }


def texture_of(values: Floats, inside: NDArray[np.bool_], spec: Texture) -> dict[str, float]:
    """Return measures of which grey values lie beside each other within an object (GLCM), averaged over 4 directions.

    Grey values are counted in levels of equal width between the least and the largest inside (IBSI's fixed number of
    bins). Entropy is in bits. Directions in which nothing lies beside anything are left out; of a single value,
    correlation is 1.
    """
    from skimage.feature import graycomatrix, graycoprops

    levels = _levels(values, inside, spec.levels)
    pairs = graycomatrix(levels, [spec.distance], _DIRECTIONS, levels=spec.levels + 1, symmetric=True)[1:, 1:]
    there = pairs.sum(axis=(0, 1))[0] > 0
    pairs = pairs[:, :, :, there]
    if not there.any():
        return dict.fromkeys((f"texture_{name}" for name in (*_TEXTURE, "entropy")), 0.0)
    found = {f"texture_{name}": float(graycoprops(pairs, prop)[0].mean()) for name, prop in _TEXTURE.items()}
    shares = pairs / pairs.sum(axis=(0, 1), keepdims=True)
    bits = np.where(shares > 0, -shares * np.log2(np.where(shares > 0, shares, 1.0)), 0.0)
    return found | {"texture_entropy": float(bits.sum(axis=(0, 1))[0].mean())}


def _levels(values: Floats, inside: NDArray[np.bool_], levels: int) -> NDArray[np.uint16]:
    """Return levels from 1 inside, and 0 outside."""
    low, high = float(values[inside].min()), float(values[inside].max())
    scaled = (values - low) / (high - low) * levels if high > low else np.zeros_like(values)
    return np.where(inside, np.clip(np.floor(scaled), 0, levels - 1) + 1, 0).astype(np.uint16)


def _roughness(inside: NDArray[np.bool_]) -> float:
    from skimage.measure import find_contours

    outline = max(find_contours(np.pad(inside, 1).astype(np.float64), 0.5), key=len)[:-1]
    distance = np.hypot(*(outline - outline.mean(axis=0)).T)
    return float(distance.std() / distance.mean())


_Measure = Callable[[Any, NDArray[np.bool_], Floats, float, Texture], Mapping[str, float | None]]
_MEASURES: Mapping[str, _Measure] = {
    "shape": lambda region, _inside, _values, pixel_mm, _texture: shape_of(region, pixel_mm),
    "intensity": lambda _region, inside, values, _pixel, _texture: intensity_of(values[inside]),
    "texture": lambda _region, inside, values, _pixel, texture: texture_of(values, inside, texture),
    "ibsi": lambda _region, inside, values, _pixel, texture: radiomics_of(
        values, _levels(values, inside, texture.levels), inside, most=texture.levels
    ),
}
