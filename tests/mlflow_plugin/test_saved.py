"""Saved files of what a real server has released, as somebody may hand them to a person who verifies them offline."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlflow_plugin.attested_by_hand import policy_of
from mlflow_plugin.conftest import Release
from mlflow_plugin.servers import PASSWORD, Server
from mlflow_plugin.test_promotion import champion_of
from support import theragate

from theragate.release.ledger import Row, append

STUDY, OTHER = "saved_study", "saved_neighbour"


@dataclass
class Papers:
    """Two champions of a study, one after the other, and one of another study, each with its saved files."""

    server: Server
    folder: Path
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)

    def say(self, *words: str, code: int = 0, home: str = "nobody") -> str:
        """What `theragate release` says to a release manager; each `home` has its own memory of ledgers."""
        return theragate(
            self.folder,
            "release",
            *words,
            code=code,
            MLFLOW_TRACKING_URI=self.server.address,
            MLFLOW_TRACKING_USERNAME="ada",
            MLFLOW_TRACKING_PASSWORD=PASSWORD,
            THERAGATE_TRUST=str(self.server.deployment.trust_file),
            XDG_STATE_HOME=str(self.folder / home),
        )

    def verify(self, folder: Path, content: str, *, code: int = 0, home: str = "nobody") -> str:
        return self.say("verify", *self.versions[content], "--saved", str(folder), code=code, home=home)

    def save(self, content: str, named: str) -> Path:
        self.say("show", *self.versions[content], "--save", str(self.folder / named), home="saver")
        return self.folder / named

    def champion(self, study: str, content: str, **more: Any) -> Any:
        release = Release(self.server, self.folder, study)
        version, attested = release.champion(content, **more)
        self.versions[content] = (study, version)
        return attested


@pytest.fixture(scope="module")
def papers(server, tmp_path_factory):
    made = Papers(server, tmp_path_factory.mktemp("papers"))
    for study in (STUDY, OTHER):
        server.deployment.accept(policy_of(study))
    first = made.champion(STUDY, "first")
    made.save("first", "first-in-service")
    made.champion(STUDY, "second", evidence=champion_of(first))
    made.champion(OTHER, "third")
    for content in made.versions:
        made.save(content, f"saved-{content}")
    return made


def forged(papers, tmp_path, content="second"):
    """A copy of saved files, to be changed."""
    return Path(shutil.copytree(papers.folder / f"saved-{content}", tmp_path / "forged"))


def rewritten(path, change):
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def of(content, name):
    def replace(papers, folder):
        (folder / name).unlink() if (folder / name).is_file() else shutil.rmtree(folder / name)
        source = papers.folder / f"saved-{content}" / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)

    return replace


def ledger(change):
    return lambda _, folder: rewritten(folder / "ledger.json", change)


def about(**changes):
    return lambda _, folder: rewritten(folder / "version.json", lambda stated: stated | changes)


def written(name, content):
    return lambda _, folder: (folder / name).write_bytes(content)


def pipe(name):
    def replace(_, folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return replace


def device(name):
    def replace(_, folder):
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")

    return replace


def large(name):
    return lambda _, folder: os.truncate(folder / name, 1 << 32)  # a hole, which takes no disk


ATTACKS = {
    "the statement of the version before": (of("first", "attestation.json"), "the attestation is the one that was"),
    "the statement of another study": (of("third", "attestation.json"), "the attestation is the one that was"),
    "the evidence of the version before": (of("first", "dossier.json"), "the dossier is the one that was signed"),
    "the evidence of another study": (of("third", "dossier.json"), "the dossier is the one that was signed"),
    "the files of the version before": (of("first", "package"), "the files are those that were released"),
    "the files of another study": (of("third", "package"), "the files are those that were released"),
    "another number": (about(version="1"), "received `saved_study` version 1"),
    "another study": (about(study=OTHER), "received `saved_neighbour`"),
    "a number that is none": (about(version=["2"]), "received `saved_study` version"),
    "a ledger without its last rows": (ledger(lambda rows: rows[:-3]), "no such event"),
    "an empty ledger": (ledger(lambda rows: []), "no such event"),
    "a ledger without its first row": (ledger(lambda rows: rows[1:]), "row 1"),
    "rows in another order": (ledger(lambda rows: [rows[1], rows[0], *rows[2:]]), "row 1"),
    "a row twice": (ledger(lambda rows: [rows[0], rows[0], *rows[1:]]), "row 2"),
    "a row without signature": (ledger(lambda rows: [*rows[:-1], rows[-1] | {"signature": ""}]), "row "),
    "a ledger that is no list": (written("ledger.json", b'{"rows": []}'), "ledger"),
    "a ledger in another encoding": (written("ledger.json", b"\xff\xfe["), "not valid JSON"),
    "a ledger nested without end": (written("ledger.json", b"[" * 100_000), "not valid JSON"),
    "a ledger that is cut off": (written("ledger.json", b'[{"seq": 1'), "not valid JSON"),
    "a ledger that is a pipe": (pipe("ledger.json"), "no regular file"),
    "a ledger that never ends": (device("ledger.json"), "no regular file"),
    "a ledger that fills the memory": (large("ledger.json"), "more than 67,108,864 bytes"),
    "a statement that is a pipe": (pipe("attestation.json"), "no regular file"),
    "a statement that never ends": (device("attestation.json"), "no regular file"),
    "a statement that fills the memory": (large("attestation.json"), "more than 1,048,576 bytes"),
    "a statement in another encoding": (written("attestation.json", b"\xff{}"), "a malformed file"),
    "a statement that is cut off": (written("attestation.json", b'{"payload"'), "a signed envelope"),
    "evidence that is cut off": (written("dossier.json", b'{"evidence"'), "not JSON"),
    "evidence that is a pipe": (pipe("dossier.json"), "no regular file"),
    "evidence that fills the memory": (large("dossier.json"), "more than 33,554,432 bytes"),
    "a version that is no object": (written("version.json", b"[]"), "a malformed file"),
    "a version that is a pipe": (pipe("version.json"), "no regular file"),
    "no files": (lambda _, folder: shutil.rmtree(folder / "package"), "No such file"),
    "a link among the files": (
        lambda _, folder: (folder / "package" / "data" / "more").symlink_to("/etc/passwd"),
        "a symbolic link",
    ),
    "code among the files": (written("package/data/run.py", b"print()"), "run.py"),
    "a file that fills the disk": (large("package/data/estimator/model.json"), "model.json"),
}


BY_RULE = {
    "the dossier is the one that was signed",
    "a signed envelope",
    "not JSON",
    "a symbolic link",
    "run.py",
    "model.json",
    "No such file",
}


@pytest.mark.parametrize("how", ATTACKS)
def test_files_that_somebody_has_changed_are_not_verified(papers, tmp_path, how):
    attack, words = ATTACKS[how]
    folder = forged(papers, tmp_path)
    attack(papers, folder)
    told = papers.verify(folder, "second", code=3 if words in BY_RULE else 1)
    assert words in told, told
    assert told.count("\n") == 1, told
    assert "holds  " not in told


def test_files_as_they_were_saved_hold_and_say_what_became_of_the_version(papers):
    lines = papers.verify(papers.folder / "saved-second", "second").splitlines()
    assert len(lines) == 6
    assert all(line.startswith("holds  ") for line in lines)
    assert lines[1].endswith("row signed; in service at the ledger's end")
    first = papers.verify(papers.folder / "saved-first", "first").splitlines()
    assert first[1].endswith("row signed; no longer in service at the ledger's end")


def test_a_saved_ledger_is_held_against_what_was_seen_here(papers, tmp_path):
    papers.say("list", home="reader")
    seen = len(papers.server.person("ada").ledger())
    older = papers.verify(papers.folder / "first-in-service", "first", home="reader")
    assert f"each signed and chained to the one before; row {seen} was seen here, which may have revoked it" in older
    folder, key = forged(papers, tmp_path), papers.server.deployment.ledger
    rows = [Row.model_validate_json(json.dumps(row)) for row in json.loads((folder / "ledger.json").read_text())]
    again = rows[:1]
    for row in rows[1:]:  # by whoever has the server's key
        event = row.event.model_copy(update={"actor": "grace"} if row.event.kind == "approve" else {})
        again.append(append(again[-1], event, key))
    rewritten(folder / "ledger.json", lambda _: [row.model_dump(mode="json") for row in again])
    assert "other than the one that was seen before" in papers.verify(folder, "second", code=1, home="reader")
    assert papers.verify(folder, "second", home="newcomer").count("holds") == 6


def test_what_was_revoked_is_not_verified(papers):
    release = Release(papers.server, papers.folder, OTHER)
    why = "Risks look wrong in the new ward."
    answer = papers.server.person("grace").tag(*papers.versions["third"], "theragate.revoke", why)
    assert answer.status_code == 200, answer.text
    folder = papers.save("third", "revoked-third")
    told = papers.verify(folder, "third", code=1)
    assert "was not revoked since; received a revocation by grace on " in told
    assert "was not revoked since; received a revocation by grace on " in papers.say(
        "verify", *papers.versions["third"], code=1
    )
    assert release.serving() is None
    assert papers.verify(papers.folder / "saved-third", "third").count("holds") == 6, "nobody here has seen it yet"
