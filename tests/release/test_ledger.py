"""The ledger: whatever is done to its rows without the key, the first bad one is named."""

import base64
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.submission_by_hand import LEDGER, NAME, NOW, STRANGER, key_entry

from theragate.errors import StoreError
from theragate.release.keys import SigningKey
from theragate.release.ledger import GENESIS, Event, Row, append, verify_rows
from theragate.release.trust import Trust, development_trust

KEYS = (key_entry(LEDGER, "ledger"),)
TRUST = Trust(keys=KEYS)


def event(number: int = 1, **changes) -> Event:
    fields = {
        "study": NAME,
        "kind": "approve",
        "version": str(number),
        "actor": "bob",
        "identity": "signed_in",
        "reason": "Read and found to be good",
        "at": NOW + timedelta(minutes=number),
        "package_sha256": "a" * 64,
        "model_sha256": "b" * 64,
        "statement_sha256": f"{number:064x}",
        "evidence_sha256": "c" * 64,
        "policy_sha256": "d" * 64,
        "recipe_sha256": "f" * 64,
    }
    return Event(**fields | changes)


def ledger(length: int, *, key: SigningKey = LEDGER) -> list[Row]:
    rows: list[Row] = []
    for number in range(1, length + 1):
        rows.append(append(rows[-1] if rows else None, event(number), key))
    return rows


ROWS = ledger(6)


def rehashed(row: Row) -> Row:
    """What somebody who can compute, but has no key, does to a row."""
    return row.model_copy(update={"hash": row.content_hash})


@given(st.integers(0, 8))
def test_an_honest_ledger_is_whole(length):
    rows = ledger(length)
    assert verify_rows(rows, TRUST) == (rows[-1] if rows else None)
    assert [row.seq for row in rows] == list(range(1, length + 1))
    if rows:
        assert rows[0].previous_hash == GENESIS


@given(st.integers(1, 6))
def test_a_ledger_is_verified_on_from_a_row_that_was_verified(split):
    assert verify_rows(ROWS[split:], TRUST, after=ROWS[split - 1]) == ROWS[-1]
    with pytest.raises(StoreError, match="row 1:"):
        verify_rows(ROWS[split:] or ROWS[1:], TRUST)


CHANGES = {
    "kind": "promote",
    "version": "99",
    "actor": "eve",
    "identity": "claimed",
    "reason": "Another reason",
    "at": NOW + timedelta(days=1),
    "package_sha256": "e" * 64,
    "model_sha256": "e" * 64,
    "statement_sha256": "e" * 64,
    "evidence_sha256": "e" * 64,
    "policy_sha256": "e" * 64,
    "recipe_sha256": "e" * 64,
    "replaces": "7",
    "study": "another_study",
}


@pytest.mark.parametrize("name", list(Event.model_fields))
@given(place=st.integers(0, 5), clever=st.booleans())
def test_a_changed_event_is_named(name, place, clever):
    rows = list(ROWS)
    row = rows[place].model_copy(update={"event": rows[place].event.model_copy(update={name: CHANGES[name]})})
    rows[place] = rehashed(row) if clever else row
    expected = "a forged signature" if clever else "that was changed"
    with pytest.raises(StoreError, match=rf"ledger, row {place + 1}: .*{expected}"):
        verify_rows(rows, TRUST)


@given(place=st.integers(0, 5), name=st.sampled_from(["previous_hash", "hash", "key_id", "signature", "seq"]))
def test_a_changed_place_is_named(place, name):
    changes = {
        "previous_hash": "e" * 64,
        "hash": "e" * 64,
        "key_id": STRANGER.key_id,
        "seq": 40,
        "signature": base64.b64encode(STRANGER.sign(b"something")).decode(),
    }
    rows = list(ROWS)
    rows[place] = rows[place].model_copy(update={name: changes[name]})
    with pytest.raises(StoreError, match=rf"ledger, row {place + 1}:"):
        verify_rows(rows, TRUST)


