"""Packed sources that hold far more than their size says: read no further than the limit, in one sentence."""

import bz2
import gzip
import lzma
import zipfile

import pytest
from cohorts.workbooks import write_workbook

from theragate.cohorts.sources import _packed, check_unpacked, sheet_rows, unpacked
from theragate.errors import DataError

CONTENT = b"age,sex\n" + b"60,f\n" * (1 << 18)
TOO_MUCH = "source `a`: a packed file holds 1,048,576 bytes at most; received more. Unpack it where there is room"


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(_packed, "_MOST_UNPACKED", 1 << 20)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_a_packed_text_is_read_no_further_than_the_limit(tmp_path, kind):
    path = tmp_path / f"a.csv.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", CONTENT)
    else:
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[kind].compress(CONTENT))
    with pytest.raises(DataError, match=TOO_MUCH):
        unpacked(path, subject="source `a`")


def test_a_workbook_is_measured_before_it_is_read(tmp_path):
    path = tmp_path / "a.xlsx"
    write_workbook(path, {"patients": [["age", "sex"], [60, "f"]]})
    assert sheet_rows(path, "patients", subject="source `a`")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", b" " * (1 << 21))
    with pytest.raises(DataError, match=TOO_MUCH):
        sheet_rows(path, "patients", subject="source `a`")


def test_what_is_a_hundred_times_as_large_is_read(tmp_path):
    path = tmp_path / "a.csv.gz"
    content = b"".join(b"%d,%d\n" % (number, number * number % 997) for number in range(150_000))
    path.write_bytes(gzip.compress(content))
    assert len(content) > 1 << 20
    assert unpacked(path, subject="source `a`") == content
    check_unpacked(path, subject="source `a`")
