"""A deployment as docs/deployment.md and docs/keys.md tell it: real keys, a real server, everybody by command."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from clones import run
from deployed import AUTHOR, EVALUATOR, MANAGER, REASON, MadeKeys
from mlflow_plugin.servers import PASSWORD, Server, running
from support import STUDY, small_cohort, theragate

pytestmark = pytest.mark.xdist_group("deployment")  # one server and its order of events serve all of these tests


@dataclass(frozen=True)
class Team:
    """A clone, the release server, and those who work with both."""

    clone: Path
    server: Server
    keys: MadeKeys

    def signed_in(self, who: str) -> dict[str, str]:
        return {
            "MLFLOW_TRACKING_URI": self.server.address,
            "MLFLOW_TRACKING_USERNAME": who,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            # What was pinned of another ledger, once served at this address, is nothing to them.
            "XDG_STATE_HOME": str(self.clone.parent / "state"),
        }

    def do(self, who: str, *words: str, folder: Path | None = None, code: int = 0, **more: str) -> str:
        """Run a command of ours as somebody who is signed in; return what it says."""
        return theragate(folder or self.clone, *words, code=code, **self.signed_in(who), **more)


@pytest.fixture(scope="module")
def team(tmp_path_factory, judged_clone):
    folder = tmp_path_factory.mktemp("team")
    clone = shutil.copytree(judged_clone, folder / "clone", symlinks=True)
    keys = MadeKeys.of(clone, folder)
    theragate(clone, "keys", "make", "ci", "--role", "evaluator", "--out", str(keys.evaluator_file))
    theragate(clone, "keys", "make", "server", "--role", "ledger", "--out", str(keys.ledger_file))
    trust = json.loads(keys.trust_file.read_text(encoding="utf-8"))
    keys.trust_file.write_text(json.dumps(trust | {"release_managers": [MANAGER]}, indent=2), encoding="utf-8")
    run(clone, "git", "add", "-A")
    run(clone, "git", "commit", "-qm", "Whom to trust")
    with running(Server(folder / "server", f"sqlite:///{folder}/server/mlflow.db", keys)) as server:
        server.hire()
        yield Team(clone, server, keys)


def test_the_pipeline_registers_and_signs_nothing(team):
    run(team.clone, "theragate", "repro", **team.signed_in(AUTHOR))
    run(team.clone, "git", "add", "-A")
    run(team.clone, "git", "commit", "-qm", "Its results")
    assert "not attested" in team.do(AUTHOR, "release", "list")
    assert "theragate.attestation" not in team.server.person(AUTHOR).tags(STUDY, "1")


def test_nobody_attests_without_the_evaluators_key(team):
    assert "THERAGATE_EVALUATOR_KEY" in team.do(AUTHOR, "attest", STUDY, code=1)
    told = team.do(AUTHOR, "attest", STUDY, code=1, THERAGATE_EVALUATOR_KEY=str(team.keys.ledger_file))
    assert "error: " in told


def test_ci_makes_everything_again_and_attests_it(team):
    key = str(team.keys.evaluator_file)
    said = team.do(EVALUATOR, "attest", STUDY, THERAGATE_EVALUATOR_KEY=key)
    assert "to the same bytes; version 1 attested" in said
    assert "DEVELOPMENT KEY" not in said + team.server.person(AUTHOR).tags(STUDY, "1")["theragate.attested_by"]


def test_a_release_manager_approves_and_promotes_and_nobody_else(team):
    for who in (AUTHOR, "mallory"):
        assert "release manager" in team.do(who, "release", "approve", STUDY, "1", *REASON, code=3)
        team.do(who, "release", "promote", STUDY, "1", code=3)
    assert "approved, evidence" in team.do(MANAGER, "release", "approve", STUDY, "1", *REASON)
    assert team.do(MANAGER, "release", "promote", STUDY, "1") == f"{STUDY} version 1: champion\n"
    rows = json.loads(team.do(MANAGER, "release", "audit", "--json"))
    assert [(row["event"]["kind"], row["event"]["actor"]) for row in rows] == [
        ("approve", MANAGER),
        ("promote", MANAGER),
    ]


def test_a_consumer_who_has_the_trust_file_alone_verifies_and_predicts(team, tmp_path):
    small_cohort(5).to_csv(tmp_path / "patients.csv", index=False)
    words = ("predict", STUDY, "patients.csv", "--output", "risks.csv", "--id", "record")
    assert "set THERAGATE_TRUST to the trust file of the team" in team.do("grace", *words, folder=tmp_path, code=1)
    said = team.do("grace", *words, folder=tmp_path, THERAGATE_TRUST=str(team.keys.trust_file))
    assert "version 1: 5 patients in risks.csv" in said
    assert (tmp_path / "risks.csv").read_text().count("record") == 6
