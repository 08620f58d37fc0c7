"""`theragate results`: the page follows from the files, and from files that belong together only."""

import pytest

from theragate import cli
from theragate.commands.results import write_results
from theragate.errors import DataError, EvidenceError
from theragate.runner.command import StageCall
from theragate.settings import read_settings
from theragate.stages.gate import gate


def docs(root, content: str = "{}") -> None:
    (root / "docs").mkdir()
    (root / "docs" / "published.json").write_text(content, encoding="utf-8")


def test_the_page_is_written_from_what_was_judged(by_hand, capsys):
    docs(by_hand.root)
    gate(StageCall(by_hand, read_settings({}, by_hand.root), {}))
    assert cli.main(["results"]) == 0
    assert "docs/results.md: 1 of" in capsys.readouterr().out
    text = (by_hand.root / "docs" / "results.md").read_text(encoding="utf-8")
    assert "BLOCKED by TG003 fail, TG004 fail" in text
    assert "`light_chain_mortality`" in text.split("Not run yet:")[1].splitlines()[0]
    before = text
    write_results(by_hand.root)
    assert (by_hand.root / "docs" / "results.md").read_text(encoding="utf-8") == before


def test_a_stale_verdict_makes_no_page(by_hand, edit):
    docs(by_hand.root)
    gate(StageCall(by_hand, read_settings({}, by_hand.root), {}))
    edit(by_hand.report("verdict.json"), lambda content: content.update(comparator="another"))
    with pytest.raises(EvidenceError, match="stale"):
        write_results(by_hand.root)
    assert not (by_hand.root / "docs" / "results.md").exists()


def test_without_a_verdict_there_is_no_page(by_hand):
    docs(by_hand.root)
    with pytest.raises(DataError, match=r"at least one study has a verdict; received none. Run `make repro` first"):
        write_results(by_hand.root)
