"""Public cohorts that come with scikit-learn and scikit-survival, with their codes made plain."""

from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._raw_table import RawTable
from theragate.study import BundledSource

__all__ = ["COHORTS", "read_bundled"]


def read_bundled(spec: BundledSource, context: SourceContext, scratch: Scratch) -> RawTable:  # noqa: ARG001 - the signature that all sources share
    """Load a cohort by its name, which is one of `COHORTS`."""
    load, library = COHORTS[spec.name]
    return RawTable(load(), version=f"{library} {version(library)}", id_column=None)


def _wdbc() -> pd.DataFrame:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    # scikit-learn codes malignant as 0; the words cannot be misread.
    return pd.DataFrame(bunch.data).assign(diagnosis=bunch.target.map({0: "malignant", 1: "benign"}))


def _diabetes() -> pd.DataFrame:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(as_frame=True, scaled=False)
    sex = bunch.data["sex"].astype(int).astype(str)
    return pd.DataFrame(bunch.data).assign(sex=sex, progression=bunch.target)


def _whas500() -> pd.DataFrame:
    from sksurv.datasets import load_whas500

    return _with_outcome(*load_whas500())


def _gse7390() -> pd.DataFrame:
    from sksurv.datasets import load_breast_cancer

    frame = _with_outcome(*load_breast_cancer())
    # The source writes the grade that nobody knows as a grade of its own.
    return frame.assign(grade=frame["grade"].mask(frame["grade"] == "unkown"))


def _veteran() -> pd.DataFrame:
    from sksurv.datasets import load_veterans_lung_cancer

    return _with_outcome(*load_veterans_lung_cancer())


def _flchain() -> pd.DataFrame:
    from sksurv.datasets import load_flchain

    frame = _with_outcome(*load_flchain())
    return frame.astype({"flc.grp": "int64", "sample.yr": "int64"})


def _actg320() -> pd.DataFrame:
    from sksurv.datasets import load_aids

    return _with_outcome(*load_aids(endpoint="aids"))


def _gbsg2() -> pd.DataFrame:
    from sksurv.datasets import load_gbsg2

    frame = _with_outcome(*load_gbsg2())
    return frame.astype({"horTh": "str", "menostat": "str", "tgrade": "str"})


def _with_outcome(features: pd.DataFrame, outcome: NDArray[np.void]) -> pd.DataFrame:
    """Join the features and scikit-survival's structured outcome; categories become text, events 0 or 1."""
    frame = pd.DataFrame(features).copy()
    for column in frame.columns[[isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes]]:
        frame[column] = frame[column].astype("str")
    for column in outcome.dtype.names or ():
        frame[column] = outcome[column].astype("int64" if outcome[column].dtype == bool else "float64")
    return frame


COHORTS: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "wdbc": (_wdbc, "scikit-learn"),
    "diabetes": (_diabetes, "scikit-learn"),
    "whas500": (_whas500, "scikit-survival"),
    "flchain": (_flchain, "scikit-survival"),
    "gse7390": (_gse7390, "scikit-survival"),
    "veteran": (_veteran, "scikit-survival"),
    "actg320": (_actg320, "scikit-survival"),
    "gbsg2": (_gbsg2, "scikit-survival"),
}
