"""What is remembered of a ledger: it only grows, under whatever address, and no other takes its place."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from theragate.errors import DataError, StoreError
from theragate.registry.pinned_head import Head, Memory, consumer_memory, place_of, server_memory
from theragate.release.keys import SigningKey
from theragate.release.ledger import Event, Row, append
from theragate.settings import read_settings

REGISTRY = "http://127.0.0.1:5000"
NOW = datetime(2026, 2, 1, tzinfo=UTC)
KEY = SigningKey.generate()


def ledger(length: int, *, actor: str = "ada", after: list[Row] | None = None) -> list[Row]:
    rows = list(after or [])
    for number in range(len(rows), length):
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
    return Memory(tmp_path / "state" / "ledgers.json")


def see(memory: Memory, rows: list[Row], address: str = REGISTRY) -> None:
    memory.recall().check(address, rows)


def test_a_ledger_may_grow_and_may_be_seen_again(memory):
    rows = ledger(4)
    for length in (0, 2, 2, 4):
        see(memory, rows[:length])


@pytest.mark.parametrize("length", [1, 3])
def test_an_older_ledger_is_refused(memory, length):
    rows = ledger(4)
    see(memory, rows)
    with pytest.raises(StoreError, match=rf"it only grows; received a ledger that ends at row {length}, though row 4"):
        see(memory, rows[:length])


ADDRESSES = [
    "https://127.0.0.1:5000",
    "http://localhost:5000",
    "https://proxy.hospital.example/mlflow",
    "gated+sqlite:////srv/mlflow.db",
    "gated+postgresql+psycopg://ada:secret@db.hospital.example/mlflow",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_ledger_is_known_by_its_first_row_whatever_its_address(memory, address):
    rows = ledger(4)
    see(memory, rows)
    with pytest.raises(StoreError, match="ends at row 3, though row 4"):
        see(memory, rows[:3], address)
    with pytest.raises(StoreError, match="a row 4 other than the one that was seen before"):
        see(memory, ledger(5, actor="eve", after=rows[:3]), address)
    see(memory, rows, address)


@pytest.mark.parametrize("length", [0, 1, 3, 5])
def test_no_other_ledger_takes_the_place_of_a_known_one(memory, length):
    see(memory, ledger(3))
    with pytest.raises(StoreError, match=r"(another|an empty) ledger .*in place of the one .* 3 rows or more"):
        see(memory, ledger(length, actor="eve"))


def test_a_ledger_of_another_registry_is_another_ledger(memory):
    see(memory, ledger(3))
    see(memory, ledger(1, actor="eve"), "http://127.0.0.1:6000")
    see(memory, ledger(2, actor="eve"), "http://127.0.0.1:6000")
    kept = json.loads(memory.path.read_text(encoding="utf-8"))["ledgers"]
    assert sorted(head["seq"] for head in kept.values()) == [2, 3]


def test_a_refused_ledger_is_not_remembered(memory):
    rows = ledger(3)
    see(memory, rows)
    with pytest.raises(StoreError):
        see(memory, ledger(5, actor="eve"))
    see(memory, rows)


def test_what_another_process_has_seen_meanwhile_is_no_older_ledger(memory):
    rows = ledger(4)
    see(memory, rows[:2])
    before = memory.recall()
    see(memory, rows)
    before.check(REGISTRY, rows[:3])  # it was read between the two
    with pytest.raises(StoreError, match="though row 4"):
        see(memory, rows[:3])


def test_a_deleted_store_under_a_development_key_begins_anew_and_is_not_set_back(tmp_path):
    memory = Memory(tmp_path / "ledgers.json", lenient=True)
    rows = ledger(3)
    see(memory, rows)
    see(memory, [])
    see(memory, ledger(2, actor="ada again"))
    with pytest.raises(StoreError, match="though row 3"):
        see(memory, rows[:2])


def test_a_restored_ledger_is_accepted_by_its_row_and_leaves_a_trace(memory):
    rows = ledger(4)
    see(memory, rows)
    named = str(Head.of(rows[1]))
    accepted = {"by": "grace", "reason": "The disk of the server was lost.", "now": NOW}
    for wrong in ("0", "2", f"3:{rows[1].hash[:12]}", f"2:{rows[1].hash[:11]}", "x:y", f"0:{rows[1].hash[:12]}"):
        with pytest.raises(StoreError, match="names a row of the ledger"):
            memory.accept(REGISTRY, rows[:2], wrong, **accepted)
    memory.accept(REGISTRY, rows[:2], named, **accepted)
    see(memory, rows[:2])
    (kept,) = json.loads(memory.path.read_text(encoding="utf-8"))["accepted"]
    assert (kept["by"], kept["before"]["seq"], kept["after"]["seq"]) == ("grace", 4, 2)
    see(memory, ledger(5, actor="new", after=rows[:2]))
    with pytest.raises(StoreError, match=r"a row 5 other than|though row 5"):
        see(memory, rows)
    assert json.loads(memory.path.read_text(encoding="utf-8"))["accepted"] == [kept]


def test_another_or_an_empty_ledger_is_accepted_too(memory):
    see(memory, ledger(4))
    accepted = {"by": "grace", "reason": "A new database, agreed in May.", "now": NOW}
    memory.accept(REGISTRY, [], "0", **accepted)
    see(memory, [])
    other = ledger(2, actor="eve")
    see(memory, other)
    memory.accept(REGISTRY, ledger(4), f"4:{ledger(4)[-1].hash}", **accepted)
    with pytest.raises(StoreError, match="another ledger"):
        see(memory, other)


def test_a_damaged_memory_is_not_taken_for_none(memory):
    see(memory, ledger(1))
    memory.path.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not valid JSON"):
        see(memory, ledger(1))
    for content in (
        '{"ledgers": {}, "more": 1}',
        f'{{"ledgers": {{"{"a" * 64}": {{"seq": 0}}}}}}',
    ):
        memory.path.write_text(content, encoding="utf-8")
        with pytest.raises(StoreError, match=r"ledgers\.json"):
            see(memory, ledger(1))


def test_a_memory_of_an_earlier_version_is_named_as_such(memory):
    memory.path.parent.mkdir(parents=True, exist_ok=True)
    memory.path.write_text('{"gated+sqlite:///mlflow.db": {"seq": 1, "hash": ""}}', encoding="utf-8")
    with pytest.raises(
        StoreError, match=r"an earlier version of Theragate remembered, by addresses\. Remove .*ledgers"
    ):
        see(memory, ledger(1))


def test_a_memory_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="name another file in THERAGATE_MEMORY"):
        see(Memory(tmp_path / "file" / "ledgers.json"), ledger(1))


def test_passwords_are_not_written(memory):
    for address in ("http://ada:secret@127.0.0.1:5000", "postgresql://ada:secret@db/x?password=secret"):
        see(memory, ledger(3), address)
    assert "secret" not in memory.path.read_text(encoding="utf-8")
    assert place_of("HTTP://Ada@Localhost:5000/") == "http://localhost:5000"
    assert place_of("postgresql:///x?host=/run/a&password=secret") != place_of("postgresql:///x?host=/run/b")
    assert (
        place_of("gated+sqlite:///x.db")
        == f"sqlite:///{Path.cwd() / 'x.db'}"
        == place_of(f"sqlite:///{Path.cwd()}/x.db")
    )


def test_a_team_remembers_in_the_users_folder_and_a_development_key_in_the_project(tmp_path):
    settings = read_settings({"DVC_ROOT": str(tmp_path)}, tmp_path)
    own = tmp_path / "private" / "server" / "ledgers.json"
    home = tmp_path / "home"
    shared = {"development": False}
    assert consumer_memory(settings, {}, home, **shared).path == home / ".local/state/theragate/ledgers.json"
    state = {"XDG_STATE_HOME": "/elsewhere"}
    assert consumer_memory(settings, state, home, **shared).path.as_posix() == "/elsewhere/theragate/ledgers.json"
    assert consumer_memory(settings, state, home, development=True) == Memory(own, lenient=True)
    assert server_memory(settings, state, **shared) == Memory(own)
    named = {"THERAGATE_MEMORY": "/srv/seen.json"}
    for made in (consumer_memory(settings, named, home, **shared), server_memory(settings, named, **shared)):
        assert made.path.as_posix() == "/srv/seen.json"
