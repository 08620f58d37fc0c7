"""Digests name content: the same content has one name, other content another."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from theragate.digests import canonical_json, sha256_bytes, sha256_file, sha256_json, sha256_tree
from theragate.errors import DataError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def test_known_digests():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_bytes(b"") == empty
    assert (
        sha256_json({"b": [1, None, "é"], "a": 0.5}) == hashlib.sha256(b'{"a":0.5,"b":[1,null,"\xc3\xa9"]}').hexdigest()
    )


@given(JSON)
@hypothesis_settings(deadline=None, max_examples=60)
def test_canonical_json_survives_a_round_trip(value):
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@given(st.dictionaries(st.text(max_size=4), st.integers(), min_size=2))
@hypothesis_settings(deadline=None, max_examples=40)
def test_the_order_of_keys_does_not_matter(value):
    assert sha256_json(dict(reversed(value.items()))) == sha256_json(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_no_digest_rests_on_a_number_that_is_not_finite(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"deep": [{"a": number}]})


def test_a_file_is_read_in_pieces(tmp_path):
    path = tmp_path / "large"
    content = os.urandom(1_000_003)
    path.write_bytes(content)
    assert sha256_file(path) == hashlib.sha256(content).hexdigest()


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_a_tree_is_named_by_names_and_contents_not_by_its_place(tmp_path):
    files = {"a.json": b"1", "deep/b.bin": b"\x00", "deep/er/c": b""}
    first = sha256_tree(tree(tmp_path / "one", files))
    assert first == sha256_tree(tree(tmp_path / "two", dict(reversed(files.items()))))
    expected = [[name, len(content), sha256_bytes(content)] for name, content in sorted(files.items())]
    assert first == sha256_json(expected)


@pytest.mark.parametrize(
    "other",
    [
        {"a": b"2", "b": b"1"},
        {"a": b"1", "c": b"1"},
        {"a": b"1"},
        {"a": b"1", "b": b"1", "c": b""},
        {"a": b"1", "x/b": b"1"},
    ],
)
def test_any_change_of_a_tree_changes_its_name(other, tmp_path):
    assert sha256_tree(tree(tmp_path / "one", {"a": b"1", "b": b"1"})) != sha256_tree(tree(tmp_path / "two", other))


@pytest.mark.parametrize("target", ["a", "nowhere", ".."])
def test_a_link_inside_a_tree_is_refused(target, tmp_path):
    root = tree(tmp_path / "model", {"a": b"1"})
    (root / "link").symlink_to(target)
    with pytest.raises(DataError, match=r"link: a model directory holds plain files only; received a symbolic link"):
        sha256_tree(root)


def test_a_tree_without_files_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"at least one file; received no such directory\. Run `dvc repro`"):
        sha256_tree(tmp_path / "missing")
    (tmp_path / "empty" / "er").mkdir(parents=True)
    with pytest.raises(DataError, match="at least one file"):
        sha256_tree(tmp_path / "empty")


def test_what_is_neither_file_nor_folder_is_refused(tmp_path):
    root = tree(tmp_path / "model", {"a": b"1"})
    os.mkfifo(root / "pipe")
    with pytest.raises(DataError, match="plain files only"):
        sha256_tree(root)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone: the file can be read; received No such file.*dvc checkout"):
        sha256_file(tmp_path / "gone")
    with pytest.raises(DataError, match="Is a directory"):
        sha256_file(tmp_path)
