"""The rules of deployment/postgresql.sql, on a real PostgreSQL: who reaches the database itself is stopped by them.

Every attack is tried as the server's role, whose password was stolen, and as the owner, who has not dropped the rules.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import psycopg
import pytest
import sqlalchemy
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.dying import opened, prepared, signed_in
from mlflow_plugin.ruled import OWNER, SERVER, as_role, psql, rule

from theragate.digests import canonical_json
from theragate.mlflow_plugin.names import AUTHOR, is_reserved
from theragate.mlflow_plugin.presentation import _MODEL
from theragate.mlflow_plugin.store import GatedStore
from theragate.project.templates import pages
from theragate.release.keys import SigningKey
from theragate.release.ledger import Event, Row, append
from theragate.release.names import skeleton

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload``"),  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
    pytest.mark.xdist_group("release-postgresql"),
]
STUDY, OTHER, BYSTANDER = "study_ruled", "study_attested", "study_unknown"
TABLES = (
    "theragate_ledger",
    "theragate_registrations",
    "theragate_registration_signatures",
    "theragate_dossiers",
    "registered_models",
    "registered_model_aliases",
    "registered_model_tags",
    "model_versions",
    "model_version_tags",
)


@contextmanager
def connected(address: str, **options: bool) -> Iterator[psycopg.Connection]:
    """One transaction, which ends with the block; closed whatever the database says to it."""
    connection = psycopg.connect(address, **options)
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


@dataclass
class Ruled:
    """A database with the rules, and who reaches it."""

    store: GatedStore
    deployment: Deployment
    addresses: dict[str, str]

    def do(self, who: str, *statements: str, parameters: object = None) -> None:
        """Run statements in one transaction, as somebody who has a role's password."""
        with connected(self.addresses[who]) as connection:
            for statement in statements:
                connection.execute(statement, parameters)

    def content(self) -> dict[str, str]:
        """Everything that the rules are about."""
        query = "SELECT coalesce(string_agg(to_jsonb(t)::text, ' ' ORDER BY to_jsonb(t)::text), '') FROM {} AS t"
        with connected(self.addresses[OWNER]) as connection:
            return {name: connection.execute(query.format(name)).fetchone()[0] for name in TABLES}

    def rows(self) -> list[Row]:
        return [Row.model_validate_json(json.dumps(row)) for row in self.store.ledger_rows()]

    def next_event(self, **changes: object) -> Event:
        """An event that would put version 2 of the study into service."""
        last = self.rows()[-1].event
        return last.model_copy(update={"study": STUDY, "kind": "promote", "version": "2", "reason": ""} | changes)

    def insert(self, who: str, row: Row, *more: str, before: tuple[str, ...] = (), **columns: object) -> None:
        """Write a row of the ledger by hand, and more in the same transaction."""
        event = row.event
        values = row.model_dump(exclude={"event"}) | {
            "study": event.study,
            "kind": event.kind,
            "version": int(event.version),
            "event": canonical_json(event.model_dump(mode="json")).decode(),
        }
        values |= columns
        with connected(self.addresses[who]) as connection:
            for statement in before:
                connection.execute(statement)
            connection.execute(
                f"INSERT INTO theragate_ledger ({', '.join(values)}) "
                f"VALUES ({', '.join(f'%({name})s' for name in values)})",
                values,
            )
            for statement in more:
                connection.execute(statement)


@pytest.fixture(scope="module")
def ruled(make_database, tmp_path_factory):
    """A study with a champion and a version that is not attested, one that is approved, one without a release."""
    folder = tmp_path_factory.mktemp("ruled")
    deployment = Deployment(folder / "deployment")
    deployment.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THERAGATE_TRUST", str(deployment.trust_file))
        patch.setenv("THERAGATE_LEDGER_KEY", str(deployment.ledger_file))
        patch.setenv("THERAGATE_SEALED", str(folder / "sealed"))
        patch.chdir(folder)
        address = make_database("postgresql")
        addresses = {OWNER: as_role(address, OWNER), SERVER: rule(address, deployment)}
        store = opened(f"gated+{addresses[SERVER]}")
        version = prepared(store, deployment, folder, STUDY)
        prepared(store, deployment, folder, OTHER)
        with signed_in("grace"):
            store.set_registered_model_alias(STUDY, "champion", version)
        with signed_in("alan"):
            store.create_model_version(STUDY, str(folder / STUDY))
            store.set_registered_model_alias(STUDY, "candidate", "2")
            store.set_model_version_tag(STUDY, "1", ModelVersionTag("note", "one of ours"))
            store.create_registered_model(BYSTANDER)
            store.create_model_version(BYSTANDER, str(folder / STUDY))
            store.set_registered_model_alias(BYSTANDER, "candidate", "1")
        yield Ruled(store, deployment, addresses)
        store._dispose_engine()


