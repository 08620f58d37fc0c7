"""From a waiver to the alias `candidate` and back, and from the alias `champion` to the file that git tracks."""

import json
from datetime import date, timedelta

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from made_projects import put_evidence
from mlflow import MlflowClient

from theragate import cli
from theragate.commands.check import _check_waivers
from theragate.commands.waive import waive
from theragate.errors import DataError
from theragate.release.champion import read_champion
from theragate.runner.command import exit_code
from theragate.stages.gate import gate
from theragate.stages.register import register

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload``"),  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
    pytest.mark.xdist_group("register"),
]
SOON = date.today() + timedelta(days=30)


def client_of(workspace) -> MlflowClient:
    url = f"sqlite:///{workspace.root / 'mlflow-store' / 'mlflow.db'}"
    return MlflowClient(url, url)


def accept_all(workspace, *, today=None, expires=SOON):
    for code in ("TG003", "TG004"):
        waive(
            workspace.root,
            workspace.study,
            code,
            reason="one two three four five",
            by="Dr. Ana Ruiz",
            expires=str(expires),
            today=today or date.today(),
        )


def stages(workspace, capsys) -> str:
    assert exit_code(gate, [workspace.study]) == 0
    assert exit_code(register, [workspace.study]) == 0
    said, signed, key = capsys.readouterr().out.splitlines()[-1].rpartition("; attested with the DEVELOPMENT KEY ")
    assert signed
    assert key.endswith(" of one machine, which proves nothing to anybody else")
    return said


def test_waived_registered_expired_and_passing(by_hand, capsys, edit):
    assert stages(by_hand, capsys).endswith("BLOCKED; version 1, no alias")

    accept_all(by_hand)
    expected = f"BLOCKED; waived by Dr. Ana Ruiz until {SOON}; version 2, alias `candidate`"
    assert stages(by_hand, capsys).endswith(expected)
    version = client_of(by_hand).get_model_version(by_hand.study, "2")
    assert "TG003 discrimination (fail), accepted by Dr. Ana Ruiz; counts through" in version.description
    assert "These held-out data have had 1 look." in version.description
    assert "TG011 A model that can be made again: **fail**" in version.description
    assert version.tags["theragate.waived_until"] == str(SOON)
    assert cli.main(["sync"]) == 0
    assert "MLflow has it\n" in capsys.readouterr().out

    # As if the days had gone by: the file is older, and all that was made from it is as it was.
    past = date.today() - timedelta(days=2)

    def age(content):
        for waiver in content["waivers"]:
            waiver.update(issued=str(past), expires=str(past))

    edit(by_hand.decided("waivers.json"), age)
    assert cli.main(["sync"]) == 0
    assert "alias `candidate` taken from version 2: its waivers no longer count" in capsys.readouterr().out
    assert "candidate" not in client_of(by_hand).get_registered_model(by_hand.study).aliases
    assert cli.main(["sync"]) == 0
    assert "taken" not in capsys.readouterr().out

    put_evidence(by_hand, good_evidence(STUDIES["survival"]))
    assert stages(by_hand, capsys).endswith("PASS; version 3, alias `candidate`")

    client_of(by_hand).set_registered_model_alias(by_hand.study, "champion", "3")
    assert cli.main(["champion", by_hand.study]) == 0
    assert "version 3 is the champion. Commit release/" in capsys.readouterr().out
    champion = read_champion(by_hand.decided("champion.json"), by_hand.study)
    assert (champion.version, champion.family, champion.features) == ("3", "xgboost", ("age", "sex"))
    assert champion.params == {"depth": 3, "rate": 0.1}
    assert cli.main(["champion", by_hand.study]) == 0
    assert "says so already" in capsys.readouterr().out
    client_of(by_hand).delete_registered_model_alias(by_hand.study, "champion")
    assert cli.main(["champion", by_hand.study]) == 0
    assert "nobody has the alias `champion`. Commit" in capsys.readouterr().out
    assert read_champion(by_hand.decided("champion.json"), by_hand.study) is None


def test_an_unknown_study_has_no_champion(by_hand, capsys):
    assert cli.main(["champion", "../elsewhere"]) == 1
    assert "there are" in capsys.readouterr().err
    assert not (by_hand.root.parent / "elsewhere").exists()


def test_a_study_without_a_file_of_waivers_is_told_what_to_write(by_hand):
    _check_waivers(by_hand)
    by_hand.decided("waivers.json").unlink()
    with pytest.raises(DataError, match=r"Write .*waivers") as refused:
        _check_waivers(by_hand)
    told = str(refused.value).split("Write ")[1].split(" into it")[0]
    by_hand.decided("waivers.json").write_text(told, encoding="utf-8")
    assert json.loads(told)["study"] == by_hand.study
    _check_waivers(by_hand)
