"""The numbers on the pages are those of the files that git keeps: metrics of each study, benchmarks."""

import json
import re
from functools import cache
from typing import Any

import pytest
from documentation.pages import ROOT, Page

from benchmarks.deployments import MARKS
from benchmarks.deployments import table as deployment_table
from benchmarks.road import table as road_table
from docs.refresh import SHOWN
from theragate.evidence.catalogue import METRICS
from theragate.gates import GATES
from theragate.study import TASKS, load_studies

README, RESULTS = Page(ROOT / "README.md"), Page(ROOT / "docs" / "results.md")
PERFORMANCE = Page(ROOT / "docs" / "performance.md")
STUDIES = {study.name: study for study in load_studies(ROOT / "params.yaml")}
NUMBER = re.compile(r"[−+]?\d[\d,]*(?:\.\d+)?")
EVERY_STUDY = pytest.mark.parametrize("study", STUDIES)


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


@cache
def metrics(study: str) -> dict[str, Any]:
    """What DVC keeps of a study in git: its verdict, the gates' answers, and the main metrics to four decimals."""
    return json.loads((ROOT / "reports" / study / "metrics.json").read_text(encoding="utf-8"))


@cache
def section(study: str) -> str:
    """What the page of results says of a study."""
    return RESULTS.text.partition(f"\n## {study}\n")[2].partition("\n## ")[0]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the tables in `text`, by their first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in reversed(cells)}  # of two rows of a name, the first is meant


def written(metric: str, study: str) -> str:
    return rows(section(study))[METRICS[metric].title][0]


@EVERY_STUDY
def test_the_page_of_results_has_the_metrics_of_each_study(study):
    known = metrics(study)
    for metric in TASKS[STUDIES[study].task].headline:
        values = [known.get(metric + ending) for ending in ("", "_lower", "_upper")]
        texts = NUMBER.findall(written(metric, study).replace("no interval", ""))
        for value, text in zip((value for value in values if value is not None), texts, strict=True):
            decimals = len(text.partition(".")[2])
            assert number(text) == pytest.approx(value, abs=0.5 * 10**-decimals + 0.5e-4 + 1e-12), metric


def blocking_gates(study: str) -> dict[str, str]:
    return {
        gate: answer for gate, answer in metrics(study)["gates"].items() if answer not in ("pass", "not_applicable")
    }


@EVERY_STUDY
def test_the_page_of_results_has_the_verdict_of_each_study(study):
    codes = {gate.name: gate.code for gate in GATES.values()}
    blocked = [f"{codes[gate]} {answer}" for gate, answer in blocking_gates(study).items()]
    assert sorted(blocked) == sorted(re.findall(r"TG\d{3} \w+", verdict_of(study)))
    assert verdict_of(study).startswith(metrics(study)["verdict"])
    assert f" {verdict_of(study)}." in section(study)


def verdict_of(study: str) -> str:
    """What the page's first table says."""
    observational = ", OBSERVATIONAL" if "OBSERVATIONAL" in section(study) else ""
    return rows(RESULTS.text)[f"[{study}](#{study}){observational}"][-1]


def excerpt() -> dict[str, list[str]]:
    """The lines of the README's excerpt, by study."""
    text = README.text.partition("<!-- theragate summary -->\n```\n")[2].partition("\n```")[0]
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return {lines[0].split()[0]: lines for lines in blocks[:-1]}


def test_the_excerpt_shows_the_studies_that_it_names():
    assert tuple(excerpt()) == SHOWN
    assert tuple(study for study in STUDIES if study in SHOWN) == SHOWN


@pytest.mark.parametrize("study", SHOWN)
def test_the_excerpt_in_the_readme_follows_from_the_page_of_results(study):
    heading, patients, *lines = excerpt()[study]
    verdict = metrics(study)["verdict"]
    assert heading.split("  ") == [study, verdict.replace("_", " ")]
    assert patients.strip().removesuffix("; held-out evidence, 95% limits") in section(study)
    titles = [METRICS[metric].title for metric in TASKS[STUDIES[study].task].headline]
    for title, line in zip(titles, lines, strict=False):
        before, _, text = line.partition(title)
        assert (before, text.strip()) == (" " * 4, rows(section(study))[title][0])
    reasons = lines[len(titles) :]
    if verdict == "BLOCKED":
        blocked = [re.fullmatch(r"  blocked by TG\d{3} ([\w ]+): (\w+)", line).groups() for line in reasons]
        assert dict(blocked) == {gate.replace("_", " "): answer for gate, answer in blocking_gates(study).items()}
    elif verdict == "PASS":
        assert reasons == []
    else:
        assert_an_average_effect(" ".join(line.strip() for line in reasons), study)


def assert_an_average_effect(text: str, study: str) -> None:
    hazard = rows(section(study))["Separate check by Cox regression"][0]
    assert hazard in text
    shown = re.findall(r"([\d.]+) \(([\d.]+) to ([\d.]+)\) percentage points", text)
    values = [metrics(study)[f"average_effect{ending}"] for ending in ("", "_lower", "_upper")]
    assert len(shown) == 2
    for texts in shown:
        assert [float(text) for text in texts] == pytest.approx([100 * value for value in values], abs=0.06)
    autoc = rows(section(study))[METRICS["autoc"].title][0]
    assert f"(AUTOC) is {autoc}" in text


def test_the_readme_counts_who_passes():
    passing = [study for study in STUDIES if metrics(study)["verdict"] == "PASS"]
    numerals = ("No model passes", "One model passes", "Two models pass", "Three models pass")
    sentence = README.prose.partition(numerals[len(passing)])[2].partition(".")[0]
    assert sentence.startswith(" every gate")
    assert all(words in sentence for words in ("light chains", "progression of diabetes"))
    assert passing == ["diabetes_progression", "light_chain_mortality"]
    assert f"a summary of {len(STUDIES)} studies".replace("10", "ten") in README.text


def test_the_benchmarks_on_the_page_are_those_of_the_last_run():
    measured = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    table = PERFORMANCE.text.partition("| measure | value |")[2].partition("\n\n")[0]
    values = {name.strip("`"): cells[0] for name, cells in rows(table).items() if name.startswith("`")}
    assert len(values) > 10
    for name, text in values.items():
        assert number(NUMBER.findall(text)[0]) == pytest.approx(measured[name]["median"], rel=0.02, abs=0.04), name


def test_the_stages_of_large_cohorts_on_the_page_are_those_of_the_last_run():
    measured = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert f"<!-- roads -->\n{road_table(measured)}\n<!-- end roads -->" in PERFORMANCE.text


def test_the_cost_of_deployments_on_the_page_is_that_of_the_last_run():
    measured = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert f"{MARKS[0]}{deployment_table(measured)}\n{MARKS[1]}" in page


def test_every_benchmark_that_has_an_aim_has_a_value():
    aims = PERFORMANCE.text.partition("| measure | what is compared | aim |")[2].partition("\n\n")[0]
    values = PERFORMANCE.text.partition("| measure | value |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in aims.splitlines()[2:])) == re.findall(
        r"`(\w+)`", "".join(line.split("|")[1] for line in values.splitlines()[2:])
    )
