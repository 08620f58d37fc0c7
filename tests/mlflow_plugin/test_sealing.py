import os
import time

import pytest
from mlflow_plugin.attested_by_hand import write_package
from mlflow_plugin.sealed_at_once import sealed_at_once

from theragate.digests import sha256_tree
from theragate.errors import StoreError
from theragate.mlflow_plugin import sealing
from theragate.mlflow_plugin.sealing import Vault
from theragate.release.refusals import Refusal


@pytest.fixture
def package(tmp_path):
    return write_package(tmp_path / "package", "content", size=3_000_000)


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path / "sealed")


def test_a_copy_is_named_by_the_digest_of_what_was_copied(vault, package):
    expected = sha256_tree(package)
    sealed = vault.seal(package, expected=expected)
    assert sealed.sha256 == expected
    assert sealed.model_sha256 == sha256_tree(package / "data" / "estimator")
    assert vault.find(expected).sha256 == expected
    assert [path.name for path in vault.folder.iterdir()] == [expected]


def test_a_copy_is_read_only_and_holds_what_was_attested_alone(vault, package):
    expected = sha256_tree(package)
    (package / "registered_model_meta").write_text("model_version: '7'\n")
    (package / "an empty folder").mkdir()
    vault.seal(package, expected=expected)
    place = vault.path(expected)
    assert sha256_tree(place) == expected
    assert {path.name for path in place.iterdir()} == {path.name for path in package.iterdir()} - {
        "registered_model_meta",
        "an empty folder",
    }
    assert not [path for path in (place, *place.rglob("*")) if path.stat().st_mode & 0o222]


def test_a_file_that_appears_beside_a_sealed_model_is_found_out(vault, package):
    expected = sha256_tree(package)
    vault.seal(package, expected=expected)
    place = vault.path(expected)
    place.chmod(0o755)
    (place / "registered_model_meta").write_text("model_version: '7'\n")
    with pytest.raises(StoreError, match="never changes; received a copy with a file beside it"):
        vault.find(expected)


def test_where_mlflow_loads_from_the_copy_itself_it_can_write_its_note_and_nothing_else(tmp_path, package):
    vault, expected = Vault(tmp_path / "own", loaded_in_place=True), sha256_tree(package)
    (package / "registered_model_meta").write_text("model_version: '7'\n")
    vault.seal(package, expected=expected)
    place = vault.path(expected)
    writable = {path.name for path in (place, *place.rglob("*")) if path.stat().st_mode & 0o222}
    assert writable == {"registered_model_meta"}
    assert (place / "registered_model_meta").read_bytes() == b"", "not what came with the package"
    (place / "registered_model_meta").write_text("model_name: x\n")
    assert vault.find(expected) is not None


def test_other_files_than_expected_leave_nothing(vault, package):
    with pytest.raises(Refusal, match="they are those that were attested"):
        vault.seal(package, expected="0" * 64)
    assert list(vault.folder.iterdir()) == []
    assert vault.find("0" * 64) is None


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("data/estimator/model.json", "a copy that has changed"),
        ("MLmodel", r"one whose model file `MLmodel` may not be in a model \(.*if an older version of Theragate"),
    ],
)
def test_a_copy_that_changed_is_found_out(vault, package, name, received):
    expected = sha256_tree(package)
    vault.seal(package, expected=expected)
    file = vault.path(expected) / name
    file.chmod(0o600)
    file.write_text(file.read_text() + "run_id: x\n")
    with pytest.raises(StoreError, match=f"a sealed copy never changes; received {received}"):
        vault.find(expected)
    with pytest.raises(StoreError, match="never changes"):
        vault.seal(package, expected=expected)


def test_a_file_that_becomes_a_link_while_it_is_copied(vault, package, monkeypatch):
    listing = sealing.listing

    def swapped(source):
        paths = listing(source)
        (source / "MLmodel").unlink()
        (source / "MLmodel").symlink_to("/etc/hostname")
        return paths

    monkeypatch.setattr(sealing, "listing", swapped)
    with pytest.raises(Refusal, match="do not change while they are copied"):
        vault.seal(package, expected="0" * 64)


def test_many_who_seal_the_same_at_once_end_with_one_copy(vault, package):
    expected = sha256_tree(package)
    assert sealed_at_once(vault, package, expected, 8) == [expected] * 8
    assert [path.name for path in vault.folder.iterdir()] == [expected]


def test_an_unfinished_copy_is_removed_after_a_day(vault, package):
    vault.folder.mkdir()
    old, young = vault.folder / ".a.part", vault.folder / ".b.part"
    for part in (old, young):
        (part / "data").mkdir(parents=True)
        (part / "data").chmod(0o555)
    os.utime(old, (time.time() - 90_000,) * 2)
    vault.seal(package, expected=sha256_tree(package))
    assert not old.exists()
    assert young.exists(), "it may be in the making"


def test_a_disk_that_is_full(vault, package, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="received No space left on device"):
        vault.seal(package, expected=sha256_tree(package))
    assert list(vault.folder.iterdir()) == []
