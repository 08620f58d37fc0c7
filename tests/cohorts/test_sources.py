"""Files, tracked files and bundled cohorts as sources; the bundled ones are as the clinical notes describe them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cohorts.declared import WORDS, bundled, file, study_folder, table, track, tracked

from theragate.cohorts.sources import read_source
from theragate.digests import md5_file
from theragate.errors import ConfigurationError, DataError
from theragate.study import FileSource, SqlSource, UrlSource, parse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return study_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "patients", "column", "events"),
    [
        ("wdbc", 569, "diagnosis", 212),
        ("whas500", 500, "fstat", 215),
        ("flchain", 7874, "death", 2169),
        ("gse7390", 198, "e.tdm", 51),
        ("veteran", 137, "Status", 128),
    ],
)
def test_bundled_cohorts_have_the_published_counts(name, patients, column, events, tmp_path):
    frame = read_source(bundled(name), tmp_path, study="s").frame
    assert len(frame) == patients
    assert frame[column].isin([1, "malignant"]).sum() == events


def test_the_leak_of_the_light_chain_cohort_is_as_described(tmp_path):
    frame = read_source(bundled("flchain"), tmp_path, study="s").frame
    assert (frame["chapter"].notna() == (frame["death"] == 1)).all()


def test_an_unknown_bundled_cohort_names_those_that_exist(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"one of wdbc, diabetes, whas500, flchain, gse7390, veteran, .*; received `nobody`"
    ):
        read_source(bundled("nobody"), tmp_path, study="s")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (None, "u.csv", "source file `sources/s/u.csv`: the file exists; received no such file"),
        (b"", "t.csv", "received an empty file"),
        (b"", "t.parquet", "received an empty file"),
        (b"record,code\n", "t.csv", "0 rows and 2 columns"),
        (b"age\n50\n", "t.csv", "the column `record`.*no such column"),
        (b"record,coed\n1,1\n", "t.csv", r"the column `code` that `source\.text` names.*no such column"),
        (b"record,code\n1,01,secret\n", "t.csv", "as many cells as the header, 2; received 1 of 1 lines"),
        (b"\xff\xfe\x00secret", "t.csv", "the file is text in the encoding `utf-8`; received bytes that are not"),
        (
            "record,code,städte\n1,02,secret\n".encode("cp1252"),
            "t.csv",
            r"\(such as `cp1252`\) by `source\.encoding`",
        ),
        (b"PAR1 this is not it", "t.parquet", "ArrowInvalid"),
    ],
)
def test_a_file_that_is_missing_empty_or_broken_is_one_clear_error(content, name, message, folder, tmp_path):
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_source(file(name), tmp_path, study="s")
    assert "secret" not in str(caught.value)


def test_a_column_named_twice_is_refused(folder, tmp_path):
    (folder / "t.csv").write_text("record,code,age,age\n1,01,2,3\n", encoding="utf-8")
    twice = pa.Table.from_arrays([["1"], ["01"], [2], [3]], names=["record", "code", "age", "age"])
    pq.write_table(twice, folder / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(DataError, match="`age` more than once"):
            read_source(file(name), tmp_path, study="s")


def test_a_file_in_another_form_is_read_when_the_form_is_declared(folder, tmp_path):
    (folder / "t.csv").write_bytes("record;code;ort\n007;01;Köln\n".encode("cp1252"))
    raw = read_source(file("t.csv", encoding="cp1252", separator=";", text=("code", "ort")), tmp_path, study="s")
    assert raw.frame.to_dict("list") == {"record": ["007"], "code": ["01"], "ort": ["Köln"]}


def test_an_index_that_was_stored_by_name_is_a_column(folder, tmp_path):
    table().set_index("record").to_parquet(folder / "t.parquet")
    assert set(read_source(file("t.parquet"), tmp_path, study="s").frame) == {"record", "code", "age"}
    table().set_axis([5, 6]).to_parquet(folder / "t.parquet")
    assert list(read_source(file("t.parquet"), tmp_path, study="s").frame) == ["record", "code", "age"]


def test_without_an_id_column_the_source_has_no_ids(folder, tmp_path):
    raw = read_source(file("t.csv", id=None, text=("record", "code")), tmp_path, study="s")
    assert raw.id_column is None
    assert raw.frame["record"].tolist() == ["007", "8"]


def test_a_link_leads_to_a_file_elsewhere(folder, tmp_path):
    shared = tmp_path / "shared.csv"
    table().to_csv(shared, index=False)
    track(shared)
    (folder / "link.csv").symlink_to("../../shared.csv")
    for spec in (file("link.csv"), tracked("link.csv")):
        assert len(read_source(spec, tmp_path, study="s").frame) == 2


def test_a_tracked_file_that_is_missing_changed_or_untracked(folder, tmp_path):
    path = folder / "t.csv"
    path.write_text("record,code\n9,secret\n", encoding="utf-8")
    received = f"the MD5 {md5_file(path)[:12]}…, expected [0-9a-f]{{12}}…. Run `dvc add sources/s/t.csv` to take"
    with pytest.raises(DataError, match=received) as caught:
        read_source(tracked("t.csv"), tmp_path, study="s")
    assert "secret" not in str(caught.value)
    path.unlink()
    with pytest.raises(DataError, match=r"no such file. Run `dvc pull sources/s/t.csv`"):
        read_source(tracked("t.csv"), tmp_path, study="s")
    with pytest.raises(DataError, match=r"`sources/s/t.parquet.dvc`: the file exists"):
        read_source(tracked("t.parquet"), tmp_path, study="s")
    for content, received in {
        b"": r"a file that is not of that form \(TypeError\)",
        b"outs: 1": "a file that is not of that form",
        b"outs: [{md5: 1, path: other.csv, hash: md5}]": "an entry for `other.csv`",
        b"outs: [{md5: 1, path: t.csv}]": "an entry without `hash: md5`, as DVC 2 wrote it",
        b"\xff": "a file that is not of that form",
        b"[: ": "a file that is not of that form",
    }.items():
        path.with_name("t.csv.dvc").write_bytes(content)
        with pytest.raises(DataError, match=f"as DVC 3 writes it; received {received}"):
            read_source(tracked("t.csv"), tmp_path, study="s")


@pytest.mark.parametrize(
    ("kind", "entry", "message"),
    [
        (FileSource, {"path": "/data/t.csv"}, r"`s.path`: a file is named by its path below"),
        (FileSource, {"path": "../t.csv"}, "a link there may lead elsewhere"),
        (FileSource, {"path": "t.docx"}, r"a table is one of `\.csv`"),
        (FileSource, {"path": "t.csv", "encoding": "klingon"}, "one that Python knows"),
        (UrlSource, {"url": "ftp://host/t.csv"}, "begins with `https://` or `http://`"),
        (UrlSource, {"url": "https://ada:hunter2@host/t.csv"}, "neither user nor password"),
        (UrlSource, {"url": "https://[/t.csv"}, "begins with"),
        (UrlSource, {"url": "https://host/t.csv", "sha256": "abc"}, "`s.sha256`"),
        (SqlSource, {"url_variable": "postgresql://ada:hunter2@host/db"}, "the NAME of the environment variable"),
        (SqlSource, {"url": "postgresql://ada:hunter2@host/db"}, "received an unknown key"),
    ],
)
def test_a_wrong_declaration_is_refused_and_no_password_repeated(kind, entry, message):
    whole = {
        FileSource: {"kind": "file"},
        UrlSource: {"kind": "url", "url": "https://host/t.csv", "sha256": "0" * 64, "format": "csv"},
        SqlSource: {"kind": "sql", "url_variable": "RECORDS", "query": "q.sql", "id": "record"},
    }[kind]
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse(kind, whole | entry | WORDS, at="s")
    assert "hunter2" not in str(caught.value)
