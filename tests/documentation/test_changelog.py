"""The changelog names every version once, newest first, with its day, and the one that is installed."""

import re
import tomllib
from datetime import date

from documentation.pages import ROOT, Page
from packaging.version import Version

PAGE = Page(ROOT / "CHANGELOG.md")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
HEADINGS = re.findall(r"^## (.+)$", PAGE.text, flags=re.MULTILINE)
RELEASED = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in HEADINGS[1:]]


def test_what_is_unreleased_comes_first():
    assert HEADINGS[0] == "[Unreleased]"


def test_versions_and_days_only_grow():
    assert all(RELEASED)
    versions = [Version(match[1]) for match in RELEASED]
    days = [date.fromisoformat(match[2]) for match in RELEASED]
    assert versions == sorted(set(versions), reverse=True)
    assert days == sorted(days, reverse=True)


def test_the_newest_is_the_one_that_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert RELEASED[0][1] == project["version"]


def test_changes_are_of_the_kinds_that_readers_know():
    assert set(re.findall(r"^### (.+)$", PAGE.text, flags=re.MULTILINE)) <= KINDS