ALIASES = "registered_model_aliases"
V1, CHAMPION = f"name = '{STUDY}' AND version = 1", f"name = '{STUDY}' AND alias = 'champion'"
SHADOW = "CREATE TEMPORARY TABLE theragate_ledger AS SELECT * FROM public.theragate_ledger WHERE false"
ATTACKS = {
    "moves the alias": [f"UPDATE {ALIASES} SET version = 2 WHERE {CHAMPION}"],
    "deletes the alias": [f"DELETE FROM {ALIASES} WHERE {CHAMPION}"],
    "deletes the alias and sets another": [
        f"DELETE FROM {ALIASES} WHERE {CHAMPION}",
        f"UPDATE {ALIASES} SET alias = 'champion' WHERE name = '{STUDY}' AND alias = 'candidate'",
    ],
    "gives the alias another name": [f"UPDATE {ALIASES} SET alias = 'former' WHERE {CHAMPION}"],
    "gives the alias to another model": [f"UPDATE {ALIASES} SET name = '{BYSTANDER}' WHERE {CHAMPION}"],
    "makes another alias the champion": [
        f"UPDATE {ALIASES} SET alias = 'champion' WHERE name = '{BYSTANDER}' AND alias = 'candidate'"
    ],
    "sets the alias of a model without a release": [
        f"INSERT INTO {ALIASES} (name, alias, version) VALUES ('{BYSTANDER}', 'champion', 1)"
    ],
    "merges": [
        f"MERGE INTO {ALIASES} AS a USING (VALUES (1)) AS v ON {CHAMPION} WHEN MATCHED THEN UPDATE SET version = 2"
    ],
    "upserts": [
        f"INSERT INTO {ALIASES} (workspace, name, alias, version) VALUES ('default', '{STUDY}', 'champion', 2) "
        "ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version"
    ],
    "shadows the ledger with a temporary table": [
        SHADOW,
        "INSERT INTO pg_temp.theragate_ledger SELECT seq + 9, study, 'promote', 2, event, hash, previous_hash, key_id, "
        "signature FROM public.theragate_ledger WHERE seq = 1",
        "SET LOCAL search_path = pg_temp, public",
        f"UPDATE public.{ALIASES} SET version = 2 WHERE {CHAMPION}",
    ],
    "shadows the aliases with a temporary table": [
        f"CREATE TEMPORARY TABLE {ALIASES} AS SELECT * FROM public.{ALIASES}",
        "SET LOCAL search_path = pg_temp, public, pg_catalog",
        f"DELETE FROM public.{ALIASES} WHERE {CHAMPION}",
    ],
    "checks at once and changes later": [
        "SET CONSTRAINTS ALL IMMEDIATE",
        "SET CONSTRAINTS ALL DEFERRED",
        f"UPDATE {ALIASES} SET version = 2 WHERE {CHAMPION}",
    ],
    "uses an old snapshot": [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        f"UPDATE {ALIASES} SET version = 1 WHERE {CHAMPION}",
    ],
    "replicates": ["SET LOCAL session_replication_role = replica", f"DELETE FROM {ALIASES} WHERE {CHAMPION}"],
    "moves it to another workspace": [f"UPDATE registered_models SET workspace = 'other' WHERE name = '{STUDY}'"],
    "renames the model": [f"UPDATE registered_models SET name = 'another' WHERE name = '{STUDY}'"],
    "renames a model that is only approved": [f"UPDATE registered_models SET name = 'another' WHERE name = '{OTHER}'"],
    "gives another model the name": [
        f"DELETE FROM model_version_tags WHERE name = '{OTHER}'",
        f"DELETE FROM model_versions WHERE name = '{OTHER}'",
        f"UPDATE registered_models SET name = 'away' WHERE name = '{OTHER}'",
        f"UPDATE registered_models SET name = '{OTHER}' WHERE name = '{BYSTANDER}'",
    ],
    "deletes a model that is only approved": [
        f"DELETE FROM model_version_tags WHERE name = '{OTHER}'",
        f"DELETE FROM model_versions WHERE name = '{OTHER}'",
        f"DELETE FROM registered_models WHERE name = '{OTHER}'",
    ],
    "reads rules in another way": [
        "SET LOCAL standard_conforming_strings = off",
        "SET LOCAL transform_null_equals = on",
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{STUDY}', 1, ' git.more', 'x')",
    ],
    "makes a second model of the name": [
        f"INSERT INTO registered_models (workspace, name) VALUES ('other', '{STUDY}')",
        f"INSERT INTO {ALIASES} (workspace, name, alias, version) VALUES ('other', '{STUDY}', 'mine', 1)",
    ],
    "calls the model a prompt": [
        f"INSERT INTO registered_model_tags (name, key, value) VALUES ('{STUDY}', 'mlflow.prompt.is_prompt', 'true')"
    ],
    "states a release of the whole model": [
        f"INSERT INTO registered_model_tags (name, key, value) VALUES ('{BYSTANDER}', 'theragate.released', 'by ada')"
    ],
    "serves other files": [f"UPDATE model_versions SET storage_location = 'file:///tmp/evil' WHERE {V1}"],
    "serves other files under the digest": [
        f"UPDATE model_versions SET storage_location = 'file:///tmp/evil/' || right(storage_location, 64) WHERE {V1}"
    ],
    "changes the source": [f"UPDATE model_versions SET source = 'models:/evil/1' WHERE {V1}"],
    "changes the run": [f"UPDATE model_versions SET run_id = 'evil' WHERE {V1}"],
    "describes it anew": [f"UPDATE model_versions SET description = 'PASS' WHERE {V1}"],
    "describes the whole model": [f"UPDATE registered_models SET description = 'PASS' WHERE name = '{STUDY}'"],
    "describes the whole model below a line like the server's": [
        f"UPDATE registered_models SET description = '{_MODEL[:-1]}, but for this.' WHERE name = '{STUDY}'"
    ],
    "marks it as deleted": [f"UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE {V1}"],
    "puts it into production": [f"UPDATE model_versions SET current_stage = 'Production' WHERE name = '{BYSTANDER}'"],
    "swaps the numbers of versions": [
        f"UPDATE model_versions SET version = 9 WHERE {V1}",
        f"UPDATE model_versions SET version = 1 WHERE name = '{STUDY}' AND version = 2",
    ],
    "deletes the version": [
        f"DELETE FROM model_version_tags WHERE {V1}",
        f"DELETE FROM model_versions WHERE {V1}",
    ],
    "deletes who registered a version": [f"DELETE FROM model_version_tags WHERE name = '{OTHER}'"],
    "deletes a version with its author": [
        f"DELETE FROM model_version_tags WHERE name = '{BYSTANDER}'",
        f"DELETE FROM model_versions WHERE name = '{BYSTANDER}'",
    ],
    "registers in another's name": [
        f"UPDATE model_version_tags SET value = 'eve' WHERE name = '{OTHER}' AND key = 'theragate.author'"
    ],
    "gives the author another key": [
        f"UPDATE model_version_tags SET key = 'note' WHERE name = '{OTHER}' AND key = 'theragate.author'"
    ],
    "gives the version another number, and another author": [
        f"DELETE FROM model_version_tags WHERE name = '{OTHER}' AND key IN ('theragate.author', 'theragate.approved')",
        f"UPDATE model_versions SET version = 77 WHERE name = '{OTHER}'",
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{OTHER}', 77, 'theragate.author', 'eve')",
    ],
    "moves a version to another model, and gives it another author": [
        f"DELETE FROM model_version_tags WHERE name = '{OTHER}' AND key IN ('theragate.author', 'theragate.approved')",
        f"UPDATE model_versions SET name = '{BYSTANDER}', version = 50 WHERE name = '{OTHER}'",
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{BYSTANDER}', 50, '{AUTHOR}', 'eve')",
    ],
    "gives the model another name, and its version another author": [
        f"DELETE FROM model_version_tags WHERE name = '{BYSTANDER}' AND key = 'theragate.author'",
        f"UPDATE registered_models SET name = 'away' WHERE name = '{BYSTANDER}'",
        "INSERT INTO model_version_tags (name, version, key, value) VALUES ('away', 1, 'theragate.author', 'eve')",
    ],
    **{
        f"{title} the author and gives the model another name at once": [
            f"WITH done AS ({change} WHERE name = '{BYSTANDER}' AND key = '{AUTHOR}' RETURNING 1) "
            f"UPDATE registered_models SET name = 'away' WHERE name = '{BYSTANDER}'",
            f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('away', 1, '{AUTHOR}', 'eve')",
        ]
        for title, change in {
            "deletes": "DELETE FROM model_version_tags",
            "hides": "UPDATE model_version_tags SET key = 'note'",
        }.items()
    },
    "gives the model another name and back, and its version another author": [
        f"UPDATE registered_models SET name = 'away' WHERE name = '{BYSTANDER}'",
        "DELETE FROM model_version_tags WHERE name = 'away' AND key = 'theragate.author'",
        f"UPDATE registered_models SET name = '{BYSTANDER}' WHERE name = 'away'",
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{BYSTANDER}', 1, '{AUTHOR}', 'eve')",
    ],
    "names a model like a released one": [f"INSERT INTO registered_models (name) VALUES ('{STUDY.title()}')"],
    "names a model with a character that is not seen": [
        f"INSERT INTO registered_models (name) VALUES ('{STUDY}\u200b')"
    ],
    "makes a note a statement": [f"UPDATE model_version_tags SET key = 'git.note' WHERE {V1} AND key = 'note'"],
    "moves a tag to what is in service": [
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{OTHER}', 1, 'git.more', 'x')",
        f"UPDATE model_version_tags SET name = '{STUDY}' WHERE name = '{OTHER}' AND key = 'git.more'",
    ],
    "exchanges the attestation": [
        f"UPDATE model_version_tags SET value = '{{}}' WHERE {V1} AND key = 'theragate.attestation'"
    ],
    "says who released it": [
        f"UPDATE model_version_tags SET value = 'by eve' WHERE {V1} AND key = 'theragate.released'"
    ],
    "says that another was released": [
        "INSERT INTO model_version_tags (name, version, key, value) "
        f"VALUES ('{BYSTANDER}', 1, 'theragate.released', 'promoted by ada')"
    ],
    "registers something as released": [
        f"INSERT INTO model_versions (name, version) VALUES ('{BYSTANDER}', 7)",
        "INSERT INTO model_version_tags (name, version, key, value) "
        f"VALUES ('{BYSTANDER}', 7, 'theragate.released', 'promoted by ada')",
    ],
    "states something new about it": [
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{STUDY}', 1, 'sha256.more', 'x')"
    ],
    "states it in capitals": [
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{STUDY}', 1, 'Git.Commit', 'x')"
    ],
    **{
        f"states it as {key}": [
            f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{STUDY}', 1, '{key}', 'x')"
        ]
        for key in ("theragate_verdict", "Theragate Verdict", ".theragate.more", "sha256-model", "g1t.commit", "git")
    },
    "says that another was released, in another spelling": [
        "INSERT INTO model_version_tags (name, version, key, value) "
        f"VALUES ('{BYSTANDER}', 1, 'Theragate_released', 'promoted by ada')"
    ],
    "says that another has registered it, in another spelling": [
        "INSERT INTO model_version_tags (name, version, key, value) "
        f"VALUES ('{BYSTANDER}', 1, 'theragate author', 'eve')"
    ],
    "states it with a look-alike letter": [
        f"INSERT INTO model_version_tags (name, version, key, value) VALUES ('{STUDY}', 1, 'gіt.commit', 'x')"
    ],
    "changes the ledger": ["UPDATE theragate_ledger SET study = 'x' WHERE seq = 1"],
    "cuts the ledger's end off": ["DELETE FROM theragate_ledger WHERE seq > 1"],
    "repeats a row of the ledger": [
        "INSERT INTO theragate_ledger SELECT seq + 100, study, 'promote', 2, event, reverse(hash), previous_hash, "
        "key_id, signature FROM theragate_ledger WHERE seq = 1"
    ],
    "forgets who has registered a model": ["DELETE FROM theragate_registrations"],
    "forgets that the server has signed it": ["DELETE FROM theragate_registration_signatures"],
    "takes the server's signature for another": [
        "UPDATE theragate_registration_signatures SET sha256 = repeat('0', 64)"
    ],
    "says that another has registered a model": ["UPDATE theragate_registrations SET person = 'eve'"],
    "changes a dossier": ["UPDATE theragate_dossiers SET content = ''"],
    "deletes a dossier that a release rests on": ["DELETE FROM theragate_dossiers"],
    "hands in a dossier of another digest": [f"INSERT INTO theragate_dossiers VALUES ('{'0' * 64}', 'abc', 1, 'eve')"],
    **{f"empties {name}": [f"TRUNCATE {name} CASCADE"] for name in TABLES},
}
REFUSED = (
    r"says the ledger|permission denied|stays|follows from|in service|is named by its|isolation level|visible ASCII|"
    r"nobody has signed it"
)
WHO = pytest.mark.parametrize("who", [SERVER, OWNER])


