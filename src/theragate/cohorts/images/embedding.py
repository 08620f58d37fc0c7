"""What a user's own network says of an image: an ONNX model, run so that the same image gives the same bytes."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.images.outlines import Labels
from theragate.cohorts.images.picture import Floats
from theragate.digests import sha256_bytes
from theragate.errors import ConfigurationError, DataError
from theragate.study import Embedding

__all__ = ["check_installed", "embedded", "shown_square"]

_MOST = 4096  # numbers of an embedding


def check_installed() -> None:
    """Refuse an embedding where nothing can run a network.

    Raises
    ------
    ConfigurationError
        With what to install.
    """
    if find_spec("onnxruntime") is None:
        raise ConfigurationError(
            "key `source.embedding`",
            rule="onnxruntime is installed, which runs the network",
            received="none",
            remedy="Run `pip install 'theragate[embeddings]'`.",
        )


def embedded(image: Floats, labels: Labels, spec: Embedding, model: Path) -> dict[str, float]:
    """Return the network's answer to the square around the objects, number by number.

    One image at a time, by one thread, on the processor, with the same optimisations everywhere: then the bytes of an
    answer depend on neither batches nor threads.

    Raises
    ------
    DataError, ConfigurationError
        If the file is not the one of ``spec.sha256``, no network of ONNX, or takes or gives something else.
    """
    session = _session(model, spec.sha256)
    taken = session.get_inputs()
    shape = taken[0].shape if taken else []
    if len(taken) != 1 or len(shape) != 4 or taken[0].type != "tensor(float)":
        raise _unfit("takes one batch of images: four dimensions, numbers of single precision", "another input")
    last = shape[1] not in (1, 3) and shape[3] in (1, 3)
    channels = shape[3] if last else shape[1]
    square = shown_square(image, labels, spec, channels=channels if isinstance(channels, int) else 3)
    batch = square[None] if last else np.ascontiguousarray(square.transpose(2, 0, 1)[None])
    try:
        answer = np.asarray(session.run(None, {taken[0].name: batch})[0], dtype=np.float64).ravel()
    except Exception as error:  # noqa: BLE001 - whatever the runtime raises, it is the network that does not fit
        raise _unfit(f"takes images of {spec.size} × {spec.size} pixels", type(error).__name__) from None
    if not 0 < len(answer) <= _MOST or not np.isfinite(answer).all():
        raise _unfit(f"gives 1 to {_MOST:,} finite numbers for an image", "something else")
    return {f"embedding_{place}": float(value) for place, value in enumerate(answer, start=1)}


def shown_square(image: Floats, labels: Labels, spec: Embedding, *, channels: int) -> NDArray[np.float32]:
    """Return what the network is shown: size × size × channels, the square around the objects with its margin.

    What lies outside of the image is its nearest value.
    """
    from scipy import ndimage

    rows, columns = np.nonzero(labels)
    centre = [(axis.min() + axis.max()) / 2 for axis in (rows, columns)]
    side = max(np.ptp(axis) + 1 for axis in (rows, columns)) * (1 + 2 * spec.margin)
    steps = (np.arange(spec.size) + 0.5) / spec.size * side - side / 2
    at = np.meshgrid(*(steps + middle for middle in centre), indexing="ij")
    values = ndimage.map_coordinates(image, at, order=1, mode="nearest")
    low, high = spec.window
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    mean, deviation = (np.resize(np.array(each), channels) for each in (spec.mean, spec.deviation))
    return np.ascontiguousarray(((scaled[..., None] - mean) / deviation).astype(np.float32))


@cache
def _session(model: Path, sha256: str) -> Any:
    check_installed()
    import onnxruntime

    try:
        content = model.read_bytes()
    except OSError as error:
        raise DataError(
            f"network `{model.name}`",
            rule="the file exists and can be read",
            received=error.strerror or type(error).__name__,
            remedy="Put it into the folder of the study's source.",
        ) from error
    found = sha256_bytes(content)
    if found != sha256:
        raise DataError(
            f"network `{model.name}`",
            rule=f"its SHA-256 is {sha256[:12]}…, as `source.embedding.sha256` says",
            received=f"{found[:12]}…",
            remedy="Restore the file; another network makes another study.",
        )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        # From bytes: a network whose weights lie in further files, which no digest pins, cannot be loaded.
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - whatever the runtime raises of a file that it cannot load
        raise _unfit("is one ONNX file with its weights inside", type(error).__name__) from None


def _unfit(rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        "the network of `source.embedding`",
        rule=f"it {rule}",
        received=received,
        remedy="Export it again, or correct `source.embedding` in params.yaml.",
    )
