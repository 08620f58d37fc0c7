"""Rows pinned outside: a ledger that lacks one of them is refused, whatever anybody remembers."""

import base64
import hashlib
import os
from datetime import UTC, datetime

import pytest
from registry.test_pinned_head import ledger

from theragate.errors import DataError, StoreError
from theragate.registry.checkpoint import read_checkpoint, root_hash, signed_checkpoint
from theragate.registry.outside_pins import add_pin, check_pins, write_checkpoint
from theragate.release.keys import SigningKey

NOW = datetime(2026, 2, 1, tzinfo=UTC)
OWN = SigningKey.generate()


def test_a_grown_ledger_has_all_pinned_rows(tmp_path):
    rows, path = ledger(5), tmp_path / "pins.jsonl"
    for length in (1, 3, 5):
        add_pin(path, rows[:length], NOW)
    assert "3 pinned rows" in check_pins(path, rows)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (ledger(2), "received a ledger that ends at row 2"),
        ([], "received another ledger, without a row"),
        (ledger(4, actor="eve"), "received another ledger, whose first row is"),
        (ledger(5, actor="eve", after=ledger(2)), "received another row 3"),
    ],
    ids=["set back", "empty", "another", "another end"],
)
def test_a_ledger_that_lacks_a_pinned_row_is_refused(tmp_path, other, words):
    add_pin(tmp_path / "pins.jsonl", ledger(3), NOW)
    with pytest.raises(StoreError, match=words):
        check_pins(tmp_path / "pins.jsonl", other)
    write_checkpoint(tmp_path / "note", ledger(3), OWN)
    with pytest.raises(StoreError, match="its first 3 rows are those of the checkpoint"):
        check_pins(tmp_path / "note", other, OWN.public)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"x\n", b"\xff", b"[" * 100_000, b'{"seq": 1}\n'])
def test_a_file_that_pins_nothing_is_not_taken_for_one_that_agrees(tmp_path, content):
    (tmp_path / "pins.jsonl").write_bytes(content)
    for key in (None, OWN.public):
        with pytest.raises(DataError):
            check_pins(tmp_path / "pins.jsonl", ledger(1), key)


def by_definition(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash as RFC 6962 defines it, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def test_the_root_is_that_of_rfc_6962():
    rows = ledger(20)
    for length in range(21):
        assert root_hash(rows[:length]) == by_definition([bytes.fromhex(row.hash) for row in rows[:length]])


def test_a_checkpoint_has_the_form_of_c2sp():
    rows = ledger(3)
    text, _, signature = signed_checkpoint(rows, OWN).partition("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, size) == (f"theragate-ledger/{rows[0].hash}", "3")
    assert base64.b64decode(root) == root_hash(rows)
    dash, name, encoded = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("—", origin)
    raw = base64.b64decode(encoded)
    assert raw[:4] == hashlib.sha256(f"{origin}\n\x01".encode() + OWN.public.raw).digest()[:4]
    assert OWN.public.verifies(f"{text}\n".encode(), raw[4:])


def test_a_checkpoint_may_be_signed_by_witnesses_too_and_not_by_them_alone():
    note = signed_checkpoint(ledger(3), OWN)
    text, _, signature = note.partition("\n\n")
    witness = "— witness.example AAAAAAAA\n"
    assert read_checkpoint(f"{text}\n\n{witness}{signature}", OWN.public).size == 3
    other = SigningKey.generate()
    for wrong in (f"{text}\n\n{witness}", note.replace("\n3\n", "\n2\n"), signed_checkpoint(ledger(3), other), text):
        with pytest.raises(DataError):
            read_checkpoint(wrong, OWN.public)


def test_pins_are_neither_read_from_nor_written_to_what_has_no_end(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        for key in (None, OWN.public):
            with pytest.raises(DataError, match="it can be read; received it is no regular file"):
                check_pins(tmp_path / name, ledger(1), key)
    with pytest.raises(StoreError, match="pipe: a pin is added to it"):
        add_pin(tmp_path / "pipe", ledger(1), NOW)


def test_a_folder_is_no_file_of_pins(tmp_path):
    """Before, it was the registry's store that was said not to accept what is written."""
    with pytest.raises(StoreError, match="a pin is added to it; received Is a directory"):
        add_pin(tmp_path, ledger(1), NOW)
