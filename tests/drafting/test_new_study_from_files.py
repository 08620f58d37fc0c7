"""`theragate new-study` on files as hospitals have them: the study reads the same file again, and asks what is open."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import yaml
from cohorts.workbooks import write_workbook
from support import Project, small_cohort

from theragate.cli import main
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.stages.validate import validate
from theragate.study import load_study

NEW = "new_study"


@pytest.fixture
def folder(project: Project, monkeypatch) -> Path:
    monkeypatch.chdir(project.root)
    return project.root


def drafted(folder: Path, name: str, capsys, *options: str) -> dict[str, Any]:
    """Draft a study and let it read its file; return what its source declares."""
    assert main(["new-study", NEW, "--from", name, "--outcome", "ill", *options]) == 0, capsys.readouterr().err
    for stage in (ingest, validate):
        assert exit_code(stage, [NEW]) == 0, capsys.readouterr().err
    return yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["studies"][NEW]


def cohort() -> pd.DataFrame:
    return pd.read_parquet(Path("data") / NEW / "cohort.parquet")


def test_an_export_with_a_title_a_total_and_a_comma_for_decimals(folder, capsys):
    frame = small_cohort().assign(marker=lambda table: table["marker"].fillna(0))
    body = (
        frame.to_csv(index=False, sep=";", decimal=",").replace("age", "Alter (Jahre)").replace("sex", "Größe-ähnlich")
    )
    (folder / "export.csv").write_bytes(f"Auszug;;;;\n{body}Gesamt;9000;;;\n".encode("cp1252"))
    entry = drafted(folder, "export.csv", capsys)
    shown = capsys.readouterr().out
    assert "a text file in cp1252, cells separated by semicolons" in shown
    assert "the last line was taken for totals or remarks" in shown
    source = entry["source"]
    assert (source["encoding"], source["separator"], source["decimal"]) == ("cp1252", ";", ",")
    assert (source["header"], source["footer"]) == (2, 1)
    np.testing.assert_allclose(cohort()["marker"], frame["marker"])
    assert set(cohort()["Größe-ähnlich"]) == {"f", "m"}


def test_a_folder_of_parquet_files_is_copied_and_read_again(folder, capsys):
    frame = small_cohort()
    (folder / "export").mkdir()
    (folder / "export" / "_SUCCESS").write_text("")
    for number, first in enumerate(range(0, len(frame), 50)):
        frame.iloc[first : first + 50].to_parquet(folder / "export" / f"{number}.parquet", index=False)
    assert drafted(folder, "export", capsys)["source"]["path"] == "export/"
    assert "a folder of 4 Parquet files" in capsys.readouterr().out
    assert len(cohort()) == len(frame)
    assert sorted(path.name for path in (folder / "sources" / NEW / "export").iterdir()) == [
        f"{number}.parquet" for number in range(4)
    ]


def test_what_is_ambiguous_is_a_mark_that_blocks(folder, capsys):
    frame = small_cohort()
    pressure = pd.Series(100 + np.arange(160) % 60).where(np.arange(160) % 9 != 0, -9)
    frame = frame.assign(pressure=pressure, crp=["<5" if n % 20 == 0 else str(5 + n % 50) for n in range(160)])
    frame = frame.assign(seen=[f"{1 + n % 12:02d}.{1 + n % 9:02d}.2024" for n in range(160)])
    frame.to_csv(folder / "export.csv", index=False)
    drafted(folder, "export.csv", capsys)
    marks = {key for key in load_study(folder / "params.yaml", NEW).unreviewed if key.startswith("source.")}
    assert {f"source.columns.{column}.note" for column in ("pressure", "crp", "seen")} <= marks
    shown = capsys.readouterr().out
    assert "`pressure`: REVIEW: `-9` stands alone among its numbers and was taken for missing. Is it?" in shown
    assert cohort()["pressure"].min() == 100
    assert cohort()["crp"].min() == 5


def test_labels_of_spss_become_those_of_the_study(folder, capsys):
    frame = small_cohort().assign(sex=lambda table: table["sex"].map({"f": 1.0, "m": 2.0}))
    pyreadstat.write_sav(
        frame,
        folder / "export.sav",
        column_labels={"marker": "Blood marker, mg/dl", "age": "Age at admission"},
        variable_value_labels={"sex": {1: "female", 2: "male"}},
    )
    entry = drafted(folder, "export.sav", capsys)
    assert entry["features"]["labels"] == {"marker": "Blood marker, mg/dl", "age": "Age at admission"}
    assert entry["subgroups"]["sex"]["labels"] == {"female": "female", "male": "male"}
    assert set(cohort()["sex"]) == {"female", "male"}


def test_a_workbook_and_options(folder, capsys):
    frame = small_cohort().astype({"marker": object}).assign(ward="x")
    frame["marker"] = frame["marker"].where(frame["marker"].notna(), None)
    rows = [list(frame), *frame.to_numpy().tolist()]
    write_workbook(folder / "export.xlsx", {"Other": [["a"], [1]], "Data": rows})
    assert main(["new-study", NEW, "--from", "export.xlsx", "--outcome", "ill"]) == 1
    assert "received 2 visible: `Other`, `Data`. Give --sheet." in capsys.readouterr().err
    entry = drafted(folder, "export.xlsx", capsys, "--sheet", "Data", "--drop", "ward")
    assert (entry["source"]["sheet"], entry["source"]["left_out"]) == ("Data", ["ward"])
    assert "ward" not in cohort()


def test_an_export_from_redcap_brings_its_dictionary(folder, capsys):
    frame = small_cohort().assign(record=[f"{n:04d}" for n in range(160)], name="Ada")
    frame = frame.assign(sex=frame["sex"].map({"f": "1", "m": "2"}), ill=frame["ill"].map({"yes": "1", "no": "0"}))
    frame.assign(base_complete=2).to_csv(folder / "export.csv", index=False)
    header = "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier,field_note"
    fields = ["record,base,text,Record,,,", "age,base,calc,Age,,,years", 'sex,base,radio,Sex,"1, female | 2, male",,']
    fields += ["marker,base,text,Marker,,,mg/dl", "ill,base,yesno,Ill,,,", "name,base,text,Name,,y,"]
    (folder / "dictionary.csv").write_text("\n".join([header, *fields]), encoding="utf-8")
    entry = drafted(folder, "export.csv", capsys, "--dictionary", "dictionary.csv")
    assert entry["source"]["left_out"] == ["name", "base_complete"]
    assert entry["features"]["labels"]["marker"] == "Marker, mg/dl"
    assert load_study(folder / "params.yaml", NEW).outcome.positive == "Yes"
    assert (folder / "sources" / NEW / "dictionary.csv").is_file()
    provenance = json.loads((folder / "data" / NEW / "provenance.json").read_text(encoding="utf-8"))
    assert ", dictionary sha256:" in provenance["version"]


def test_another_edition_that_does_not_fit_is_refused_at_ingest(folder, capsys):
    frame = small_cohort()
    frame.to_csv(folder / "export.csv", index=False)
    drafted(folder, "export.csv", capsys)
    table = frame.astype({"marker": object})
    table.loc[3, "marker"] = "n.d."
    table.to_csv(folder / "sources" / NEW / "export.csv", index=False)
    capsys.readouterr()
    assert exit_code(ingest, [NEW]) == 1
    line = capsys.readouterr().err
    assert "column `marker`: it holds numbers, as it is not under `source.text`; received `n.d.`, in 1 cells" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"marker": [np.inf, *range(159)]}, "a number is finite or missing"),
        (
            {"marker": [f"{n}.5" if n else "Ada" for n in range(160)]},
            "`marker`: a column of numbers holds numbers",
        ),
    ],
)
def test_what_no_model_could_use_is_refused_before_anything_is_written(change, message, folder, capsys):
    small_cohort().assign(**change).to_csv(folder / "export.csv", index=False)
    before = (folder / "params.yaml").read_bytes()
    assert main(["new-study", NEW, "--from", "export.csv", "--outcome", "ill"]) == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert "Ada" not in shown
    assert (folder / "params.yaml").read_bytes() == before
    assert not (folder / "sources" / NEW).exists()


def test_a_table_without_a_feature_is_refused(folder, capsys):
    small_cohort()[["record", "ill"]].to_csv(folder / "export.csv", index=False)
    assert main(["new-study", NEW, "--from", "export.csv", "--outcome", "ill"]) == 1
    assert "at least one is left to learn from" in capsys.readouterr().err


def test_what_means_missing_can_be_said(folder, capsys):
    frame = small_cohort().assign(crp=[["-9", "-", "geronnen"][n % 3] if n < 9 else f"{n}.5" for n in range(160)])
    frame.to_csv(folder / "export.csv", index=False)
    assert main(["new-study", NEW, "--from", "export.csv", "--outcome", "ill"]) == 1
    assert "received `aaaaaaaa`, in 3 cells" in capsys.readouterr().err
    entry = drafted(folder, "export.csv", capsys, "--missing", "-9", "geronnen", "--missing", "-")
    assert entry["source"]["missing"] == ["-9", "geronnen", "-"]
    assert "crp" not in entry["source"].get("columns", {})
    assert cohort()["crp"].isna().sum() == 9
