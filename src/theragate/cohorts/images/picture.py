"""An image or a mask as its file gives it: DICOM, PNG or TIFF, which its first bytes tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.images.refused import Refused

__all__ = ["MOST_PIXELS", "Picture", "check_size", "luminance"]

MOST_PIXELS = 2**26  # 512 MiB as numbers of double precision
_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as DICOM's YBR_FULL

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """What is taken of a file.

    ``values`` are rows × columns, or × 3 in colour: rescaled as the file says, more being brighter. ``stored`` are the
    numbers in the file, of a ``palette`` its indices. ``pixel_mm`` is the height and width of a pixel; None where the
    file does not say it. ``padding`` is true where there is no image. ``headers`` are those of the allow-list, by
    column. ``owner`` has digests of what tells patients and series apart, and ``annotation`` what the file says of
    text in its pixels.
    """

    values: Floats
    stored: NDArray[Any]
    pixel_mm: tuple[float, float] | None = None
    padding: NDArray[np.bool_] | None = None
    headers: Mapping[str, str | float | None] = field(default_factory=dict)
    owner: Mapping[str, str] = field(default_factory=dict)
    annotation: str | None = None
    palette: bool = False

    @property
    def colour(self) -> bool:
        """Whether it has several channels."""
        return self.values.ndim == 3


def luminance(values: Floats) -> Floats:
    """Return how bright red, green and blue together are."""
    red, green, blue = (values[..., channel] * weight for channel, weight in enumerate(_LUMINANCE))
    return np.asarray(red + green + blue, dtype=np.float64)


def check_size(rows: int, columns: int) -> None:
    """Refuse an image that is too large to be held in memory, before it is unpacked.

    Raises
    ------
    Refused
        With its size.
    """
    if not 0 < rows * columns <= MOST_PIXELS:
        raise Refused(
            f"an image has at most {MOST_PIXELS:,} pixels",
            received=f"{rows:,} × {columns:,}",
            remedy="Cut out the region that matters, or reduce the image.",
        )
