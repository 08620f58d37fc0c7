"""The model as MLflow gets it: packaged without pickle and without code, and always to the same bytes.

What is in a package follows from the bundle alone: no time, no number of MLflow's, no path of a machine. An evaluator
makes it again and compares, and whoever registers the same model twice has registered the same package.
"""

import platform
import shutil
import warnings
from pathlib import Path
from typing import Any

from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from theragate.errors import DataError
from theragate.package_form import CONDA, DESCRIPTION, ESTIMATOR, PYTHON, environment, written
from theragate.personal.answer_table import COLUMNS
from theragate.personal.identity import CANDIDATE
from theragate.tracking.bundle import Bundle

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*Any type hint is inferred")  # MLflow warns about its own types
    import mlflow.pyfunc

__all__ = ["answer_signature", "write_package"]

_ANSWERS = {float: DataType.double, str: DataType.string}
# MLflow's numbers, times and places: it has them in its tables, and a package that had them could not be made again.
_LEFT_TO_MLFLOW = {"artifact_path", "model_id", "model_uuid", "run_id", "utc_time_created"}


def write_package(bundle: Bundle, folder: Path) -> None:
    """Write the package of a bundle into `folder`, which must not exist yet.

    The package has the estimator's files unchanged, a description for the loader `theragate.serving` with the types of
    the inputs, and the versions of the libraries; no pickle, no code, and no patient as an example.

    Raises
    ------
    DataError
        If the name of a column cannot be written in the description.
    """
    shutil.copytree(bundle.estimator, folder / ESTIMATOR)
    for name, content in environment(_python(), bundle.requirements).items():
        (folder / name).write_bytes(content)
    try:
        (folder / DESCRIPTION).write_bytes(written(_description(bundle)))
    except ValueError as error:
        raise DataError(
            f"study `{bundle.study.name}`, names of columns",
            rule="they have no signs outside the Basic Multilingual Plane, such as emoji",
            received="one that has",
            remedy="Rename the column in the table.",
        ) from error


def answer_signature() -> ModelSignature:
    """Return the signature: that of an answer, and none of the inputs.

    MLflow would hold every request against types of inputs: it refuses whole numbers for decimal ones, and quotes the
    patients' rows when it refuses. The loader reads the inputs in the model's types; the package's metadata, and the
    run's data set, have their names and types.
    """
    answers: list[ColSpec | TensorSpec] = [ColSpec(_ANSWERS[kind], name) for name, kind in COLUMNS.items()]
    return ModelSignature(outputs=Schema(answers))


def _description(bundle: Bundle) -> dict[str, Any]:
    decision = bundle.verdict.decision
    package = Model(
        signature=answer_signature(),
        model_size_bytes=sum(path.stat().st_size for path in bundle.estimator.rglob("*") if path.is_file()),
        metadata={
            "study": bundle.study.name,
            "key": bundle.key,
            "model_sha256": bundle.model_sha256,
            "status": CANDIDATE if decision == "PASS" else decision,  # not by waivers, which come and go
            "inputs": {column.name: column.type for column in bundle.record.input_schema},
        },
    )
    mlflow.pyfunc.add_to_model(
        package, loader_module="theragate.serving", data=ESTIMATOR, conda_env=CONDA, python_env=PYTHON, streamable=False
    )
    package.flavors["python_function"]["python_version"] = _python()
    return {name: value for name, value in package.to_dict().items() if name not in _LEFT_TO_MLFLOW}


def _python() -> str:
    """Return this Python's version without that of its patches, which load the same models."""
    return ".".join(platform.python_version_tuple()[:2])