@WHO
@pytest.mark.parametrize("attack", ATTACKS)
def test_whoever_reaches_the_database_changes_nothing_that_a_release_rests_on(ruled, attack, who):
    before = ruled.content()
    with pytest.raises(psycopg.Error, match=REFUSED):
        ruled.do(who, *ATTACKS[attack])
    assert ruled.content() == before


ALIKE = [
    "CHAMPION",
    "champion ",
    "champion\n",
    "champi\u200bon",  # a zero-width space
    "champion\ufe0f",  # a variation selector
    "champion\u3164",  # a Hangul filler: a letter that is drawn as nothing
    "champion\u2800",  # a Braille pattern without dots
    "champi\u034fon",  # a combining grapheme joiner
    "\u0441hampion",  # with a Cyrillic letter
    "\uff43hampion",  # with a full-width letter
    "champi\u00f3n",
    "champi0n",
    "champlon",
    "charnpion",
    "champion.",
]


@WHO
@pytest.mark.parametrize("alias", ALIKE, ids=ascii)
def test_no_alias_can_be_taken_for_the_protected_one(ruled, alias, who):
    before = ruled.content()
    insert = f"INSERT INTO {ALIASES} (name, alias, version) VALUES ('{STUDY}', %(alias)s, 2)"
    update = f"UPDATE {ALIASES} SET alias = %(alias)s WHERE name = '{STUDY}' AND alias = 'candidate'"
    for statement in (insert, update):
        with pytest.raises(psycopg.Error, match=r"made of letters without accents|no name that could be taken for it"):
            ruled.do(who, statement, parameters={"alias": alias})
    assert ruled.content() == before


