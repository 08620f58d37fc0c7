"""The story of docs/warfarin.md: without the variants of African ancestry fairness fails, and with them it holds."""

import re
import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from simulations.ancestry import MODELS, compared, rows
from theragate.study import read_parameters

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def answers():
    return dict(zip(MODELS, compared(resamples=200), strict=True))


@pytest.fixture
def panel(answers):
    return answers["the common panel, as declared"]


@pytest.fixture
def with_ancestry(answers):
    return answers["the common panel and ancestry"]


@pytest.fixture
def with_variants(answers):
    return answers["the common panel and the variants"]


def test_without_the_variants_the_fairness_gate_fails(panel):
    assert panel.finding.status == "fail"
    failed = {row.subject for row in panel.finding.comparisons if row.decides and row.status == "fail"}
    assert "variants=carriers" in failed
    assert not any("dose_band" in subject for subject in failed)


def test_with_them_it_passes_and_the_carriers_error_is_gone(panel, with_variants):
    assert with_variants.finding.status == "pass"
    before, after = (one.of("mean_error", "variants=carriers") for one in (panel, with_variants))
    assert before.lower > 5
    assert -1.5 < after.lower < after.upper < 1.5
    assert with_variants.evidence.overall["r2"].value > panel.evidence.overall["r2"].value


def test_ancestry_instead_of_variants_hides_the_harm_from_ancestries_and_not_from_the_gate(panel, with_ancestry):
    black = with_ancestry.of("mean_error", "ancestry=Black")
    assert -1.5 < black.lower < black.upper < 1.5
    assert with_ancestry.of("mean_error", "ancestry & variants=Black & carriers").lower > 2.5
    others = "ancestry & variants=Black & non-carriers"
    assert with_ancestry.of("mean_error", others).value < panel.of("mean_error", others).value < 0
    assert with_ancestry.finding.status == "fail"


def test_the_ends_of_the_dose_are_a_warning_and_no_verdict(with_variants):
    listed = [row for row in with_variants.finding.comparisons if "dose_band" in row.subject]
    assert {row.subject for row in listed} == {"dose_band=≤21", "dose_band=21–49", "dose_band=>49"}
    assert not any(row.decides for row in listed)
    assert any("dose band ≤21" in warning for warning in with_variants.finding.warnings)


def test_the_page_has_a_row_for_each_model(answers):
    text = (DOCS / "warfarin.md").read_text(encoding="utf-8")
    table = text.partition("<!-- ancestry -->")[2].partition("<!-- end ancestry -->")[0]
    # The page's intervals are from more resamples; model, answers and estimates are the same.
    shown = [[cell.split("(")[0].strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    due = [
        [cell.split("(")[0].strip() for cell in line.split("|")] for line in rows(list(answers.values())).splitlines()
    ]
    assert shown == due


def test_the_pages_command_changes_what_the_model_sees_and_nothing_else(tmp_path):
    page = (DOCS / "warfarin.md").read_text(encoding="utf-8")
    keys = [f"studies.warfarin_dose.features.dropped.{name}" for name in re.findall(r'"~\$dropped\.(\w+)"', page)]
    path = tmp_path / "params.yaml"
    shutil.copy(DOCS.parent / "params.yaml", path)
    apply_overrides(path, [f"~{key}" for key in keys])
    before, after = read_parameters(DOCS.parent / "params.yaml"), read_parameters(path)
    dropped = before["studies"]["warfarin_dose"]["features"]["dropped"]
    assert set(dropped) == {"ancestry", "variants", *(key.rpartition(".")[2] for key in keys)}
    for key in keys:
        del dropped[key.rpartition(".")[2]]
    assert after == before
