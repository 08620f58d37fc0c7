"""What a consumer remembers of a ledger: it only grows."""

from datetime import UTC, datetime, timedelta

import pytest

from theragate.errors import DataError, StoreError
from theragate.registry.pinned_head import memory_path, remember
from theragate.release.keys import SigningKey
from theragate.release.ledger import Event, append

REGISTRY = "http://127.0.0.1:5000"
KEY = SigningKey.generate()


def ledger(length: int, *, actor: str = "ada") -> list:
    rows = []
    for number in range(length):
        event = Event(
            study="some_study",
            kind="promote",
            version=str(number + 1),
            actor=actor,
            identity="signed_in",
            reason="",
            at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
            package_sha256="a" * 64,
            model_sha256="b" * 64,
            statement_sha256="c" * 64,
            evidence_sha256="d" * 64,
            policy_sha256="e" * 64,
            recipe_sha256="f" * 64,
        )
        rows.append(append(rows[-1] if rows else None, event, KEY))
    return rows


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "state" / "ledgers.json"


def test_a_ledger_may_grow_and_may_be_seen_again(memory):
    rows = ledger(4)
    for length in (0, 2, 2, 4):
        remember(memory, REGISTRY, rows[:length])


@pytest.mark.parametrize("length", [0, 1, 3])
def test_an_older_ledger_is_refused(memory, length):
    rows = ledger(4)
    remember(memory, REGISTRY, rows)
    with pytest.raises(StoreError, match=rf"it only grows; received a ledger that ends at row {length}, though row 4"):
        remember(memory, REGISTRY, rows[:length])


def test_another_ledger_of_the_same_length_or_longer_is_refused(memory):
    remember(memory, REGISTRY, ledger(3))
    for length in (3, 5):
        with pytest.raises(StoreError, match="a row 3 other than the one that was seen before"):
            remember(memory, REGISTRY, ledger(length, actor="eve"))


def test_a_refused_ledger_is_not_remembered(memory):
    rows = ledger(3)
    remember(memory, REGISTRY, rows)
    with pytest.raises(StoreError):
        remember(memory, REGISTRY, ledger(5, actor="eve"))
    remember(memory, REGISTRY, rows)


def test_each_registry_has_its_own_memory_and_passwords_are_not_written(memory):
    remember(memory, "http://ada:secret@127.0.0.1:5000", ledger(3))
    remember(memory, "http://127.0.0.1:6000", ledger(1, actor="eve"))
    assert "secret" not in memory.read_text(encoding="utf-8")
    with pytest.raises(StoreError, match="though row 3"):
        remember(memory, "http://bob:other@127.0.0.1:5000", ledger(1))


def test_a_damaged_memory_is_not_taken_for_none(memory):
    remember(memory, REGISTRY, ledger(1))
    memory.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not valid JSON"):
        remember(memory, REGISTRY, ledger(1))
    memory.write_text('{"http://127.0.0.1:5000": {"seq": "1"}}', encoding="utf-8")
    with pytest.raises(StoreError, match="a damaged record"):
        remember(memory, REGISTRY, ledger(1))


def test_the_memory_is_the_users_own(tmp_path):
    assert memory_path({}, tmp_path) == tmp_path / ".local" / "state" / "theragate" / "ledgers.json"
    assert memory_path({"XDG_STATE_HOME": "/elsewhere"}, tmp_path).as_posix() == "/elsewhere/theragate/ledgers.json"
