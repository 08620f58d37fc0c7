"""All of IBSI's intensity and texture features of one object, by pictologics, where it is installed."""

import os
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.images.picture import Floats
from theragate.errors import ConfigurationError

__all__ = ["check_radiomics", "radiomics_of"]


def check_radiomics() -> None:
    """Refuse radiomics where nothing computes them.

    Raises
    ------
    ConfigurationError
        With what to install.
    """
    if find_spec("pictologics") is None:
        raise ConfigurationError(
            "key `source.features`",
            rule="pictologics is installed, which computes `ibsi`",
            received="none",
            remedy="Run `pip install 'theragate[radiomics]'` with Python 3.12 or above, or leave `ibsi` out.",
        )


def radiomics_of(
    values: Floats, levels: NDArray[np.integer], inside: NDArray[np.bool_], *, most: int
) -> dict[str, float | None]:
    """Return 18 features of intensity and 95 of texture, by their names and codes at IBSI.

    One thread computes them, so that the same object gives the same bytes.

    Parameters
    ----------
    values, levels, inside
        Grey values, the levels in which they are counted from 1, and the object: rows × columns, or a volume.
    most
        The number of levels.

    Returns
    -------
    By names such as ``ibsi_mean_intensity_q4le``; None where a feature is not defined, as skewness of one value.
    Texture of rows × columns is that of one slice: neighbours lie within it.
    """
    # Otherwise the first import compiles everything for minutes, also what is not used.
    os.environ.setdefault("PICTOLOGICS_DISABLE_WARMUP", "1")
    import pictologics
    from pictologics.features.intensity import calculate_intensity_features
    from pictologics.features.texture import calculate_all_texture_features

    pictologics.set_num_threads(1)
    volume, mask = (np.atleast_3d(each).astype(np.float64) for each in (levels, inside))
    with np.errstate(all="ignore"):
        found = calculate_intensity_features(values[inside]) | calculate_all_texture_features(volume, mask, most)
    return {f"ibsi_{name.lower()}": float(value) if np.isfinite(value) else None for name, value in found.items()}
