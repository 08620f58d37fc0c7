"""Several changes are made wholly or not at all."""

import pytest

from theragate.errors import StoreError
from theragate.project.changes import Changes, all_or_none


def test_what_the_block_has_made_is_removed_if_it_is_left_by_an_error(tmp_path):
    before = tmp_path / "kept" / "before.txt"
    before.parent.mkdir()
    before.write_text("as it was", encoding="utf-8")
    new = [tmp_path / "kept" / "new.txt", tmp_path / "deep" / "er" / "new.txt", before]

    def interrupted() -> None:
        with all_or_none(new):
            for path in new[:2]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "before.txt"]
    assert before.read_text(encoding="utf-8") == "as it was"


def test_what_the_block_has_made_stays_if_it_ends_well(tmp_path):
    with all_or_none([tmp_path / "new.txt"]):
        (tmp_path / "new.txt").touch()
    assert (tmp_path / "new.txt").exists()


def test_changes_are_taken_back_in_reverse(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("one", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "a")

    def failing() -> None:
        with Changes(tmp_path) as changes:
            changes.write(tmp_path / "a" / "file", "two")
            changes.rename(tmp_path / "a", tmp_path / "b")
            changes.remove(tmp_path / "b")
            changes.remove(tmp_path / "link")
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        failing()
    assert (tmp_path / "link" / "file").read_text(encoding="utf-8") == "one"
    assert not (tmp_path / "b").exists()
    assert list((tmp_path / ".theragate").iterdir()) == []


def test_what_is_removed_is_gone_at_the_end_and_a_link_is_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with Changes(tmp_path) as changes:
        changes.remove(tmp_path / "link")
    assert (tmp_path / "a" / "file").exists()
    assert not (tmp_path / "link").is_symlink()
    assert list((tmp_path / ".theragate").iterdir()) == []


def test_what_the_disk_refuses_is_one_line(tmp_path):
    with pytest.raises(StoreError, match=r"renamed and removed; received No such file"), Changes(tmp_path) as changes:
        changes.rename(tmp_path / "nothing", tmp_path / "something")
