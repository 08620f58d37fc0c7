"""Nothing that gives a patient away gets as far as MLflow."""

import json
from pathlib import Path

import pytest
from made_projects import patients, predicted

from theragate.runner.command import exit_code
from theragate.runner.workspace import Workspace
from theragate.stages.gate import gate
from theragate.stages.register import register

LEAKS = {
    "a table on the page": ("validation.html", lambda page: page + patients().head(3).to_html()),
    "predictions of all on the card": (
        "card.md",
        lambda page: page + "\n".join(f"| {p} | x |" for p in predicted()["prediction"]),
    ),
}


@pytest.fixture
def judged(by_hand: Workspace) -> Workspace:
    assert exit_code(gate, [by_hand.study]) == 0
    return by_hand


def stores(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.suffix == ".db" or path.name == "registration.json"]


def test_what_was_looked_into_is_written_down(judged: Workspace) -> None:
    assert exit_code(register, [judged.study]) == 0
    found = json.loads(judged.report("disclosure.json").read_text(encoding="utf-8"))
    names = {"card.md", "evidence.json", "figures/roc.png", "validation.html", "verdict.json"}
    assert set(found["files"]) == names | {"estimator/model.json", "record.json"}
    assert found["others"] == ["dataset", "descriptions", "metrics", "parameters", "recipe.json", "tags"]
    assert (found["k"], found["l"]) == (11, 2)


@pytest.mark.parametrize("leak", list(LEAKS))
def test_a_leak_stops_everything_before_mlflow(leak: str, judged: Workspace, capsys) -> None:
    name, change = LEAKS[leak]
    path = judged.report({"validation.html": "published.html"}.get(name, name))
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    capsys.readouterr()
    assert exit_code(register, [judged.study]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"study `{judged.study}`, {name}" in line
    assert "nothing that goes to MLflow gives a patient away" in line
    assert stores(judged.root) == []
    assert not judged.report("disclosure.json").exists()


def test_a_model_that_stores_its_patients_is_refused_and_so_is_one_that_cannot_be_read(
    judged: Workspace, capsys
) -> None:
    from made_projects import put_evidence

    from theragate.project.documents import read_measured

    inside = judged.model("estimator") / "neighbours.json"
    for content, message in ((patients()["age"].to_json(orient="values"), "(values)"), (None, "cannot be searched")):
        inside.write_text(content or "", encoding="utf-8")
        if content is None:
            inside.rename(inside.with_suffix(".pkl"))
        put_evidence(judged, read_measured(judged).evidence)
        assert exit_code(gate, [judged.study]) == 0
        capsys.readouterr()
        assert exit_code(register, [judged.study]) == 1
        assert message in capsys.readouterr().err
        assert stores(judged.root) == []


def test_the_cohort_that_is_looked_for_has_to_be_there(judged: Workspace, capsys) -> None:
    judged.model("refits.parquet").unlink()
    assert exit_code(register, [judged.study]) == 1
    assert f"dvc repro refit@{judged.study}" in capsys.readouterr().err