def of_somebody_else(ruled):
    return append(ruled.rows()[-1], ruled.next_event(), SigningKey.generate()), {}


def in_the_name_of_the_ledgers_key(ruled):
    row, _ = of_somebody_else(ruled)
    return row.model_copy(update={"key_id": ruled.rows()[-1].key_id}), {}


def with_a_signature_of_another_row(ruled):
    row, last = append(ruled.rows()[-1], ruled.next_event(), ruled.deployment.ledger), ruled.rows()[-1]
    return row.model_copy(update={"signature": last.signature}), {}


def with_a_signature_that_is_a_multiple(ruled):
    row = append(ruled.rows()[-1], ruled.next_event(), ruled.deployment.ledger)
    raw, order = base64.b64decode(row.signature), (1 << 252) + 27742317777372353535851937790883648493
    forged = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    return row.model_copy(update={"signature": base64.b64encode(forged).decode()}), {}


def with_a_changed_event(ruled):
    row = append(ruled.rows()[-1], ruled.next_event(version="1"), ruled.deployment.ledger)
    changed = canonical_json(ruled.next_event(version="2").model_dump(mode="json")).decode()
    return row, {"event": changed, "version": 2}


def with_columns_of_another_event(ruled):
    row = append(ruled.rows()[-1], ruled.next_event(kind="approve"), ruled.deployment.ledger)
    return row, {"kind": "promote"}


