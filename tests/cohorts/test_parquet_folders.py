"""A folder of Parquet files is one table; what is no part of one is refused by its name."""

import os
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from cohorts.declared import WORDS, file, study_folder
from support import BIN

from theragate.cohorts.sources import _formats, read_source
from theragate.errors import DataError
from theragate.study import DvcSource, FileSource

PARTS = file("parts/", text=())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parts = study_folder(tmp_path) / "parts"
    parts.mkdir()
    for number in range(3):
        part(number).to_parquet(parts / f"{number}.parquet")
    return parts


def part(number: int) -> pd.DataFrame:
    return pd.DataFrame({"record": [f"r{number}", f"s{number}"], "age": [50.5, number], "sex": ["f", None]})


def read(spec: FileSource | DvcSource, root: Path) -> tuple[pd.DataFrame, str]:
    raw = read_source(spec, root, study="s")
    return raw.frame, raw.version


def test_the_files_are_one_table_in_the_order_of_their_names(folder, tmp_path):
    (folder / "_SUCCESS").write_text("")
    (folder / ".0.parquet.crc").write_bytes(b"\xff")
    frame, version = read(PARTS, tmp_path)
    pd.testing.assert_frame_equal(frame, pd.concat(map(part, range(3)), ignore_index=True).astype({"sex": "str"}))
    (folder / "3.parquet").symlink_to(folder / "0.parquet")
    longer, other = read(PARTS, tmp_path)
    assert len(longer) == len(frame) + 2
    assert len({version, other, read(file("t.parquet"), tmp_path)[1]}) == 3


def test_a_renamed_or_changed_file_is_another_version(folder, tmp_path):
    versions = {read(PARTS, tmp_path)[1]}
    (folder / "2.parquet").rename(folder / "9.parquet")
    versions.add(read(PARTS, tmp_path)[1])
    part(7).to_parquet(folder / "9.parquet")
    versions.add(read(PARTS, tmp_path)[1])
    assert len(versions) == 3


def test_a_folder_may_be_named_like_a_file(folder, tmp_path):
    folder.rename(folder.with_name("all.parquet"))
    assert len(read(file("all.parquet", text=()), tmp_path)[0]) == 6


def test_what_is_stored_otherwise_but_is_the_same_is_read(folder, tmp_path):
    part(1).assign(sex=None).to_parquet(folder / "1.parquet")
    part(2).astype({"sex": "category"}).to_parquet(folder / "2.parquet")
    frame, _ = read(PARTS, tmp_path)
    assert frame["sex"].tolist()[:1] + frame["sex"].tolist()[4:5] == ["f", "f"]
    assert frame["sex"].isna().sum() == 4
    pd.testing.assert_series_equal(frame["age"], pd.concat(map(part, range(3)), ignore_index=True)["age"])


@pytest.mark.parametrize(
    ("frame", "column", "received"),
    [
        (part(1).drop(columns="sex"), "sex", "no such column, and in the first one of the type large_string"),
        (part(1).assign(site="x"), "site", "one of the type large_string, and in the first no such column"),
        (
            part(1).astype({"age": "str"}),
            "age",
            "one of the type large_string, and in the first one of the type double",
        ),
    ],
)
def test_files_that_differ_in_their_columns(frame, column, received, folder, tmp_path):
    frame.to_parquet(folder / "1.parquet")
    said = f"file `1.parquet`, column `{column}`: all files of the folder have the columns of the first, `0.parquet`"
    with pytest.raises(DataError, match=re.escape(f"{said}; received {received}.")):
        read(PARTS, tmp_path)


def test_what_is_no_part_of_a_table(folder, tmp_path):
    (folder / "notes.txt").write_text("secret")
    with pytest.raises(DataError, match=r"a table holds Parquet files; received the file `notes.txt` in it"):
        read(PARTS, tmp_path)
    (folder / "notes.txt").unlink()
    (folder / "year=2020").mkdir()
    with pytest.raises(DataError, match=r"received the folder `year=2020` in it.*has to be a column"):
        read(PARTS, tmp_path)
    (folder / "year=2020").rmdir()
    (folder / "1.parquet").write_text("record,age\nsecret,5\n")
    with pytest.raises(
        DataError, match=r"file `1.parquet`: the file is readable Parquet; received a file that"
    ) as caught:
        read(PARTS, tmp_path)
    assert "secret" not in str(caught.value)
    (folder / "1.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"file `1.parquet`.*received an empty file"):
        read(PARTS, tmp_path)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(DataError, match="received an empty folder"):
        read(PARTS, tmp_path)
    folder.rmdir()
    with pytest.raises(DataError, match="the folder exists; received no such folder"):
        read(PARTS, tmp_path)
    folder.write_text("")
    with pytest.raises(DataError, match="the folder exists; received a file"):
        read(PARTS, tmp_path)


def test_only_parquet_comes_in_folders(folder, tmp_path):
    folder.rename(folder.with_name("all.csv"))
    with pytest.raises(DataError, match=r"`sources/s/all.csv`: the file exists"):
        read(file("all.csv"), tmp_path)
    with pytest.raises(ValueError, match="a folder of Parquet files is named with a slash at its end"):
        file("all")


def test_a_link_to_a_folder_would_hide_its_changes_from_dvc(folder, tmp_path):
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        DataError, match=r"received a link to a folder. Make a folder there, and link the files into it"
    ):
        read(PARTS, tmp_path)


@pytest.mark.parametrize("how", ["appended", "replaced", "another"])
def test_a_source_that_changes_while_it_is_read(how, folder, tmp_path, monkeypatch):
    reader = _formats.FORMATS["parquet"]

    def slowly(path, spec, **more):
        columns = reader(path, spec, **more)
        if how == "appended":
            with (folder / "2.parquet").open("ab") as stream:
                stream.write(b"more")
        elif how == "replaced":
            part(2).to_parquet(folder / "new.parquet")
            (folder / "new.parquet").replace(folder / "2.parquet")
        else:
            part(2).to_parquet(folder / "3.parquet")
        return columns

    monkeypatch.setitem(_formats.FORMATS, "parquet", slowly)
    with pytest.raises(DataError, match="it stays as it is while it is read; received one that was changed meanwhile"):
        read(PARTS, tmp_path)


def test_a_change_explains_what_else_went_wrong(folder, tmp_path, monkeypatch):
    def cut(path, spec, **more):
        os.truncate(folder / "2.parquet", 10)
        return _formats.read_parquet(path, spec, **more)

    monkeypatch.setitem(_formats.FORMATS, "parquet", cut)
    with pytest.raises(DataError, match="it stays as it is while it is read"):
        read(PARTS, tmp_path)


def test_dvc_tracks_a_folder(folder, tmp_path):
    spec = DvcSource(kind="dvc", path="parts/", id="record", **WORDS)
    with pytest.raises(DataError, match=r"`sources/s/parts.dvc`: the file exists.*Run `dvc add sources/s/parts`"):
        read(spec, tmp_path)
    for command in (["init", "-q", "--no-scm"], ["add", "-q", "sources/s/parts"]):
        subprocess.run([BIN / "dvc", *command], cwd=tmp_path, check=True, capture_output=True)
    frame, version = read(spec, tmp_path)
    assert len(frame) == 6
    assert version.endswith("of the names and digests of 3 files, tracked by DVC")
    part(9).to_parquet(folder / "3.parquet")
    with pytest.raises(DataError, match=r"the one that its .dvc file names.*Run `dvc add sources/s/parts` to take"):
        read(spec, tmp_path)
