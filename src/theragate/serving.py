"""How MLflow loads a released model: installed code, so that a model directory carries data and no code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from theragate.errors import DataError
from theragate.personal.answer_table import COLUMNS
from theragate.personal.answers import PersonalModel, load_personal_model
from theragate.personal.identity import REGISTERED, UNREGISTERED

__all__ = ["ServedModel"]


class ServedModel:
    """A loaded model behind the interface of MLflow's ``pyfunc`` flavour."""

    def __init__(self, personal: PersonalModel) -> None:
        self.personal = personal

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow passes it
        """Answer for the patients of `data`.

        Parameters
        ----------
        data
            One row per patient with at least the columns of the model, as a table, a list of records or lists by
            column; values may be missing.
        params
            Ignored; the model has no settings at prediction time.

        Returns
        -------
        The table of `theragate.personal.answers.PersonalModel.answer`, whose column ``prediction`` is the number alone.
        What is missing is None, since a server would write the word NaN, which is not JSON.

        Raises
        ------
        DataError
            If `data` is no table, or a feature is absent or of a type that is neither number nor text. Neither it nor
            what caused it quotes a value: a server sends both to whoever asked, and writes them to its log.
        """
        table = self.personal.answer(_as_table(data))
        for name in COLUMNS:
            if table[name].isna().any():
                table[name] = table[name].astype(object).where(table[name].notna(), None)
        return table


def _as_table(data: Any) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    try:
        if isinstance(data, Mapping):
            return pd.DataFrame({name: np.ravel(np.asarray(values, dtype=object)) for name, values in data.items()})
        if isinstance(data, list) and all(isinstance(record, Mapping) for record in data):
            return pd.DataFrame(data, dtype=object)
    except (TypeError, ValueError):
        pass
    raise DataError(
        "the request",
        rule="it is a table: records of one patient each, or columns of one length",
        received=f"`{type(data).__name__}` that is none",
        remedy="Send `dataframe_split` or `dataframe_records`; `theragate example STUDY` prints a request.",
    )


def _load_pyfunc(path: str) -> ServedModel:
    """Load the estimator's directory; the name of this function is MLflow's."""
    personal = load_personal_model(Path(path))
    package = Path(path).parents[1]
    status = _said(package / "MLmodel", "metadata").get("status")
    version = _said(package / "registered_model_meta").get("model_version")
    known = status if status in REGISTERED else UNREGISTERED
    return ServedModel(personal.known_as("" if version is None else str(version), known))


def _said(path: Path, *keys: str) -> Mapping[str, Any]:
    """Return what a file of the package says; nothing where there is none, as in an estimator by itself."""
    try:
        content: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        for key in keys:
            content = content[key]
    except (OSError, ValueError, LookupError, TypeError, RecursionError, YAMLError):
        return {}
    return content if isinstance(content, Mapping) else {}
