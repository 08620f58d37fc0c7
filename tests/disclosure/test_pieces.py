"""A large cohort is searched piece by piece: what is found is what a search of the whole finds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.cohorts import cohort_file
from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.parquet import write_table
from theragate.disclosure.patients import Patients, spelled
from theragate.disclosure.rows import known_rows, nameless_rows
from theragate.disclosure.scan import scan
from theragate.disclosure.tables import Table
from theragate.disclosure.values import Asked, PatientValues, decimals_of
from theragate.errors import EvidenceError
from theragate.evidence.published import SMALLEST_CELL


def cohort(seed: int, patients: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    known = random.random(patients) < 0.9
    return pd.DataFrame(
        {
            "patient": [f"id{row}" for row in random.permutation(patients)],
            "sex": random.choice(["f", "m"], patients),
            "grade": pd.Series(random.integers(0, 4, patients)).where(pd.Series(known)),
            "dose": random.choice([0.1, 1e-4, 123456.7, 2.0], patients),
            "code": random.choice(["1", "01", "x ", ""], patients),
            "treated": random.random(patients) < 0.5,
            "marker": random.normal(size=patients).astype(np.float32).astype(np.float64),
            "days": random.integers(0, 3, patients),
            "died": random.integers(0, 2, patients),
        }
    )


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_file, "_PIECE", 97)


def in_a_file(frame: pd.DataFrame, folder: Path) -> Patients:
    write_table(folder / "cohort.parquet", frame)
    return Patients(CohortFile(folder / "cohort.parquet", "Make it again."), ("days", "died"))


def found_in_the_whole(frame: pd.DataFrame, released: pd.DataFrame) -> list[str]:
    """What `known_rows` promises, by joining all patients' spelled values with the rows."""
    shared = [*released]
    keys = pd.DataFrame({name: spelled(frame[name]) for name in frame})
    rows = pd.DataFrame({name: spelled(released[name]) for name in shared}).drop_duplicates()
    alike = keys.merge(rows[(rows != "").sum(axis=1) > 1], on=shared)
    groups = alike.groupby(shared)
    hidden = [name for name in ("days", "died") if name not in shared]
    few, certain = int((groups.size() < SMALLEST_CELL).sum()), 0
    if hidden:
        certain = int((groups[hidden].nunique().max(axis=1) < 2).sum())
    words = ", ".join(shared[:6])
    return [f"{few} rows that fewer than {SMALLEST_CELL} patients share, in {words}"] * bool(few) + [
        f"{certain} rows whose patients all have one outcome, in {words}"
    ] * bool(certain)


@given(
    st.integers(0, 10**6),
    st.lists(st.sampled_from(["sex", "grade", "dose", "code", "treated", "marker", "died"]), min_size=2, unique=True),
    st.integers(1, 40),
)
@settings(max_examples=25, deadline=None)
def test_rows_of_named_columns(
    tmp_path_factory: pytest.TempPathFactory, seed: int, columns: list[str], rows: int
) -> None:
    frame = cohort(seed)
    random = np.random.default_rng(seed)
    released = frame[columns].iloc[random.integers(0, len(frame), rows)].reset_index(drop=True)
    for name in columns:  # of some a value of somebody else
        if random.random() < 0.5:
            released[name] = frame[name].iloc[random.integers(0, len(frame), rows)].to_numpy()
    whom = in_a_file(frame, tmp_path_factory.mktemp("whom"))
    table = Table("", {name: released[name].tolist() for name in columns}, named=True)
    expected = found_in_the_whole(frame, released)
    assert [words for _, words in known_rows([table], whom)] == expected
    assert [words for _, words in known_rows([table], Patients(frame, ("days", "died")))] == expected
    noise = Table("", {"sex": ["u"] * 3, "dose": [3.0] * 3}, named=True)
    assert [place for place, _ in known_rows([noise, table, noise], whom)] == [1] * len(expected)


def test_rows_without_names_are_found_in_any_piece(tmp_path: Path) -> None:
    frame = cohort(1)
    numbers = frame[["grade", "dose", "marker", "days", "died"]].to_numpy(dtype=np.float64)
    whom = in_a_file(frame, tmp_path)
    rows = numbers[[3, 3, 399, 200]].copy()
    rows[3, 2] += 1
    lacking = numbers[np.isnan(numbers[:, 0])][:1]
    tables = [
        Table("", dict(enumerate(map(list, part.T))), named=False)  # type: ignore[arg-type]
        for part in (rows[3:], np.concatenate([rows, lacking]), rows.T)
    ]
    assert [*nameless_rows(tables, whom)] == [
        (1, "4 rows of 5 numbers that are patients'"),
        (2, "3 rows of 5 numbers that are patients'"),
    ]


def test_of_several_breaches_the_first_in_the_files_is_told(tmp_path: Path) -> None:
    frame = cohort(2)
    whom = in_a_file(frame, tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(frame["marker"].tolist()))
    (tmp_path / "b.json").write_text(json.dumps([frame["patient"].iloc[-1]]))
    files = {name: tmp_path / name for name in ("a.json", "b.json")}
    with pytest.raises(EvidenceError, match=r"a\.json: .* away \(values\); received a list of 400 different numbers"):
        scan(files, whom, study="any")
    with pytest.raises(EvidenceError, match=r"b\.json: .* away \(identifiers\); received 1 entries that are"):
        scan(dict(reversed(files.items())), whom, study="any")


def test_row_numbers_name_nobody_however_many_pieces_there_are(tmp_path: Path) -> None:
    numbered = cohort(3).assign(patient=[str(row) for row in range(400)])
    (tmp_path / "number.json").write_text(json.dumps(["17"]))
    assert scan({"number.json": tmp_path / "number.json"}, in_a_file(numbered, tmp_path), study="any").tables
    named = numbered.assign(patient=numbered["patient"].where(numbered["patient"] != "399", "P-399"))
    with pytest.raises(EvidenceError, match="identifiers"):
        scan({"number.json": tmp_path / "number.json"}, in_a_file(named, tmp_path), study="any")


@given(st.integers(0, 10**6), st.integers(0, 8), st.integers(20, 300))
@settings(max_examples=25, deadline=None)
def test_matches_are_those_of_sets(seed: int, digits: int, many: int) -> None:
    random = np.random.default_rng(seed)
    column = np.append(random.normal(0, 10, 500).round(int(random.integers(0, 9))), np.nan)
    values = PatientValues.of(column)
    distinct, counts = np.unique(column[:-1], return_counts=True)
    assert (values is not None) == (len(distinct) >= 250)
    if values is None:
        return
    np.testing.assert_array_equal(values.column, distinct)
    np.testing.assert_array_equal(values.distinct, distinct[counts < SMALLEST_CELL])
    asked = np.unique(np.append(random.choice(distinct, many // 2), random.normal(0, 10, many)).round(digits))
    for own in (digits, decimals_of(asked), digits):
        known = values.distinct
        if min(own, values.decimals) < values.decimals:
            rounded, times = np.unique(np.round(known, min(own, values.decimals)), return_counts=True)
            known = rounded[times < SMALLEST_CELL]
        expected = len(np.intersect1d(asked.astype(np.float32), known.astype(np.float32)))
        assert values.matches(Asked(np.unique(asked)), own)[0] == expected
