"""A user's own network: pinned, and the same bytes however it is run."""

from pathlib import Path

import numpy as np
import pytest
from cohorts.images.made import disk, folder_of, scene, source
from cohorts.images.networks import pooling_network

from theragate.cohorts.images import embedding
from theragate.cohorts.images.embedding import embedded, shown_square
from theragate.cohorts.sources import Scratch, open_source
from theragate.digests import sha256_bytes
from theragate.errors import ConfigurationError, DataError
from theragate.study import Embedding
from theragate.workers.processes import Processes

SIZE = 24
IMAGE, LABELS = scene().astype(float), disk().astype(np.int32)


def spec_of(network: bytes, **keys: object) -> Embedding:
    return Embedding(model="net.onnx", sha256=sha256_bytes(network), size=SIZE, window=(0.0, 1000.0), **keys)


def written(folder: Path, network: bytes) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(network)
    return path


def test_a_network_gives_the_numbers_of_its_own_arithmetic(tmp_path):
    network = pooling_network(SIZE)
    found = embedded(IMAGE, LABELS, spec_of(network), written(tmp_path, network))
    square = shown_square(IMAGE, LABELS, spec_of(network), channels=3).astype(np.float64)
    weights = np.random.default_rng(7).standard_normal((4, 3, 3, 3)).astype(np.float32).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(square, (3, 3), axis=(0, 1))
    expected = np.maximum(np.einsum("rcdij,odij->rco", windows, weights), 0).mean(axis=(0, 1))
    assert list(found) == [f"embedding_{place}" for place in range(1, 5)]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-4)


def test_what_is_shown_is_the_square_around_the_outline():
    spec = spec_of(b"", margin=0.0, mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.25))
    square = shown_square(np.where(LABELS > 0, 1000.0, 0.0), LABELS, spec, channels=3)
    assert square.shape == (SIZE, SIZE, 3)
    assert square.dtype == np.float32
    np.testing.assert_array_equal(square[SIZE // 2, SIZE // 2], [1.0, 1.0, 2.0])
    np.testing.assert_array_equal(square[0, 0], [-1.0, -1.0, -2.0])
    wide = shown_square(np.where(LABELS > 0, 1000.0, 0.0), LABELS, spec.model_copy(update={"margin": 1.0}), channels=1)
    assert (wide > 0).mean() < 0.3


def test_a_network_of_another_digest_is_refused(tmp_path):
    network = pooling_network(SIZE)
    path = written(tmp_path, pooling_network(SIZE, outputs=5))
    with pytest.raises(
        DataError, match=r"network `net.onnx`: its SHA-256 is .{12}…, as `source.embedding.sha256` says"
    ):
        embedded(IMAGE, LABELS, spec_of(network), path)


def test_what_is_no_network_and_what_takes_something_else_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="it is one ONNX file with its weights inside"):
        embedded(IMAGE, LABELS, spec_of(b"no network"), written(tmp_path, b"no network"))
    network = pooling_network(SIZE + 1)
    (tmp_path / "other").mkdir()
    with pytest.raises(ConfigurationError, match=f"it takes images of {SIZE} × {SIZE} pixels"):
        embedded(IMAGE, LABELS, spec_of(network), written(tmp_path / "other", network))


def test_without_a_runtime_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'theragate\[embeddings\]'"):
        embedding.check_installed()


def test_any_number_of_processes_gives_the_same_bytes(tmp_path):
    network = pooling_network(SIZE)
    folder_of(tmp_path, 4)
    written(tmp_path / "sources" / "s", network)
    spec = source(features=(), embedding=spec_of(network))
    tables = []
    for number, jobs in enumerate((1, 2)):
        with Scratch(tmp_path) as scratch:
            downloads = tmp_path / str(number) / "downloads"
            table = open_source(
                spec, tmp_path, study="s", scratch=scratch, downloads=downloads, backend=Processes(jobs)
            )
            tables.append(table.columns.frame())
    assert tables[0].equals(tables[1])
    assert len(tables[0].filter(like="embedding").drop_duplicates()) == 4
