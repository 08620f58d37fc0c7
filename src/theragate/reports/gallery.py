"""A contact sheet of a study's images, with the outlines of what was measured: for the site's own eyes."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.images.marked import MARK
from theragate.reports._canvas import EDGE, VERMILLION, house_style, new_figure, save

__all__ = ["MOST", "draw_gallery"]

MOST = 24  # images on a sheet
_COLUMNS, _SIDE, _GAP = 6, 1.15, 0.06  # inches
_LETTERS = 100  # at least, in a line of the subtitle
_LONGEST = 512  # pixels of a side that are drawn
_TAILS = (0.5, 99.5)  # per cent, between which grey values are spread

Shown = tuple[NDArray[np.float64], NDArray[np.int32]]


def draw_gallery(images: Sequence[Shown], path: Path, *, title: str, reason: str, simulated: bool) -> Path:
    """Draw images and the outlines of their objects, without a word of whose they are.

    Parameters
    ----------
    images
        Up to `MOST` pairs of grey values and objects, rows × columns.
    path
        The PNG file. It is marked as one that shows patients, so that nothing takes it to MLflow.
    title
        Of the study.
    reason
        Why they may be shown.
    simulated
        Whether the patients do not exist.

    Raises
    ------
    StoreError
        If the disk does not take it.
    """
    rows = ceil(len(images) / _COLUMNS)
    width = 2 * EDGE + _COLUMNS * _SIDE + (_COLUMNS - 1) * _GAP
    with house_style():
        words = f"What was measured is outlined. Shown because: {reason}"
        height = 0.78 + 0.17 * (1 + len(words) // _LETTERS) + rows * (_SIDE + _GAP)
        figure, top = new_figure(title, words, width=width, height=height)
        for at, (image, labels) in enumerate(images):
            left = EDGE + at % _COLUMNS * (_SIDE + _GAP)
            bottom = height - top - (at // _COLUMNS + 1) * (_SIDE + _GAP)
            axes = figure.add_axes((left / width, bottom / height, _SIDE / width, _SIDE / height))
            step = max(ceil(max(image.shape) / _LONGEST), 1)
            low, high = np.percentile(image, _TAILS)
            axes.imshow(
                image[::step, ::step], cmap="gray", vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest"
            )
            if labels[::step, ::step].any():
                axes.contour(labels[::step, ::step] > 0, levels=[0.5], colors=[VERMILLION], linewidths=0.7)
            axes.set_axis_off()
        return save(figure, path, simulated=simulated, marks=dict([MARK]))