def after_a_gap(ruled):
    last = ruled.rows()[-1]
    return append(last.model_copy(update={"seq": last.seq + 1}), ruled.next_event(), ruled.deployment.ledger), {}


def beside_the_chain(ruled):
    last = ruled.rows()[-1].model_copy(update={"hash": "0" * 64})
    return append(last, ruled.next_event(), ruled.deployment.ledger), {}


def dated_back(ruled):
    early = ruled.next_event(at=datetime(2020, 1, 1, tzinfo=UTC))
    last = ruled.rows()[-1]
    old = last.model_copy(update={"event": last.event.model_copy(update={"at": early.at})})
    return append(old, early, ruled.deployment.ledger), {}


FORGERIES = [
    of_somebody_else,
    in_the_name_of_the_ledgers_key,
    with_a_signature_of_another_row,
    with_a_signature_that_is_a_multiple,
    with_a_changed_event,
    with_columns_of_another_event,
    after_a_gap,
    beside_the_chain,
    dated_back,
]


@WHO
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_row_of_the_ledger_without_a_signature_that_counts_is_not_accepted(ruled, forgery, who):
    before = ruled.content()
    row, columns = forgery(ruled)
    with pytest.raises(psycopg.Error, match="is signed by a key of the ledger; received"):
        ruled.insert(who, row, f"UPDATE {ALIASES} SET version = 2 WHERE {CHAMPION}", **columns)
    assert ruled.content() == before