@given(place=st.integers(0, 4), clever=st.booleans())
def test_a_removed_row_is_named(place, clever):
    rows = [row for index, row in enumerate(ROWS) if index != place]
    if clever:  # numbered anew, and tied together
        for index in range(place, len(rows)):
            previous = rows[index - 1].hash if index else GENESIS
            rows[index] = rehashed(rows[index].model_copy(update={"seq": index + 1, "previous_hash": previous}))
    with pytest.raises(StoreError, match=rf"ledger, row {place + 1}:"):
        verify_rows(rows, TRUST)


@given(first=st.integers(0, 4), second=st.integers(1, 5))
def test_reordered_rows_are_named(first, second):
    if first >= second:
        first, second = second - 1, first + 1
    rows = list(ROWS)
    rows[first], rows[second] = rows[second], rows[first]
    with pytest.raises(StoreError, match=rf"ledger, row {first + 1}:"):
        verify_rows(rows, TRUST)


@given(place=st.integers(0, 5))
def test_a_row_that_stands_twice_is_named(place):
    with pytest.raises(StoreError, match=rf"ledger, row {place + 2}: .*number {place + 1}"):
        verify_rows([*ROWS[: place + 1], *ROWS[place:]], TRUST)


def test_a_row_by_another_key_is_named():
    forged = append(ROWS[-1], event(7), STRANGER)
    with pytest.raises(StoreError, match=r"row 7: .*signed by key .*, which is not one of the ledger's"):
        verify_rows([*ROWS, forged], TRUST)
    renamed = forged.model_copy(update={"key_id": LEDGER.key_id})
    with pytest.raises(StoreError, match=r"row 7: .*a forged signature"):
        verify_rows([*ROWS, renamed], TRUST)
    with pytest.raises(StoreError, match=r"row 1: .*not one of the ledger's"):
        verify_rows(ROWS, Trust())


@pytest.mark.parametrize("signature", ["", "?", "ä"])
def test_no_signature_is_a_forged_one(signature):
    with pytest.raises(StoreError, match=r"row 6: .*a forged signature"):
        verify_rows([*ROWS[:5], ROWS[5].model_copy(update={"signature": signature})], TRUST)


def test_who_has_no_trust_file_is_told_to_name_the_teams():
    machine = development_trust(STRANGER.public, {})
    with pytest.raises(
        StoreError, match=r"row 1: .*not one of the ledger's\. Without a trust file .* set THERAGATE_TRUST to"
    ):
        verify_rows(ROWS, machine)
    own = ledger(6, key=STRANGER)
    forged = append(own[-1], event(7), STRANGER).model_copy(update={"signature": own[-1].signature})
    with pytest.raises(StoreError, match=r"row 7: .*forged signature\. Release nothing"):
        verify_rows([*own, forged], machine)


def test_what_a_key_signed_before_it_was_revoked_still_counts():
    old, new = ledger(3, key=STRANGER), key_entry(LEDGER, "ledger", name="new")
    tomorrow = key_entry(STRANGER, "ledger", name="old", revoked=NOW.date() + timedelta(days=1))
    rotated = append(old[-1], event(4), LEDGER)
    assert verify_rows([*old, rotated], Trust(keys=(tomorrow, new))) == rotated
    today = key_entry(STRANGER, "ledger", name="old", revoked=date(2026, 11, 26))
    with pytest.raises(StoreError, match=r"row 1: .*after its revocation"):
        verify_rows([*old, rotated], Trust(keys=(today, new)))


def test_a_revoked_key_cannot_date_its_rows_back():
    late = append(ROWS[-1], event(7, at=NOW + timedelta(days=3)), LEDGER)
    stolen = append(late, event(8), STRANGER)
    assert stolen.event.at == late.event.at, "time does not go back"
    back = rehashed(stolen.model_copy(update={"event": event(8)}))
    keys = (*KEYS, key_entry(STRANGER, "ledger", name="old", revoked=NOW.date() + timedelta(days=1)))
    with pytest.raises(StoreError, match=r"row 8: .*older than the one before"):
        verify_rows([*ROWS, late, back], Trust(keys=keys))
    with pytest.raises(StoreError, match=r"row 8: .*after its revocation"):
        verify_rows([*ROWS, late, stolen], Trust(keys=keys))


def test_a_row_survives_json():
    assert [Row.model_validate_json(row.model_dump_json(), strict=True) for row in ROWS] == ROWS
