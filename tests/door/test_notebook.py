"""The example notebook runs from its first cell to its last, on a study of another name and task than ours."""

import ast
import json
import os
import re

import pandas as pd
import pytest
from documentation.pages import ROOT
from support import STUDY

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path) -> list[str]:
    return ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def shown_by(code: str, names: dict) -> str:
    """Run a cell as a notebook does; return what its last expression shows, as HTML where it has that."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102 - our own notebook
    if last is None:
        return ""
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307 - our own notebook
    return value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_shows_no_patient(path, judged_clone, monkeypatch):
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_", "THERAGATE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(judged_clone / "docs")
    monkeypatch.setattr(mpl, "rcParams", mpl.rcParams.copy())
    mpl.use("Agg")
    names: dict = {}
    try:
        shown = [shown_by(code, names) for code in cells(path)]
        assert plt.get_fignums(), "it draws something"
    finally:
        plt.close("all")
    text = "\n".join(shown)
    assert f"Verdict of {STUDY}" in text
    assert "data:image/png;base64," in text
    patients = pd.read_parquet(judged_clone / "data" / STUDY / "cohort.parquet")["patient"]
    assert not [patient for patient in patients if patient in text]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path):
    for cell in read(path)["cells"]:
        assert re.fullmatch(r"[a-z-]+", cell["id"])
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_there_is_a_notebook():
    assert NOTEBOOKS