@pytest.mark.parametrize(("days", "refused"), [(0, "after its revocation on"), (1, "says the ledger")])
def test_a_key_counts_until_the_day_of_its_revocation(ruled, days, refused):
    """The day after, what is refused is the alias, which does not follow."""
    row = append(ruled.rows()[-1], ruled.next_event(), ruled.deployment.ledger)
    revoke = f"UPDATE theragate.ledger_keys SET revoked = '{row.event.at.date() + timedelta(days=days)}'"
    with pytest.raises(psycopg.Error, match=refused):
        ruled.insert(OWNER, row, before=(revoke,))


def test_a_row_that_counts_moves_the_alias_with_it_or_not_at_all(ruled):
    """What the ledger's key has signed is accepted, which no test above could tell from a rule that accepts nothing."""
    before = ruled.content()
    row = append(ruled.rows()[-1], ruled.next_event(), ruled.deployment.ledger)
    with pytest.raises(psycopg.Error, match="its champion is 2, says the ledger; received 1"):
        ruled.insert(SERVER, row)
    assert ruled.content() == before


def test_signatures_are_verified_as_everybody_else_does(ruled):
    """On random keys and messages, and on each single changed byte of one of them."""
    with connected(ruled.addresses[OWNER]) as connection:

        def signed(message: bytes, signature: bytes, key: bytes) -> bool:
            return connection.execute("SELECT theragate.signed(%s, %s, %s)", (message, signature, key)).fetchone()[0]

        for length in range(25):
            key, message = SigningKey.generate(), bytes(range(length))
            signature = key.sign(message)
            assert signed(message, signature, key.public.raw)
            place = length * 2 + 1
            changed = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
            other = bytes([key.public.raw[0] ^ 1]) + key.public.raw[1:]
            for forged in ((message, changed, key.public.raw), (b"x" + message, signature, key.public.raw)):
                assert not signed(*forged)
            assert not signed(message, signature, other)
        point = key.public.raw
        for forged in ((bytes(64), bytes(32)), (bytes(64), b"\xff" * 32), (bytes(63), point), (bytes(64), point[1:])):
            assert not signed(b"", *forged)


SPELT = (
    "theragate",
    "Theragate",
    "THERAGATE",
    "sha256",
    "5ha256",
    "shaz56",
    "there25",
    "git",
    "g1t",
    "g!t",
    "note",
    "thera",
    "gate",
    "author",
)
BETWEEN = ("", ".", "_", "-", " ", "/", "..", ". ", "0", "rn", "vv", ":")
AROUND = (("", ""), (".", ""), (" _", "-"), ("", "-"))


def test_the_database_reads_tags_as_the_server_does(ruled):
    """Each name and separator with each other: what one of them reserves, the other reserves too."""
    keys = [
        before + between.join(two) + behind
        for two in product(SPELT, SPELT)
        for between in BETWEEN
        for before, behind in AROUND
    ]
    keys += ["theragate.candidate_taken", "theragate.pending"]
    with connected(ruled.addresses[OWNER]) as connection:
        query = "SELECT theragate.reserved(key), theragate.seen(key) FROM unnest(%s::text[]) AS key"
        found = connection.execute(query, (keys,)).fetchall()
    assert [(is_reserved(key), skeleton(key)) for key in keys] == [tuple(row) for row in found]


