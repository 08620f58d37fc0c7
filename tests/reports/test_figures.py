"""Figures are drawn for real, on a canvas without a screen; the files are then read."""

import struct
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from records_by_hand import training_record

from theragate.errors import StoreError
from theragate.evidence.published import publish
from theragate.evidence.types import Curve, Estimate, Evidence, GroupEvidence
from theragate.reports._canvas import house_style
from theragate.reports._forest import draw_subgroups
from theragate.reports._importances import draw_importances
from theragate.reports.figures import CURVES, draw_figures
from theragate.study import Study, load_study

ROOT = Path(__file__).parents[2]
EXPECTED = {
    "breast_cancer_diagnosis": ["roc", "calibration", "decision_curve", "subgroups", "importances"],
    "diabetes_progression": ["calibration", "errors", "subgroups", "importances"],
    "heart_attack_survival": ["auc_over_time", "calibration", "decision_curve", "subgroups", "importances"],
}


def texts(figure: Any) -> list[str]:
    """Everything that is written on a figure."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts]
    return [" ".join(text.split()) for text in found]


def assert_written_within_the_page(figure: Figure) -> None:
    figure.canvas.draw()
    written: list[Text] = [*figure.texts]
    for axes in figure.axes:
        written += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        written += axes.get_legend().get_texts() if axes.get_legend() else []
    for text in written:
        box = text.get_window_extent()
        if text.get_visible() and text.get_text():
            assert box.x0 >= 0, text.get_text()
            assert box.x1 <= figure.bbox.width, text.get_text()
            assert box.y0 >= 0, text.get_text()
            assert box.y1 <= figure.bbox.height, text.get_text()


def size(path: Path) -> tuple[int, int]:
    return struct.unpack(">II", path.read_bytes()[16:24])


def chunks(path: Path) -> list[str]:
    content, place, names = path.read_bytes(), 8, []
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        names.append(content[place + 4 : place + 8].decode())
        place += length + 12
    return names


@pytest.mark.parametrize("name", EXPECTED)
def test_every_study_gets_its_figures(name, make_evidence, studies, record, tmp_path):
    drawn = draw_figures(make_evidence(name), record, studies[name], tmp_path / "new" / "folder")
    assert [path.stem for path in drawn] == EXPECTED[name]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(p.name for p in drawn)
    for path in drawn:
        assert size(path)[0] >= 900
        if path.stem != "subgroups":
            assert size(path) == (900, 705)
        ink = imread(path)[..., :3]
        assert ink.min() < 0.5 < ink.mean(), "neither empty nor filled"


def test_the_same_evidence_gives_the_same_bytes_and_names_no_program(make_evidence, studies, record, tmp_path):
    name = "heart_attack_survival"
    first = draw_figures(make_evidence(name), record, studies[name], tmp_path / "one")
    again = draw_figures(make_evidence(name), record, studies[name], tmp_path / "two")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    for path in first:
        assert set(chunks(path)) == {"IHDR", "pHYs", "IDAT", "IEND"}


def test_the_user_s_settings_change_nothing_and_are_left_alone(make_evidence, studies, record, tmp_path):
    name = "breast_cancer_diagnosis"
    evidence = make_evidence(name)
    evidence = evidence.model_copy(update={"curves": {"roc": evidence.curves["roc"]}})
    plain = draw_figures(evidence, record, studies[name], tmp_path / "one")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.bbox": "tight"}):
        other = draw_figures(evidence, record, studies[name], tmp_path / "two")
        assert mpl.rcParams["font.size"] == 30
    assert [path.read_bytes() for path in plain] == [path.read_bytes() for path in other]


def test_simulated_patients_are_marked_on_every_figure(make_evidence, studies, record, tmp_path):
    name = "light_chain_mortality"
    both = (make_evidence(name, simulated=flag) for flag in (False, True))
    # Of the simulated nothing is withheld; here both show the same groups.
    groups = publish(make_evidence(name)).groups
    both = (
        evidence.model_copy(update={"curves": {"decision": evidence.curves["decision"]}, "groups": groups})
        for evidence in both
    )
    real, simulated = (
        draw_figures(evidence, record, studies[name], tmp_path / str(n)) for n, evidence in enumerate(both)
    )
    for path, marked in zip(real, simulated, strict=True):
        difference = np.abs(imread(path) - imread(marked)).max(axis=2) > 0.02
        assert 0.005 < difference.mean() < 0.3, path.name


def test_each_group_has_a_row_with_its_numbers(make_evidence, studies):
    written = texts(draw_subgroups(make_evidence("heart_attack_survival"), studies["heart_attack_survival"]))
    assert {"All patients", "Sex", "male", "female", "Age in years", "≤65", "Sex × Age in years"} <= set(written)
    assert "1.02 (0.87 to 1.20)" in written, "the logarithm of the ratio is written as the ratio"
    assert "0.034 (0.014 to 0.054)" in written
    assert "Net benefit over the better default at 20%" in written
    assert written.count("not estimable: no event in this group") == 3, "an absent estimate keeps its place"


def test_groups_stand_in_the_order_of_their_declaration(make_evidence, make_group, studies):
    labels = ["Missing", ">75", "65–75", "≤65"]
    groups = [make_group("sex & age_band", f"female & {label}", "survival") for label in labels]
    groups += [make_group("age_band", label, "survival") for label in labels]
    groups += [make_group("sex", label, "survival") for label in ("Missing", "female", "male")]
    evidence = make_evidence("heart_attack_survival", groups=groups)
    written = [text for text in texts(draw_subgroups(evidence, studies["heart_attack_survival"])) if "(" not in text]
    column = [text for text in written if not text.isdigit()]
    order = ["Age in years", "≤65", "65–75", ">75", "Missing", "Sex", "male", "female", "Missing", "Sex × Age in years"]
    order += ["female & ≤65", "female & 65–75", "female & >75", "female & Missing"]
    start = column.index("Age in years")
    assert column[start : start + len(order)] == order


def test_a_few_patients_are_not_drawn_apart(make_evidence, make_group, studies, record, tmp_path):
    """Two cohorts that differ in their small groups alone give the same picture."""
    pictures = []
    for shift in (0.0, 0.3):
        groups = [make_group("sex", "male", "survival", n=250), make_group("sex", "female", "survival", n=240)]
        groups.append(make_group("sex", "other", "survival", n=10, shift=shift))
        evidence = make_evidence("heart_attack_survival", groups=groups).model_copy(update={"curves": {}})
        drawn = draw_figures(evidence, record, studies["heart_attack_survival"], tmp_path)
        pictures.append([path.read_bytes() for path in drawn])
    assert pictures[0] == pictures[1]
    written = texts(draw_subgroups(publish(evidence), studies["heart_attack_survival"]))
    assert "male" in written
    assert not {"female", "other", "10", "240"} & set(written), "250 and 240 would tell that 10 are left"
    assert "withheld (2 groups)" in written


def test_a_study_without_groups_says_so(make_evidence, studies):
    written = texts(draw_subgroups(make_evidence("breast_cancer_diagnosis"), studies["breast_cancer_diagnosis"]))
    assert "All patients" in written
    assert any("No group was recorded" in text for text in written)


def test_thirty_groups_and_long_labels_fit_the_page(make_evidence, make_group, studies):
    label = "patients who were admitted in the winter of a year that was far longer than any label ought to be"
    groups = [make_group("sex", f"{place} {label}", "survival", n=40 + place) for place in range(30)]
    few = draw_subgroups(make_evidence("heart_attack_survival", groups=groups[:2]), studies["heart_attack_survival"])
    many = draw_subgroups(make_evidence("heart_attack_survival", groups=groups), studies["heart_attack_survival"])
    assert many.get_size_inches()[1] > few.get_size_inches()[1] + 28 * 0.25
    assert_written_within_the_page(many)


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_is_written_beyond_the_page(name, make_evidence, studies, record):
    evidence, study = make_evidence(name), studies[name]
    with house_style():
        for curve, (_, draw) in CURVES.items():
            if curve in evidence.curves:
                assert_written_within_the_page(draw(evidence, study))
        assert_written_within_the_page(draw_subgroups(evidence, study))
        assert_written_within_the_page(draw_importances(record, study))


def test_one_very_wide_interval_does_not_flatten_the_others(make_evidence, make_group, studies):
    wide = make_group("sex", "wide", "survival", n=40)
    wild = Estimate(value=0.0, lower=-50.0, upper=50.0, method="made by hand")
    wide = wide.model_copy(update={"metrics": {**wide.metrics, "log_observed_expected": wild}})
    groups = [make_group("sex", label, "survival") for label in ("a", "b")]
    figure = draw_subgroups(
        make_evidence("heart_attack_survival", groups=[*groups, wide]), studies["heart_attack_survival"]
    )
    low, high = figure.axes[1].get_xlim()
    assert -2 < low < high < 2


@pytest.mark.parametrize("label", ["cost in $ of $x_1^2$", "中文标签", "two\nlines", "a" * 300])
def test_any_label_is_drawn_as_it_is_written(label, make_evidence, make_group, studies, tmp_path):
    evidence = make_evidence("heart_attack_survival", groups=[make_group("sex", label, "survival")])
    evidence = evidence.model_copy(update={"curves": {}})
    record = training_record(importances={label: {"mean": 0.1, "sd": 0.01}})
    assert len(draw_figures(evidence, record, studies["heart_attack_survival"], tmp_path)) == 2


@pytest.mark.parametrize("name", ["diabetes_progression", "heart_attack_survival"])
def test_evidence_without_any_estimate_is_still_drawn(name, make_evidence, studies, tmp_path):
    evidence = make_evidence(name)
    absent = Estimate.absent("everybody was censored before the horizon, which leaves nothing to measure here")
    groups = tuple(
        group.model_copy(update={"metrics": dict.fromkeys(group.metrics, absent)}) for group in evidence.groups
    )
    update = {"overall": dict.fromkeys(evidence.overall, absent), "groups": groups, "curves": {}}
    drawn = draw_figures(evidence.model_copy(update=update), training_record(importances={}), studies[name], tmp_path)
    assert [path.stem for path in drawn] == ["subgroups", "importances"]


def test_flat_and_single_point_curves_are_drawn(make_evidence, studies, record, tmp_path):
    flat = {
        "roc": Curve(x=(0.0, 1.0), y=(1.0, 1.0)),
        "calibration": Curve(x=(0.0,), y=(0.0,)),
        "decision": Curve(x=(0.02, 0.5), y=(0.0, 0.0), lower=(0.0, 0.0), upper=(0.0, 0.0)),
    }
    evidence = make_evidence("breast_cancer_diagnosis").model_copy(update={"curves": flat})
    assert len(draw_figures(evidence, record, studies["breast_cancer_diagnosis"], tmp_path)) == 5


def test_only_the_fifteen_most_important_features_are_drawn(studies):
    record = training_record(importances={f"feature_{place}": {"mean": place / 10, "sd": 0.01} for place in range(40)})
    figure = draw_importances(record, studies["heart_attack_survival"])
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [f"feature {place}" for place in range(39, 24, -1)]
    assert "15 most important of 40" in texts(figure)[1]


def test_features_are_called_what_a_clinician_calls_them(studies):
    record = training_record(importances={"sysbp": {"mean": 0.1, "sd": 0.0}})
    figure = draw_importances(record, studies["heart_attack_survival"])
    assert figure.axes[0].get_yticklabels()[0].get_text() == "systolic blood pressure, mmHg"


def test_a_disk_that_does_not_take_the_file_is_named(make_evidence, studies, record, tmp_path):
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="the file can be written"):
        draw_figures(
            make_evidence("heart_attack_survival"), record, studies["heart_attack_survival"], tmp_path / "taken"
        )


def test_groups_that_only_some_metrics_know_keep_their_rows(make_evidence, studies):
    group = GroupEvidence(
        attribute="sex", label="male", judged=True, n=200, share=0.4, events=60, non_events=140, metrics={}
    )
    evidence: Evidence = make_evidence("heart_attack_survival", groups=[group])
    study: Study = load_study(ROOT / "params.yaml", "heart_attack_survival")
    assert texts(draw_subgroups(evidence, study)).count("not estimable: not measured for this group") == 3
