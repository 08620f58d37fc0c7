"""Sources that git ignores, in copies of the project that git made."""

import pytest

from theragate.errors import StoreError
from theragate.project.ignored_sources import bring_sources, link_sources


@pytest.fixture
def home(tmp_path):
    """A project with a table, a file that DVC tracks, a folder, and a README."""
    folder = tmp_path / "home" / "sources" / "my_study"
    (folder / "parts").mkdir(parents=True)
    for name in ("README.md", "table.csv", "parts/1.csv", "tracked.csv", "tracked.csv.dvc"):
        (folder / name).write_text(f"{name} of the project", encoding="utf-8")
    return tmp_path / "home"


@pytest.fixture
def copy(tmp_path):
    """What git has of it."""
    folder = tmp_path / "copy" / "sources" / "my_study"
    folder.mkdir(parents=True)
    for name in ("README.md", "tracked.csv.dvc"):
        (folder / name).write_text(f"{name} of the copy", encoding="utf-8")
    return tmp_path / "copy"


def test_what_git_lacks_is_linked_and_what_it_has_stays(home, copy):
    link_sources(home, copy)
    link_sources(home, copy)
    folder = copy / "sources" / "my_study"
    assert (folder / "table.csv").read_text(encoding="utf-8") == "table.csv of the project"
    assert (folder / "table.csv").is_symlink()
    assert (folder / "parts" / "1.csv").is_file()
    assert (folder / "README.md").read_text(encoding="utf-8") == "README.md of the copy"
    assert not (folder / "tracked.csv").exists()  # DVC brings the version of the commit


def test_a_study_that_the_copy_does_not_have_gets_nothing(home, copy):
    (home / "sources" / "newer").mkdir()
    (home / "sources" / "newer" / "table.csv").touch()
    link_sources(home, copy)
    assert not (copy / "sources" / "newer").exists()


def test_a_link_that_leads_nowhere_is_replaced(home, copy):
    (copy / "sources" / "my_study" / "table.csv").symlink_to(home / "gone.csv")
    link_sources(home, copy)
    assert (copy / "sources" / "my_study" / "table.csv").is_file()


@pytest.mark.parametrize("named", [None, "", "copy"])
def test_outside_of_an_experiment_nothing_is_linked(named, copy):
    bring_sources(copy, {} if named is None else {"DVC_ROOT": named and str(copy)})
    assert not (copy / "sources" / "my_study" / "table.csv").exists()


def test_in_an_experiment_the_sources_are_those_of_the_project(home, copy):
    bring_sources(copy, {"DVC_ROOT": str(home)})
    assert (copy / "sources" / "my_study" / "table.csv").is_file()


def test_a_folder_that_takes_no_link_is_one_line(home, copy, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.symlink_to", refuse)
    with pytest.raises(StoreError, match=r"sources/my_study: .*received Permission denied"):
        link_sources(home, copy)
