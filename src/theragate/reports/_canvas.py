"""One look for all figures: paper, type, colours, and files whose bytes depend on the evidence alone."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from theragate.files import whole_file

__all__ = [
    "BLUE",
    "EDGE",
    "GREEN",
    "GREY",
    "INK",
    "SOFT",
    "VERMILLION",
    "house_style",
    "new_axes",
    "new_figure",
    "save",
]

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
INK, SOFT, GREY = "#222222", "#555555", "#767676"

WIDTH, HEIGHT = 6.0, 4.7  # inches; 900 × 705 pixels
EDGE = 0.2
LETTERS_PER_INCH = 16.4  # of the subtitle's type

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelpad": 6.0,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": True,
    "figure.dpi": 150.0,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "savefig.dpi": 150.0,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a feature's label is a dollar sign
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with the house's settings, whatever the user's matplotlibrc says."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        # A label in a script that the typeface lacks shows boxes; that is no reason to lose the figure.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        yield


def new_figure(title: str, subtitle: str, *, width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, float]:
    """Return a figure with its title in words and a grey subtitle, and the inches from its top that they take."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    lines = wrap(subtitle, int((width - 2 * EDGE) * LETTERS_PER_INCH))
    figure.text(EDGE / width, 1 - 0.2 / height, title, fontsize=11.5, fontweight="bold", va="top")
    figure.text(EDGE / width, 1 - 0.46 / height, "\n".join(lines), fontsize=8.5, color=SOFT, va="top", linespacing=1.35)
    return figure, 0.58 + 0.17 * len(lines)


def new_axes(figure: Figure, *, top: float, left: float = 0.85, right: float = 0.25, bottom: float = 0.62) -> Axes:
    """Return axes with margins in inches, so that all figures line up."""
    width, height = figure.get_size_inches()
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    return figure.add_axes(box)


def save(figure: Figure, path: Path, *, simulated: bool, marks: Mapping[str, str] | None = None) -> Path:
    """Write a PNG whose bytes name neither a program nor a time; mark what rests on simulated patients.

    `marks` are texts in the file, by their keys, that nobody sees.
    """
    if simulated:
        figure.text(
            0.5,
            0.46,
            "SIMULATED",
            ha="center",
            va="center",
            rotation=28,
            fontsize=44,
            fontweight="bold",
            color=VERMILLION,
            alpha=0.16,
            zorder=10,
        )
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None, **(marks or {})})
    return path
