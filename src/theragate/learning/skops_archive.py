"""The fitted preprocessing as a skops file: no pickle, nothing but the types listed here, and always the same bytes."""

import io
import json
import re
import warnings
import zipfile
from typing import Any

import skops.io
from sklearn.compose import ColumnTransformer
from skops.io.exceptions import UntrustedTypesFoundException

__all__ = ["UNREADABLE", "pack", "unpack"]

UNREADABLE = (
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    UntrustedTypesFoundException,
    UserWarning,
    ValueError,
    zipfile.BadZipFile,
)
"""What reading a file that is not a whole design may raise."""

# What skops does not trust by itself: how scipy keeps a spline, and the type of an array's elements.
_TRUSTED = [
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
]

# skops trusts every estimator and many functions. A design is made of these only, each as this kind of node.
_ALLOWED = frozenset(
    {
        ("DTypeNode", "numpy.dtype"),
        ("DictNode", "builtins.dict"),
        ("FunctionNode", "scipy._lib.array_api_compat.numpy._aliases.asarray"),
        ("JsonNode", "builtins.str"),
        ("ListNode", "builtins.list"),
        ("NdArrayNode", "numpy.float64"),
        ("NdArrayNode", "numpy.ndarray"),
        ("ObjectNode", "scipy.interpolate._bsplines.BSpline"),
        ("ObjectNode", "sklearn.compose._column_transformer.ColumnTransformer"),
        ("ObjectNode", "sklearn.impute._base.MissingIndicator"),
        ("ObjectNode", "sklearn.impute._base.SimpleImputer"),
        ("ObjectNode", "sklearn.pipeline.Pipeline"),
        ("ObjectNode", "sklearn.preprocessing._data.StandardScaler"),
        ("ObjectNode", "sklearn.preprocessing._encoders.OneHotEncoder"),
        ("ObjectNode", "sklearn.preprocessing._function_transformer.FunctionTransformer"),
        ("ObjectNode", "sklearn.preprocessing._polynomial.SplineTransformer"),
        ("SliceNode", "builtins.slice"),
        ("TupleNode", "builtins.tuple"),
        ("TypeNode", "builtins.str"),
        ("TypeNode", "numpy.float64"),
    }
)
_SCHEMA = "schema.json"
_ARRAY = re.compile(r"[0-9]{1,6}\.npy")


def pack(transformer: ColumnTransformer) -> bytes:
    """Return the bytes of a skops file; an equal transformer gives equal bytes, in any process.

    skops names objects by their address in memory and stamps members with the time. Here they are numbered as they
    occur, and carry no time.
    """
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(transformer))) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        arrays: dict[str, str] = {}
        _renumber(schema, numbers={}, arrays=arrays)
        members = {new: archive.read(old) for old, new in arrays.items()}
    members[_SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name), members[name])
    return content.getvalue()


def unpack(content: bytes) -> ColumnTransformer:
    """Return the transformer that `pack` packed.

    Raises
    ------
    One of `UNREADABLE`
        If the content is not a whole file of `pack`, holds a type that is not listed here, or was written with another
        version of scikit-learn.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or not (
                member.filename == _SCHEMA or _ARRAY.fullmatch(member.filename)
            ):
                raise ValueError("a member that no design has")
        _audit(json.loads(archive.read(_SCHEMA)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transformer = skops.io.loads(content, trusted=_TRUSTED)
    if not isinstance(transformer, ColumnTransformer):
        raise TypeError("the content is not a column transformer")
    return transformer


def _audit(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _audit(item)
    elif isinstance(node, dict):
        if any(key in node for key in ("__loader__", "__class__", "__module__")):
            kind = (node["__loader__"], f"{node['__module__']}.{node['__class__']}")
            if kind not in _ALLOWED:
                raise TypeError("a type that no design has")
        for item in node.values():
            _audit(item)


def _renumber(node: Any, *, numbers: dict[object, int], arrays: dict[str, str]) -> None:
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers=numbers, arrays=arrays)
    elif isinstance(node, dict):
        if "__id__" in node:
            # Whether two equal texts are one object is up to the interpreter; here they always are.
            plain = node["__loader__"] in {"JsonNode", "TypeNode"}
            same = json.dumps({**node, "__id__": 0}, sort_keys=True) if plain else node["__id__"]
            node["__id__"] = numbers.setdefault(same, len(numbers))
        if "file" in node:
            node["file"] = arrays.setdefault(node["file"], f"{len(arrays)}.npy")
        for item in node.values():
            _renumber(item, numbers=numbers, arrays=arrays)
