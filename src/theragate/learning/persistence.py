"""A predictor as files that hold data only: no pickle, no code, and the same bytes for the same predictor.

``predictor.json`` has the features, the response and, for a linear model, its coefficients, so that a person can read
them; ``design.skops`` the preprocessing; ``booster.ubj`` boosted trees and ``forest.npz`` a forest, where there is one;
``personal.json`` what it takes to answer for one patient, which `theragate.personal` reads and writes. The first names
the digests of the others, so that nothing damaged reaches XGBoost, which ends the whole process over bytes it cannot
parse. Who can rewrite all of the files is kept out by the digest of the directory, which the verdict binds.
"""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from theragate.digests import sha256_bytes
from theragate.errors import DataError
from theragate.files import whole_directory, write_json
from theragate.learning.causal_forest import CausalForestModel, pack_causal_forest, unpack_causal_forest
from theragate.learning.families import FAMILIES, check_families
from theragate.learning.features import Feature
from theragate.learning.models import BoostedModel, LinearModel, Model, Response
from theragate.learning.survival_forest import Forest, ForestModel, pack_forest, unpack_forest
from theragate.study import Spec, read_spec

if TYPE_CHECKING:  # scikit-learn is imported only when a model is saved or loaded
    from theragate.learning.predictor import Predictor

__all__ = ["check_families", "load", "load_with", "save"]

_SHEET, _DESIGN, _BOOSTER, _FOREST = "predictor.json", "design.skops", "booster.ubj", "forest.npz"
_CAUSAL_FOREST = "causal_forest.npz"
_PERSONAL = "personal.json"
_FILES = {
    "coefficients": {_DESIGN},
    "booster": {_DESIGN, _BOOSTER},
    "forest": {_DESIGN, _FOREST},
    "causal_forest": {_DESIGN, _CAUSAL_FOREST},
}
_REMEDY = "Restore the directory with `dvc checkout`, or train again with `dvc repro`."


class _Column(Spec):
    name: str
    type: Literal["number", "text"]


class _Linear(Spec):
    names: tuple[str, ...] = Field(description="the columns of the design")
    coefficients: tuple[float, ...]
    intercept: float

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        if len(self.names) != len(self.coefficients):
            raise ValueError("one coefficient per column")
        return self


class _Sheet(Spec):
    version: Literal[1] = 1
    task: Literal["binary", "regression", "survival", "treatment_effect"]
    family: str
    inputs: Annotated[tuple[_Column, ...], Field(min_length=1)]
    horizon: Annotated[float, Field(gt=0)] | None
    response: Literal["probability", "quantity", "risk", "effect"]
    hazard: Annotated[float, Field(ge=0)]
    linear: _Linear | None
    scale: float = Field(default=1.0, description="what turns the sum of boosted trees into the score")
    files: dict[str, str] = Field(description="the other files and their SHA-256")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        expected = {
            "binary": "probability",
            "regression": "quantity",
            "survival": "risk",
            "treatment_effect": "effect",
        }[self.task]
        horizons = {"binary": (False,), "regression": (False,), "survival": (True,)}.get(self.task, (False, True))
        if self.response != expected or (self.horizon is not None) not in horizons:
            raise ValueError("the response and the horizon are those of the task")
        if self.family not in FAMILIES[self.task]:
            raise ValueError("the family is one of the task's")
        stored = FAMILIES[self.task][self.family].stored
        if (self.linear is None) != (stored != "coefficients"):
            raise ValueError("a linear family has coefficients, and trees have none")
        if set(self.files) - {_PERSONAL} != _FILES[stored]:
            raise ValueError("the files are those of the family")
        return self


def save(predictor: "Predictor", directory: Path, *, personal: bytes | None = None) -> None:
    """Write a predictor to `directory`, whose former content is replaced; the same predictor gives the same bytes.

    Parameters
    ----------
    predictor
        A fitted predictor.
    directory
        Where it goes.
    personal
        The content of ``personal.json``, if there is one.

    Raises
    ------
    StoreError
        If the disk does not take the files.
    """
    from theragate.learning.skops_archive import pack

    model = predictor.model
    transformer = predictor.design.transformer
    files = {_DESIGN: pack(transformer)}
    linear = None
    if isinstance(model, LinearModel):
        names = tuple(map(str, transformer.get_feature_names_out()))
        linear = _Linear(names=names, coefficients=tuple(map(float, model.coefficients)), intercept=model.intercept)
    elif isinstance(model, BoostedModel):
        files[_BOOSTER] = bytes(model.booster.save_raw("ubj"))
    elif isinstance(model, ForestModel):
        files[_FOREST] = pack_forest(model.forest)
    elif isinstance(model, CausalForestModel):
        files[_CAUSAL_FOREST] = pack_causal_forest(model)
    if personal is not None:
        files[_PERSONAL] = personal
    sheet = _Sheet(
        task=predictor.task,
        family=predictor.family,
        inputs=tuple(_Column(name=feature.name, type=feature.type) for feature in predictor.schema),
        horizon=predictor.horizon,
        response=model.response.kind,
        hazard=model.response.hazard,
        linear=linear,
        scale=model.scale if isinstance(model, BoostedModel) else 1.0,
        files={name: sha256_bytes(content) for name, content in files.items()},
    )
    with whole_directory(directory) as temporary:
        write_json(temporary / _SHEET, sheet.model_dump(mode="json"))
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def load(directory: Path) -> "Predictor":
    """Read a predictor that `save` wrote, without running anything that its files bring along.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another version or no part of a predictor, or holds a type that no
        predictor has.
    """
    return load_with(directory)[0]