FOR_THE_OWNER = [
    "DROP TRIGGER theragate_champion ON registered_model_aliases",
    "ALTER TABLE theragate_ledger DISABLE TRIGGER ALL",
    "ALTER TABLE registered_model_aliases ENABLE REPLICA TRIGGER theragate_champion",
    "CREATE RULE quiet AS ON UPDATE TO registered_model_aliases DO INSTEAD NOTHING",
    "CREATE FUNCTION public.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TABLE public.mine (LIKE theragate_ledger)",
    "CREATE TEMPORARY VIEW theragate_ledger AS SELECT 1",
    "CREATE SCHEMA mine",
    "ALTER TABLE theragate_ledger ADD COLUMN more text",
    "INSERT INTO theragate.ledger_keys (name, public) VALUES ('mine', sha256('x'))",
    "SELECT * FROM theragate.ledger_keys",
    "CREATE OR REPLACE FUNCTION theragate.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "SELECT theragate.champion('study_ruled')",
    "SET ROLE theragate_owner",
    "SET SESSION AUTHORIZATION theragate_owner",
    "UPDATE alembic_version SET version_num = 'x'",
    "COPY theragate_ledger TO PROGRAM 'cat'",
]


@pytest.mark.parametrize("statement", FOR_THE_OWNER)
def test_the_servers_role_cannot_touch_the_rules(ruled, statement):
    with pytest.raises(psycopg.Error, match=r"must be owner|permission denied|must be member"):
        ruled.do(SERVER, statement)
    ruled.store.set_registered_model_alias(STUDY, "candidate", "2")  # and everything is as it was
    assert ruled.store.get_registered_model(STUDY).aliases == {"champion": 1, "candidate": 2}


@WHO
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_change_that_began_before_a_release_does_not_come_after_it(ruled, tmp_path, isolation, who):
    """Each of the two transactions is right by itself."""
    study = f"study_{len(ruled.rows())}"
    version = prepared(ruled.store, ruled.deployment, tmp_path, study)
    with connected(ruled.addresses[who]) as connection:
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        connection.execute(
            "UPDATE model_version_tags SET value = '{}' WHERE name = %s AND key = 'theragate.attestation'", (study,)
        )
        with signed_in("grace"):
            ruled.store.set_registered_model_alias(study, "champion", version)
        with pytest.raises(psycopg.Error, match=r"the ledger refers to|isolation level"):
            connection.commit()
    assert "payload" in ruled.store.get_model_version(study, version).tags["theragate.attestation"]


def test_a_change_that_was_checked_early_keeps_a_release_waiting(ruled, tmp_path):
    study = f"study_{len(ruled.rows())}"
    version = prepared(ruled.store, ruled.deployment, tmp_path, study)
    failed = []

    def promote() -> None:
        with signed_in("grace"):
            try:
                ruled.store.set_registered_model_alias(study, "champion", version)
            except MlflowException as error:
                failed.append(str(error))

    with connected(ruled.addresses[SERVER]) as connection:
        connection.execute(
            "UPDATE model_version_tags SET value = '{}' WHERE name = %s AND key = 'theragate.attestation'", (study,)
        )
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        thread = threading.Thread(target=promote)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        with connected(ruled.addresses[OWNER], autocommit=True) as other:
            while thread.is_alive() and not other.execute(waiting).fetchone()[0]:
                thread.join(0.02)
        assert thread.is_alive()
        connection.commit()
        thread.join()
    assert failed
    assert "champion" not in ruled.store.get_registered_model(study).aliases


def test_the_server_releases_under_the_rules(ruled, tmp_path):
    """The server signs in with its role; the other tests of this folder do so too, with a server of its own."""
    store = ruled.store
    study = f"study_{len(ruled.rows())}"
    version = prepared(store, ruled.deployment, tmp_path, study)
    with signed_in("ada"):
        store.set_registered_model_alias(study, "champion", version)
        store.set_model_version_tag(study, version, ModelVersionTag("theragate.withdraw", "To see whether it can be."))
        assert store.get_registered_model(study).aliases == {}
        store.set_registered_model_alias(study, "champion", version)
        store.set_registered_model_alias(study, "candidate", version)
        store.set_model_version_tag(study, version, ModelVersionTag("note", "of ours"))
        store.delete_model_version_tag(study, version, "note")
        store.transition_model_version_stage(study, version, "Archived", False)
        store.set_model_version_tag(study, version, ModelVersionTag("theragate.revoke", "To see whether it can be."))
    assert store.get_registered_model(study).aliases == {"candidate": 1}
    kinds = [row.event.kind for row in ruled.rows() if row.event.study == study]
    assert kinds == ["approve", "promote", "withdraw", "rollback", "revoke"]


