"""`theragate docs`: every page that a message names can be shown where there is no clone."""

import re

import pytest
from support import ROOT

from theragate.cli import main
from theragate.project.templates import pages


def named_by_messages() -> set[str]:
    """The pages that our modules name in a text for a user, and not those that they write."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("src/theragate/**/*.py"))
    named = set(re.findall(r"\bdocs/[\w/-]+\.md\b|\bdocs/gates\b", code))
    return named - {"docs/results.md"}  # which `theragate results` writes into the project


def test_every_page_that_a_message_names_is_shown(capsys):
    assert {"docs/studies.md", "docs/keys.md", "docs/gates/README.md"} <= named_by_messages()
    for name in named_by_messages():
        assert main(["docs", name]) == 0, name
        path = ROOT / name
        expected = path if path.is_file() else path / "README.md"
        assert capsys.readouterr().out.strip() == expected.read_text(encoding="utf-8").strip()


def test_without_a_name_all_are_listed_with_their_titles(capsys):
    assert main(["docs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(pages())
    assert {"gates/README", "sources/images"} <= set(pages())
    assert re.fullmatch(r"project +A project of one's own", next(line for line in lines if line.startswith("project")))
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", ["studys", "../README", "decisions/0001-dependencies", "images/subgroups.png"])
def test_another_name_is_refused(name, capsys):
    assert main(["docs", name]) == 1
    assert "it is one of those that `theragate docs` lists" in capsys.readouterr().err


def test_a_near_name_is_suggested(capsys):
    assert main(["docs", "studys"]) == 1
    assert "studies" in capsys.readouterr().err


def test_a_word_that_names_no_page_leads_to_those_that_tell_of_it(capsys):
    assert main(["docs", "rollback"]) == 1
    assert re.search(r"of `rollback` tell .*\brelease\b", capsys.readouterr().err)
    for word in ("nothing", "no such word anywhere"):
        assert main(["docs", word]) == 1
        assert "Choose one of them: Containerfile, architecture" in capsys.readouterr().err


def test_the_rules_of_the_database_are_among_them(capsys):
    assert main(["docs", "postgresql.sql"]) == 0
    assert "theragate_ledger" in capsys.readouterr().out
