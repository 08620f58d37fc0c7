"""`theragate policy` shows each limit with where it comes from, and the digest that verdicts name."""

import json

import pytest
from support import STUDY

from theragate import cli
from theragate.gates import read_policy
from theragate.study import load_study


@pytest.fixture
def shared(project, monkeypatch):
    """A project whose study leaves something to each of two policies."""
    gates = project.study["gates"]
    project.params["policies"] = {
        "every_study": {"privacy": gates.pop("privacy")},
        "small_risk": {"calibration": {"slope": [0.5, 2.0], "observed_expected": [0.5, 2.0], "ici": 0.1}},
    }
    project.study["policy"] = "small_risk"
    gates["calibration"] = {"ici": 0.2, "reason": "Twice what others accept, for the tests."}
    project.write()
    monkeypatch.chdir(project.root)
    return project


def test_each_limit_is_shown_with_where_it_comes_from(shared, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["policy", STUDY]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["slope", "0.5", "to", "2.0", "small_risk"] in lines
    assert ["ici", "0.2", "the", "study"] in lines
    assert ["attack_auc", "0.9", "every_study"] in lines
    assert "Twice what others accept, for the tests. (the study)" in map(" ".join, lines)
    assert ["Digest:", read_policy(load_study(shared.root / "params.yaml", STUDY)).sha256] in lines
    assert not any("half_width" in line for line in lines), "nobody has set it, so it asks nothing"


def test_programs_get_the_document_and_the_keys(shared, capsys):
    assert cli.main(["policy", STUDY, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    policy = read_policy(load_study(shared.root / "params.yaml", STUDY))
    assert (shown["policy"], shown["policy_sha256"]) == (policy.document, policy.sha256)
    assert shown["keys"]["calibration.slope"] == "policies.small_risk.calibration.slope"
    assert shown["keys"]["calibration.ici"] == f"studies.{STUDY}.gates.calibration.ici"
    assert set(shown["keys"]) >= {"privacy.reason", "lineage.reason", "held_out_use.most"}


def test_a_wrong_policy_is_one_line(shared, capsys):
    shared.params["policies"]["small_risk"]["calibration"]["slope"] = "steep"
    shared.write()
    assert cli.main(["policy", STUDY]) == 1
    assert "key `policies.small_risk.calibration.slope`" in capsys.readouterr().err
