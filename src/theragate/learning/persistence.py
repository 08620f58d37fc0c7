"""A predictor as files that hold data only: no pickle, no code, and the same bytes for the same predictor.

``predictor.json`` has the features, the response and, for a linear model, its coefficients, so that a person can read
them; ``design.skops`` the preprocessing; ``booster.ubj`` boosted trees; ``forest.npz`` or ``causal_forest.npz`` a
forest; ``personal.json`` what it takes to answer for one patient, which `theragate.personal` reads and writes. The
first names the digests of the others, so that nothing damaged reaches XGBoost, which ends the whole process over bytes
it cannot parse. Against whoever can rewrite all of them stands the digest of the directory, which the verdict binds.
"""

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from theragate.digests import sha256_bytes
from theragate.errors import DataError
from theragate.files import whole_directory, write_json
from theragate.learning.causal_forest import CausalForestModel, pack_causal_forest, unpack_causal_forest
from theragate.learning.families import check_families
from theragate.learning.families.added import OfOthers
from theragate.learning.features import Feature
from theragate.learning.models import BoostedModel, LinearModel, Model, Response
from theragate.learning.predictor_file import (
    BOOSTER,
    CAUSAL_FOREST,
    DESIGN,
    FILES,
    PERSONAL,
    PREDICTOR,
    SURVIVAL_FOREST,
    Column,
    Linear,
    PredictorFile,
)
from theragate.learning.survival_forest import SurvivalForestModel, pack_survival_forest, unpack_survival_forest
from theragate.study import read_spec

if TYPE_CHECKING:  # scikit-learn and XGBoost are imported only when a model that needs them is saved or loaded
    import xgboost

    from theragate.learning.predictor import Predictor

__all__ = ["check_families", "load", "load_with", "save"]

Part = TypeVar("Part")

