"""A small ONNX network, written as its protocol buffer (onnx.proto3), since nothing else here writes one."""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["pooling_network"]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _value(name: str, shape: Sequence[int]) -> bytes:
    sizes = b"".join(_bytes(1, _number(1, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, sizes)))


def _tensor(name: str, values: NDArray[np.float32]) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, 1) + _bytes(8, name) + _bytes(9, struct.pack(f"<{values.size}f", *values.ravel()))


def _node(kind: str, takes: Sequence[str], gives: str) -> bytes:
    return b"".join(_bytes(1, name) for name in takes) + _bytes(2, gives) + _bytes(4, kind)


def pooling_network(size: int, *, channels: int = 3, outputs: int = 4, batch_of: int = 1) -> bytes:
    """Return a network that convolves with drawn weights, takes the positive part, and averages over the image."""
    weights = np.random.default_rng(7).standard_normal((outputs, channels, 3, 3)).astype(np.float32)
    nodes = [("Conv", ("image", "weights"), "mapped"), ("Relu", ("mapped",), "positive")]
    nodes.append(("GlobalAveragePool", ("positive",), "answer"))
    graph = b"".join(_bytes(1, _node(*each)) for each in nodes) + _bytes(2, "small")
    graph += _bytes(5, _tensor("weights", weights))
    graph += _bytes(11, _value("image", (batch_of, channels, size, size)))
    graph += _bytes(12, _value("answer", (batch_of, outputs, 1, 1)))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 17))