def test_a_prompt_is_not_released(ruled, tmp_path):
    study = f"study_{len(ruled.rows())}"
    version = prepared(ruled.store, ruled.deployment, tmp_path, study)
    forget = "ALTER TABLE registered_model_tags {} TRIGGER USER"
    tag = f"INSERT INTO registered_model_tags (name, key, value) VALUES ('{study}', 'mlflow.prompt.is_prompt', 'true')"
    ruled.do(OWNER, forget.format("DISABLE"), tag, forget.format("ENABLE"))
    with signed_in("grace"), pytest.raises(MlflowException, match="what is released is a model; received a prompt"):
        ruled.store.set_registered_model_alias(study, "champion", version)


def test_what_no_release_rests_on_is_free(ruled, tmp_path):
    store = ruled.store
    with signed_in("alan"):
        for words in ("words of an author's", "", None):
            store.update_registered_model(STUDY, words)
    ruled.do(OWNER, f"UPDATE registered_models SET description = NULL WHERE name = '{STUDY}'")
    with signed_in("alan"):
        store.create_registered_model("free")
        version = str(store.create_model_version("free", str(tmp_path)).version)
        store.set_model_version_tag("free", version, ModelVersionTag("git.commit", "1"))
        store.set_model_version_tag("free", version, ModelVersionTag("git.commit", "2"))
        store.delete_model_version_tag("free", version, "git.commit")
        store.update_model_version("free", version, "another description")
        store.rename_registered_model("free", "freer")
        assert store.get_model_version("freer", version).tags == {"theragate.author": "alan"}
        store.delete_model_version("freer", version)
        store.delete_registered_model("freer")
        sha256 = store.put_dossier(b'{"evidence":{},"policy":{}}')
    ruled.do(OWNER, f"DELETE FROM theragate_dossiers WHERE sha256 = '{sha256}'")


def test_a_key_that_the_owner_has_not_listed_is_named_in_a_sentence(ruled, monkeypatch):
    """A server whose key was rotated, before `theragate keys sql` was run."""
    rotated = replace(ruled.deployment, ledger=SigningKey.generate(), folder=ruled.deployment.folder / "rotated")
    old = [
        {"public": key.public, "name": "old", "roles": key.roles} for key in ruled.deployment.trust().of_role("ledger")
    ]
    trust = rotated.trust()
    rotated.write(keys=(*trust.keys, type(trust.keys[0])(**old[0])))
    monkeypatch.setenv("THERAGATE_TRUST", str(rotated.trust_file))
    monkeypatch.setenv("THERAGATE_LEDGER_KEY", str(rotated.ledger_file))
    with signed_in("grace"), pytest.raises(MlflowException) as caught:
        ruled.store.set_model_version_tag(STUDY, "1", ModelVersionTag("theragate.withdraw", "To see what is said."))
    assert caught.value.error_code == "PERMISSION_DENIED"
    assert "which the database does not list. If the key is new" in caught.value.message
    assert "\n" not in caught.value.message


BROKEN = {
    "GRANT theragate_owner TO theragate_server": "is a member of theragate_owner",
    "ALTER ROLE theragate_server CREATEROLE": "is a superuser, makes roles or replicates",
    "GRANT pg_write_all_data TO theragate_server": "is a member of pg_write_all_data",
    "CREATE TABLE mine (a int); ALTER TABLE mine OWNER TO theragate_server": "owns mine",
    "CREATE SCHEMA mine AUTHORIZATION theragate_server": "owns the schema mine",
    "ALTER TABLE registered_model_aliases DISABLE TRIGGER USER; "
    "UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'": "is not what the ledger says",
    "ALTER TABLE registered_model_aliases DISABLE TRIGGER USER; "
    "UPDATE registered_model_aliases SET alias = 'Champion' WHERE alias = 'candidate'": "not one that the rules allow",
}


@pytest.mark.parametrize("state", BROKEN)
def test_the_rules_are_not_taken_for_in_force_where_they_are_worthless(ruled, state):
    text = pages()["postgresql.sql"].read_text(encoding="utf-8").replace("BEGIN;", f"BEGIN; {state};", 1)
    superuser = sqlalchemy.make_url(ruled.addresses[OWNER]).set(username="postgres")
    with pytest.raises(AssertionError, match=BROKEN[state]):
        psql(superuser.render_as_string(hide_password=False), text)
