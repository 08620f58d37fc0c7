"""The data of ``dvc plots``."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from records_by_hand import training_record

from theragate.errors import DataError, EvidenceError
from theragate.evidence.types import Curve, Estimate
from theragate.reports.plots import write_plot_data

EXPECTED = {
    "breast_cancer_diagnosis": ["roc", "calibration", "decision", "subgroups", "importances"],
    "diabetes_progression": ["calibration", "errors", "subgroups", "importances"],
    "heart_attack_survival": ["auc_over_time", "calibration", "decision", "subgroups", "importances"],
}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", EXPECTED)
def test_each_task_has_its_tables_and_stable_bytes(name, make_evidence, record, tmp_path):
    first = write_plot_data(make_evidence(name), record, tmp_path / "one")
    again = write_plot_data(make_evidence(name), record, tmp_path / "two")
    of_effects = {"effects", "toc"}
    everything = set().union(*EXPECTED.values()) | of_effects
    assert {path.stem for path in first} == everything, "DVC looks for the same files always"
    assert {path.stem for path in first if read(path)} == set(EXPECTED[name])
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert all(b"\r" not in path.read_bytes() for path in first)


def test_numbers_are_rounded_and_never_minus_zero(make_evidence, tmp_path):
    curve = Curve(x=(-1e-9, 1 / 3), y=(123456.789, 1.0), lower=(0.0, 0.5), upper=(1.0, 1.0))
    evidence = make_evidence("breast_cancer_diagnosis").model_copy(update={"curves": {"roc": curve}})
    write_plot_data(evidence, training_record(), tmp_path)
    assert (tmp_path / "roc.csv").read_text() == "fpr,tpr,lower,upper\n0,123457,0,1\n0.333333,1,0.5,1\n"


def test_the_decision_table_has_one_column_per_policy(make_evidence, tmp_path):
    curves = {
        "decision": Curve(x=(0.1, 0.2), y=(0.25, 0.2)),
        "decision_treat_all": Curve(x=(0.1, 0.2), y=(0.22, 0.125)),
    }
    evidence = make_evidence("breast_cancer_diagnosis").model_copy(update={"curves": curves})
    write_plot_data(evidence, training_record(), tmp_path)
    assert (
        tmp_path / "decision.csv"
    ).read_text() == "threshold,model,treat_all,treat_none\n0.1,0.25,0.22,0\n0.2,0.2,0.125,0\n"


def test_absent_estimates_keep_their_row_and_their_reason(make_evidence, make_group, record, tmp_path):
    group = make_group("sex", "male", "survival")
    absent = Estimate.absent("the curve did not converge")
    group = group.model_copy(update={"metrics": dict.fromkeys(group.metrics, absent)})
    write_plot_data(make_evidence("heart_attack_survival", groups=[group]), record, tmp_path)
    rows = [row for row in read(tmp_path / "subgroups.csv") if row["group"] == "sex=male"]
    assert len(rows) == 5
    assert {(row["value"], row["lower"], row["why"]) for row in rows} == {("", "", "the curve did not converge")}


def test_a_few_patients_are_not_written_apart(make_evidence, make_group, tmp_path):
    groups = [make_group("sex", "male", "survival", n=250), make_group("sex", "female", "survival", n=240)]
    groups.append(make_group("sex", "other", "survival", n=10))
    write_plot_data(make_evidence("heart_attack_survival", groups=groups), training_record(), tmp_path)
    rows = {row["group"]: row for row in read(tmp_path / "subgroups.csv")}
    assert set(rows) == {"all patients", "sex=male", "sex=withheld (2 groups)"}
    withheld = rows["sex=withheld (2 groups)"]
    assert (withheld["patients"], withheld["events"], withheld["value"]) == ("250", "–", "")


def test_a_cohort_of_a_handful_is_refused(make_evidence, tmp_path):
    evidence = make_evidence("heart_attack_survival", groups=[])
    cohort = evidence.cohort.model_copy(update={"patients": 10})
    with pytest.raises(EvidenceError, match="at least 11 patients; received 10"):
        write_plot_data(evidence.model_copy(update={"cohort": cohort}), training_record(), tmp_path)


def test_importances_fall_and_bad_numbers_are_left_out(make_evidence, tmp_path):
    record = training_record(
        importances={"b": {"mean": 0.1, "sd": 0.01}, "a": {"mean": 0.1, "sd": 0.02}, "c": {"mean": 0.3, "sd": 0.0}}
    )
    write_plot_data(make_evidence("diabetes_progression"), record, tmp_path)
    assert [row["feature"] for row in read(tmp_path / "importances.csv")] == ["c", "a", "b"]


def test_an_estimate_without_limits_has_empty_cells(make_evidence, tmp_path):
    overall = {"r2": Estimate(value=0.5, method="made by hand")}
    evidence = make_evidence("diabetes_progression", groups=[]).model_copy(update={"overall": overall})
    write_plot_data(evidence, training_record(), tmp_path)
    assert read(tmp_path / "subgroups.csv") == [
        {
            "group": "all patients",
            "metric": "r2",
            "value": "0.5",
            "lower": "",
            "upper": "",
            "patients": "500",
            "events": "–",
            "why": "",
        }
    ]


def test_writing_the_data_needs_no_plotting_library():
    code = (
        "import sys, theragate.reports.plots; "
        "heavy = {'matplotlib', 'pandas', 'scipy', 'sklearn', 'mlflow'} & {*sys.modules}; "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_spreadsheet_runs_a_cell(record, make_evidence, tmp_path):
    (importance, *_) = record.importances.values()
    named = record.model_copy(update={"importances": {"=HYPERLINK(1)": importance}})
    with pytest.raises(DataError, match=r"`importances.csv`: no cell .* received such a name of a feature or a level"):
        write_plot_data(make_evidence("heart_attack_survival"), named, tmp_path)