_BROKEN_ARRAYS = (OSError, ValueError, zipfile.BadZipFile)
_REMEDY = "Restore the directory with `dvc checkout`, or train again with `dvc repro`."


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
        If the files cannot be written.
    """
    from theragate.learning.skops_archive import pack

    model = predictor.model
    transformer = predictor.design.transformer
    files = {DESIGN: pack(transformer)}
    linear = None
    if isinstance(model, LinearModel):
        names = tuple(map(str, transformer.get_feature_names_out()))
        linear = Linear(names=names, coefficients=tuple(map(float, model.coefficients)), intercept=model.intercept)
    elif isinstance(model, BoostedModel):
        files[BOOSTER] = bytes(model.booster.save_raw("ubj"))
    elif isinstance(model, SurvivalForestModel):
        files[SURVIVAL_FOREST] = pack_survival_forest(model.forest)
    elif isinstance(model, CausalForestModel):
        files[CAUSAL_FOREST] = pack_causal_forest(model)
    if personal is not None:
        files[PERSONAL] = personal
    of_others = predictor.of_others
    description = PredictorFile(
        task=predictor.task,
        family=predictor.family,
        inputs=tuple(Column(name=feature.name, type=feature.type) for feature in predictor.schema),
        horizon=predictor.horizon,
        response=model.response.kind,
        hazard=model.response.hazard,
        linear=linear,
        scale=model.scale if isinstance(model, BoostedModel) else 1.0,
        files={name: sha256_bytes(content) for name, content in files.items()},
        extension=of_others.extension if of_others else None,
        stored=of_others.stored if of_others else None,
    )
    with whole_directory(directory) as temporary:
        write_json(temporary / PREDICTOR, description.model_dump(mode="json"))
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def load(directory: Path) -> "Predictor":
    """Read a predictor that `save` wrote, without running anything that its files bring along.

    Raises
    ------
    DataError
        If a file is missing, damaged, of another version or not part of a predictor, or holds a type that no
        predictor has.
    """
    return load_with(directory)[0]


def load_with(directory: Path) -> "tuple[Predictor, bytes | None]":
    """Read a predictor as `load` does, and with it the content of ``personal.json``; None if there is none."""
    from theragate.learning.design_matrix import Design
    from theragate.learning.predictor import Predictor
    from theragate.learning.skops_archive import UNREADABLE, unpack

    description = _description(directory)
    files = _files(directory, description)
    design = directory / DESIGN
    rule = "it is a whole design of these versions, made of the listed types only"
    transformer = _parsed(unpack, files[DESIGN], design, rule=rule, errors=UNREADABLE)
    predictor = Predictor(
        task=description.task,
        family=description.family,
        schema=tuple(Feature(column.name, column.type) for column in description.inputs),
        horizon=description.horizon,
        design=Design(transformer, slice(0, 0)),
        model=_model(directory, description, files),
        of_others=_of_others(description),
    )
    _try_out(directory, predictor)
    return predictor, files.get(PERSONAL)


def _of_others(description: PredictorFile) -> OfOthers | None:
    extension, stored = description.extension, description.stored
    return None if extension is None or stored is None else OfOthers(extension, stored)


def _description(directory: Path) -> PredictorFile:
    names = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    stray = sorted(names - {PREDICTOR, PERSONAL}.union(*FILES.values()))
    if stray or not names:
        rule = "it holds the files of a predictor only"
        raise _broken_model(directory, rule=rule, received=f"`{stray[0]}`" if stray else "none")
    links = sorted(name for name in names if (directory / name).is_symlink())
    if links:
        raise _broken_model(directory, rule="its files are plain files", received=f"the symbolic link `{links[0]}`")
    path = directory / PREDICTOR
    return read_spec(PredictorFile, path, subject=f"model `{path}`", remedy=_REMEDY)


def _files(directory: Path, description: PredictorFile) -> dict[str, bytes]:
    files = {}
    for name, expected in description.files.items():
        path = directory / name
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            received = error.strerror or type(error).__name__
            raise _broken_model(path, rule="it is readable", received=received) from error
        digest = sha256_bytes(files[name])
        if digest != expected:
            received = f"{digest[:12]}…, expected {expected[:12]}…"
            raise _broken_model(path, rule=f"it has the digest that {PREDICTOR} names", received=received)
    return files


def _model(directory: Path, description: PredictorFile, files: dict[str, bytes]) -> Model:
    response = Response(description.response, description.hazard)
    linear, whole = description.linear, "it is a whole forest of plain numbers"
    if linear is not None:
        return LinearModel(np.array(linear.coefficients, dtype=np.float64), linear.intercept, response)
    if SURVIVAL_FOREST in files:
        path = directory / SURVIVAL_FOREST
        forest = _parsed(unpack_survival_forest, files[SURVIVAL_FOREST], path, rule=whole, errors=_BROKEN_ARRAYS)
        return SurvivalForestModel(forest, response)
    if CAUSAL_FOREST in files:
        unpack = partial(unpack_causal_forest, response=response)
        return _parsed(unpack, files[CAUSAL_FOREST], directory / CAUSAL_FOREST, rule=whole, errors=_BROKEN_ARRAYS)
    return BoostedModel(_booster(directory, files[BOOSTER]), response, description.scale)


def _booster(directory: Path, content: bytes) -> "xgboost.Booster":
    import xgboost

    def load_booster(content: bytes) -> xgboost.Booster:
        booster = xgboost.Booster(params={"nthread": 1, "verbosity": 0})
        booster.load_model(bytearray(content))
        return booster

    errors = (ValueError, xgboost.core.XGBoostError)
    return _parsed(load_booster, content, directory / BOOSTER, rule="it is a whole booster", errors=errors)


def _parsed(
    parse: Callable[[bytes], Part], content: bytes, path: Path, *, rule: str, errors: tuple[type[Exception], ...]
) -> Part:
    """Parse one file of a model; `errors` mean that it is damaged."""
    try:
        return parse(content)
    except errors as error:
        raise _broken_model(path, rule=rule, received=f"a file that is not ({type(error).__name__})") from error


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