def load_with(directory: Path) -> "tuple[Predictor, bytes | None]":
    """Read a predictor as `load` does, and with it the content of ``personal.json``; None if there is none."""
    from theragate.learning.design_matrix import Design
    from theragate.learning.predictor import Predictor

    sheet = _sheet(directory)
    files = _files(directory, sheet)
    transformer = _transformer(directory, files[_DESIGN])
    predictor = Predictor(
        task=sheet.task,
        family=sheet.family,
        schema=tuple(Feature(column.name, column.type) for column in sheet.inputs),
        horizon=sheet.horizon,
        design=Design(transformer, slice(0, 0)),
        model=_model(directory, sheet, files),
    )
    _try_out(directory, predictor)
    return predictor, files.get(_PERSONAL)


def _sheet(directory: Path) -> _Sheet:
    found = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    strange = sorted(found - {_SHEET, _DESIGN, _BOOSTER, _FOREST, _CAUSAL_FOREST, _PERSONAL})
    if strange or not found:
        raise _broken_model(
            directory, rule="it holds the files of a predictor only", received=f"`{strange[0]}`" if strange else "none"
        )
    if any((directory / name).is_symlink() for name in found):
        raise _broken_model(directory, rule="its files are plain files", received="a symbolic link")
    return read_spec(_Sheet, directory / _SHEET, subject=f"model `{directory / _SHEET}`", remedy=_REMEDY, private=True)


def _files(directory: Path, sheet: _Sheet) -> dict[str, bytes]:
    files = {}
    for name, digest in sheet.files.items():
        try:
            files[name] = (directory / name).read_bytes()
        except OSError as error:
            raise _broken_model(
                directory / name, rule="it is readable", received=error.strerror or type(error).__name__
            ) from error
        if sha256_bytes(files[name]) != digest:
            raise _broken_model(directory / name, rule=f"it has the digest that {_SHEET} names", received="another one")
    return files


def _transformer(directory: Path, content: bytes) -> Any:
    from theragate.learning.skops_archive import UNREADABLE, unpack

    try:
        return unpack(content)
    except UNREADABLE as error:
        raise _broken_model(
            directory / _DESIGN,
            rule="it is a whole design of these versions, made of the listed types only",
            received=f"something else ({type(error).__name__})",
        ) from error


def _model(directory: Path, sheet: _Sheet, files: dict[str, bytes]) -> Model:
    response = Response(sheet.response, sheet.hazard)
    if sheet.linear is not None:
        return LinearModel(np.array(sheet.linear.coefficients, dtype=np.float64), sheet.linear.intercept, response)
    if _FOREST in files:
        return ForestModel(_forest(directory, files[_FOREST]), response)
    if _CAUSAL_FOREST in files:
        return _causal_forest(directory, files[_CAUSAL_FOREST], response)
    import xgboost

    try:
        booster = xgboost.Booster(params={"nthread": 1, "verbosity": 0})
        booster.load_model(bytearray(files[_BOOSTER]))
    except (ValueError, xgboost.core.XGBoostError) as error:
        raise _broken_model(
            directory / _BOOSTER, rule="it is a whole booster", received=f"a damaged file ({type(error).__name__})"
        ) from error
    return BoostedModel(booster, response, sheet.scale)


def _forest(directory: Path, content: bytes) -> Forest:
    try:
        return unpack_forest(content)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _broken_model(
            directory / _FOREST, rule="it is a whole forest", received=f"something else ({type(error).__name__})"
        ) from error


def _causal_forest(directory: Path, content: bytes, response: Response) -> CausalForestModel:
    try:
        return unpack_causal_forest(content, response)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _broken_model(
            directory / _CAUSAL_FOREST,
            rule="it is a whole forest of plain numbers",
            received=f"something else ({type(error).__name__})",
        ) from error


def _try_out(directory: Path, predictor: "Predictor") -> None:
    """Predict for a patient of whom nothing is known: files that do not belong together fail here."""
    import pandas as pd

    from theragate.errors import TheragateError
    from theragate.learning.skops_archive import UNREADABLE

    unknown = {feature.name: [np.nan if feature.type == "number" else None] for feature in predictor.schema}
    try:
        predictor.predict(pd.DataFrame(unknown))
    except (TheragateError, *UNREADABLE) as error:
        raise _broken_model(
            directory, rule="its files belong together", received=f"files that do not ({type(error).__name__})"
        ) from error


def _broken_model(path: Path, *, rule: str, received: str) -> DataError:
    return DataError(f"model `{path}`", rule=rule, received=received, remedy=_REMEDY)
