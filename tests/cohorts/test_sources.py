"""Every source keeps the same contract; the bundled cohorts are the ones that the clinical notes describe."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from theragate.cohorts.sources import SOURCES, read_source
from theragate.cohorts.sources._bundled import COHORTS
from theragate.errors import ConfigurationError, DataError
from theragate.study import BundledSource, FileSource

WORDS = {"citation": "A citation.", "licence": "A licence."}


def bundled(name: str) -> BundledSource:
    return BundledSource(kind="bundled", name=name, **WORDS)


def file(path: str) -> FileSource:
    return FileSource(kind="file", path=path, id="record", text=("code",), **WORDS)


def table() -> pd.DataFrame:
    return pd.DataFrame({"record": ["007", "8"], "code": ["01", "02"], "age": [50.0, 60.0]})


@pytest.fixture
def every_source(tmp_path: Path) -> list[BundledSource | FileSource]:
    table().to_csv(tmp_path / "t.csv", index=False)
    table().to_parquet(tmp_path / "t.parquet")
    return [*map(bundled, COHORTS), file("t.csv"), file("t.parquet")]


def test_every_source_gives_a_table_with_plain_columns_and_a_version(every_source, tmp_path):
    assert {spec.kind for spec in every_source} == set(SOURCES), "a source without a contract test"
    for spec in every_source:
        raw = read_source(spec, tmp_path, study="s")
        assert list(raw.frame.index) == list(range(len(raw.frame)))
        assert all(isinstance(column, str) for column in raw.frame.columns)
        assert not any(isinstance(dtype, pd.CategoricalDtype) for dtype in raw.frame.dtypes)
        assert raw.version
        again = read_source(spec, tmp_path, study="s")
        pd.testing.assert_frame_equal(raw.frame, again.frame)


@pytest.mark.parametrize(
    ("name", "patients", "column", "events"),
    [
        ("wdbc", 569, "diagnosis", 212),
        ("whas500", 500, "fstat", 215),
        ("flchain", 7874, "death", 2169),
    ],
)
def test_bundled_cohorts_have_the_published_counts(name, patients, column, events, tmp_path):
    frame = read_source(bundled(name), tmp_path, study="s").frame
    assert len(frame) == patients
    assert frame[column].isin([1, "malignant"]).sum() == events


def test_the_leak_of_the_light_chain_cohort_is_as_described(tmp_path):
    frame = read_source(bundled("flchain"), tmp_path, study="s").frame
    assert (frame["chapter"].notna() == (frame["death"] == 1)).all()


def test_texts_and_ids_keep_their_leading_zeros(every_source, tmp_path):
    for name in ("t.csv", "t.parquet"):
        raw = read_source(file(name), tmp_path, study="s")
        assert raw.id_column == "record"
        assert raw.frame["record"].tolist() == ["007", "8"]
        assert raw.frame["code"].tolist() == ["01", "02"]


def test_an_unknown_bundled_cohort_names_those_that_exist(tmp_path):
    with pytest.raises(ConfigurationError, match=r"one of wdbc, diabetes, whas500, flchain; received `nobody`"):
        read_source(bundled("nobody"), tmp_path, study="s")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (None, "t.csv", "no such file"),
        (b"", "t.csv", "EmptyDataError"),
        (b"record,code\n", "t.csv", "0 rows and 2 columns"),
        (b"age\n50\n", "t.csv", "the column `record`.*no such column"),
        (b"record,coed\n1,01\n", "t.csv", r"the column `code` that `source\.text` names.*no such column"),
        (b"record,code\n1,01,secret\n", "t.csv", r"not \(ValueError\)"),
        (b"\xff\xfe\x00secret", "t.csv", "not"),
        (b"PAR1 this is not it", "t.parquet", "ArrowInvalid"),
        (b"record\n1\n", "t.xlsx", "neither|ValueError"),
    ],
)
def test_a_file_that_is_missing_empty_or_broken_is_one_clear_error(content, name, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_source(file(name), tmp_path, study="s")
    assert "secret" not in str(caught.value)


def test_a_column_named_twice_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("record,code,age,age\n1,01,2,3\n", encoding="utf-8")
    twice = pa.Table.from_arrays([["1"], ["01"], [2], [3]], names=["record", "code", "age", "age"])
    pq.write_table(twice, tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(DataError, match=r"`age` more than once|file that is not"):
            read_source(file(name), tmp_path, study="s")
