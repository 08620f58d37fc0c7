"""Images and their objects on a grid of square pixels of one declared size."""

import numpy as np

from theragate.cohorts.images.outlines import Labels
from theragate.cohorts.images.picture import Floats

__all__ = ["resampled"]


def resampled(image: Floats, labels: Labels, pixel_mm: tuple[float, float], side: float) -> tuple[Floats, Labels]:
    """Return both with pixels of the given side in mm: values between centres are interpolated, objects the nearest.

    The centres of both grids agree, as IBSI asks.
    """
    from scipy import ndimage

    axes = []
    for length, old in zip(image.shape, pixel_mm, strict=True):
        many = max(round(length * old / side), 1)
        axes.append((np.arange(many) - (many - 1) / 2) * side / old + (length - 1) / 2)
    at = np.meshgrid(*axes, indexing="ij")
    values = ndimage.map_coordinates(image, at, order=1, mode="nearest")
    nearest = [
        np.clip(np.rint(axis).astype(np.intp), 0, length - 1) for axis, length in zip(axes, image.shape, strict=True)
    ]
    return np.asarray(values, dtype=np.float64), labels[np.ix_(*nearest)]
