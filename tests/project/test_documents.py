"""A study's files are read, cross-checked and typed once per command, whichever way the command goes."""

from collections import Counter
from pathlib import Path

import pytest

from theragate import cli
from theragate.runner.command import exit_code
from theragate.runner.workspace import Workspace
from theragate.stages.gate import gate
from theragate.stages.register import register
from theragate.study import Study, reading, study

FILES = ("evidence.json", "verdict.json", "record.json", "provenance.json", "validated.json", "waivers.json")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the files that are read into a type, and how often the study of ``params.yaml`` is."""
    counts: Counter[str] = Counter()
    read_json, parse = reading.read_json, study.parse

    def read(path: Path, *, remedy: str) -> object:
        counts[path.name] += 1
        return read_json(path, remedy=remedy)

    def parsed(kind, value, *, at):
        counts["params.yaml"] += kind is Study
        return parse(kind, value, at=at)

    monkeypatch.setattr(reading, "read_json", read)
    monkeypatch.setattr(study, "parse", parsed)
    return counts


def once(*names: str) -> dict[str, int]:
    return dict.fromkeys(names, 1)


def only_study(workspace: Workspace) -> None:
    """Leave the one study in params.yaml that is made by hand."""
    import yaml

    path = workspace.params
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["studies"] = {workspace.study: params["studies"][workspace.study]}
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def test_every_road_reads_a_study_once(by_hand: Workspace, reads: Counter[str]) -> None:
    only_study(by_hand)
    assert exit_code(gate, [by_hand.study]) == 0
    assert reads == once("params.yaml", "evidence.json", "record.json", "provenance.json", "waivers.json")
    reads.clear()
    assert exit_code(register, [by_hand.study]) == 0
    # The registry asks by itself whom it trusts; without a trust file that follows from params.yaml.
    assert reads == {**once(*FILES), "params.yaml": 2}
    for command in (["summary"], ["verdict", by_hand.study]):
        reads.clear()
        assert cli.main(command) == 0
        assert reads == once("params.yaml", *FILES)
    reads.clear()
    assert cli.main(["sync"]) == 0
    assert reads == {**once("registration.json", *FILES), "params.yaml": 2}
