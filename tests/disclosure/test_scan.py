"""Planted leaks are found in every kind of file, and what may be released is let through."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from matplotlib.figure import Figure

from theragate.disclosure.patients import Patients
from theragate.disclosure.scan import scan
from theragate.errors import DataError, EvidenceError

N = 300


def patients(*, ids: bool = False) -> Patients:
    random = np.random.default_rng(5)
    cohort = pd.DataFrame(
        {
            "patient": [f"P-{row:04}" if ids else str(row + 1) for row in range(N)],
            "age": random.integers(40, 90, N),
            "sex": random.choice(["f", "m"], N),
            "bmi": random.normal(27, 4, N).round(2),
            "marker": random.normal(size=N),
            "pressure": random.integers(90, 180, N),
            "stage": random.integers(1, 5, N),
            "days": random.integers(1, 4000, N),
            "died": random.integers(0, 2, N),
        }
    )
    return Patients(cohort, ("days", "died"), {"held-out predictions": random.uniform(size=N)})


PATIENTS = patients()
FEATURES = PATIENTS.cohort[["age", "bmi", "marker", "pressure", "stage"]].to_numpy()
SHUFFLED = np.random.default_rng(0).permutation(N)


def scanned(tmp_path: Path, name: str, content: bytes | str, *, whom: Patients = PATIENTS):
    path = tmp_path / Path(name).name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return scan({name: path}, whom, study="any")


def npz(**arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def html(frame: pd.DataFrame) -> str:
    return f"<html><body><p>Hello</p>{frame.to_html()}</body></html>"


def markdown(frame: pd.DataFrame) -> str:
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.astype(str).to_numpy().tolist()]
    return "# A card\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n\nThe end."


COHORT, PREDICTED = PATIENTS.cohort, PATIENTS.predictions["held-out predictions"]
LEAKS: dict[str, tuple[str, str | bytes | Callable[[], bytes], str]] = {
    "the cohort": ("table.csv", COHORT.to_csv(index=False), "rows"),
    "some of its rows, in another order": ("some.csv", COHORT.iloc[SHUFFLED[:5], [6, 1, 2]].to_csv(), "rows"),
    "rows as Parquet": ("rows.parquet", COHORT.drop(columns="patient").to_parquet(), "rows"),
    "one patient as an object": (
        "one.json",
        json.dumps({"example": {"age": int(COHORT["age"][0]), "bmi": float(COHORT["bmi"][0])}}),
        "rows",
    ),
    "rows as objects": ("rows.json", COHORT.head(3)[["age", "sex", "bmi"]].to_json(orient="records"), "rows"),
    "columns as lists": (
        "columns.json",
        json.dumps({"deep": [{"x": COHORT.head(9)[["age", "bmi"]].to_dict(orient="list")}]}),
        "rows",
    ),
    "rows without names": ("rows.json", json.dumps({"support": FEATURES[:4].tolist()}), "rows"),
    "one row without a name": ("row.json", json.dumps({"anchor": FEATURES[7].tolist()}), "rows"),
    "the training rows in a model": ("model.npz", npz(rows=FEATURES), "rows"),
    "the same in single precision": ("model.npz", npz(rows=FEATURES.astype(np.float32)), "rows"),
    "the same, turned": ("model.npz", npz(rows=FEATURES.T), "rows"),
    "rows on a page": ("page.html", html(COHORT.head(2)[["age", "bmi", "sex"]]), "rows"),
    "rows on a card": ("card.md", markdown(COHORT.head(2)[["age", "bmi", "sex"]]), "rows"),
    "a column": ("column.json", json.dumps(COHORT["marker"].tolist()), "values"),
    "a part of a column, shuffled": ("part.json", json.dumps(COHORT["marker"].iloc[SHUFFLED[:20]].tolist()), "values"),
    "a column in single precision": ("model.npz", npz(x=COHORT["marker"].to_numpy(dtype=np.float32)), "values"),
    "survival times": ("times.json", json.dumps({"leaf": sorted(COHORT["days"].iloc[:150].tolist())}), "values"),
    "held-out predictions": (
        "curve.json",
        json.dumps({"roc": {"x": sorted(PREDICTED), "y": list(range(N))}}),
        "values",
    ),
    "one point per patient among others": (
        "curve.json",
        json.dumps([*PREDICTED[:40], *np.linspace(0, 1, 60)]),
        "values",
    ),
    "predictions with three digits": ("curve.json", json.dumps(sorted(PREDICTED.round(3))), "values"),
    "some of them, in single precision": ("model.npz", npz(x=PREDICTED[:90].round(4).astype(np.float32)), "values"),
    "a standardised column": (
        "model.npz",
        npz(x=((COHORT["marker"] - COHORT["marker"].mean()) / 3.7).to_numpy()),
        "values",
    ),
    "predictions of the other class": ("model.npz", npz(x=1 - PREDICTED), "values"),
    "predictions in percent, in single precision": ("model.npz", npz(x=(100 * PREDICTED).astype(np.float32)), "values"),
    "predictions on a page": (
        "page.html",
        html(pd.DataFrame({"risk": PREDICTED[:30]}, dtype=str).map(lambda x: x)),
        "values",
    ),
}


@pytest.mark.parametrize("leak", list(LEAKS))
def test_a_planted_leak_is_found_and_no_value_is_told(leak, tmp_path):
    name, content, rule = LEAKS[leak]
    with pytest.raises(EvidenceError) as caught:
        scanned(tmp_path, name, content)
    message = str(caught.value)
    assert f"study `any`, {name}" in message
    assert f"gives a patient away ({rule})" in message
    assert "\n" not in message
    assert not any(f"{value}" in message for value in [*COHORT["marker"][:30], *PREDICTED[:30]])


@pytest.mark.parametrize("file", ["ids.json", "ids.txt", "ids.csv", "ids.npz"])
def test_an_id_is_found(file, tmp_path):
    whom = patients(ids=True)
    content = {
        "ids.json": json.dumps({"who": {"first": "P-0003"}}),
        "ids.txt": "trained on P-0003 and others",
        "ids.csv": "who,x\nP-0003,1\n",
        "ids.npz": npz(who=np.array(["P-0003", "P-9999"])),
    }[file]
    with pytest.raises(EvidenceError, match=r"\(identifiers\); received 1 entries that are patients' ids"):
        scanned(tmp_path, file, content, whom=whom)


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        ({"tags": {"note": "as in P-0003 before"}}, "identifiers"),
        ({"descriptions": ["fine", "P-0003"]}, "identifiers"),
        ({"metrics": {"all": PREDICTED[:50].round(6).tolist()}}, "values"),
        ({"parameters": {"age": str(COHORT["age"][0]), "bmi": str(COHORT["bmi"][0])}}, "rows"),
        ({"tags": {"curve": " ".join(map(str, PREDICTED[:50]))}}, "values"),
    ],
)
def test_what_is_sent_without_a_file_is_looked_into(sent, rule):
    (name,) = sent
    with pytest.raises(EvidenceError, match=rf"study `any`, {name}.*\({rule}\)"):
        scan({}, patients(ids=True), study="any", others=sent)
    assert scan({}, PATIENTS, study="any", others={name: {"fine": "12 words"}}).record()["others"] == (name,)


def quantiles(frame: pd.DataFrame) -> str:
    return json.dumps({name: np.quantile(frame[name], np.linspace(0.1, 0.9, 9)).tolist() for name in ("age", "bmi")})


def booster() -> bytes:
    data = xgboost.DMatrix(FEATURES, label=COHORT["died"], feature_names=["age", "bmi", "marker", "pressure", "stage"])
    return bytes(xgboost.train({"max_depth": 4, "nthread": 1}, data, 20).save_raw("ubj"))


def picture() -> bytes:
    content = io.BytesIO()
    Figure().savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def zipped(**members: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return content.getvalue()


HONEST: dict[str, tuple[str, Callable[[], str | bytes]]] = {
    "quantiles": ("summary.json", lambda: quantiles(COHORT)),
    "a grid": ("curve.json", lambda: json.dumps({"x": np.linspace(0, 1, 101).tolist(), "y": [0.5] * 101})),
    "a fine grid": ("curve.json", lambda: json.dumps(np.linspace(0, 1, 1001).round(3).tolist())),
    "as many steps as patients": ("curve.json", lambda: json.dumps(np.linspace(0, 1, N).tolist())),
    "other people's predictions": ("curve.json", lambda: json.dumps(np.random.default_rng(9).uniform(size=N).tolist())),
    "the same with three digits": (
        "curve.json",
        lambda: json.dumps(np.random.default_rng(9).uniform(size=N).round(3).tolist()),
    ),
    "small whole numbers": ("nodes.json", lambda: json.dumps(list(range(200)))),
    "trees": ("booster.ubj", booster),
    "a picture": ("figure.png", picture),
    "a table of metrics": (
        "card.md",
        lambda: markdown(pd.DataFrame({"metric": ["auroc", "ici"], "value": [0.8, 0.02]})),
    ),
    "groups of many": (
        "groups.csv",
        lambda: COHORT.groupby(["sex", "stage"]).size().rename("n").reset_index().to_csv(),
    ),
    "an archive": ("design.skops", lambda: zipped(schema_json=json.dumps({"mean": [1.0, 2.0], "name": "x"}))),
    "nothing": ("empty.json", lambda: "{}"),
}


@pytest.mark.parametrize("kind", list(HONEST))
def test_what_gives_nobody_away_is_let_through(kind, tmp_path):
    name, content = HONEST[kind]
    found = scanned(tmp_path, name, content())
    assert list(found.files) == [name]
    assert found.record()["k"] == 11


def test_a_row_that_eleven_share_may_be_released_unless_all_have_one_outcome(tmp_path):
    frame = pd.DataFrame(
        {
            "patient": [str(row) for row in range(33)],
            "sex": ["f"] * 11 + ["m"] * 11 + ["f"] * 11,
            "stage": [1] * 11 + [2] * 22,
            "died": [0, 1] * 11 + [1] * 11,
        }
    )
    whom = Patients(frame, ("died",))
    assert scanned(tmp_path, "a.json", json.dumps([{"sex": "f", "stage": 1}]), whom=whom).tables
    with pytest.raises(EvidenceError, match="1 rows whose patients all have one outcome, in sex, stage"):
        scanned(tmp_path, "b.json", json.dumps([{"sex": "f", "stage": 2}]), whom=whom)
    with pytest.raises(EvidenceError, match=r"1 rows that fewer than 11 patients share, in sex, stage, died"):
        scanned(tmp_path, "c.json", json.dumps([{"sex": "f", "stage": 1, "died": 0}]), whom=whom)


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.pkl", b"\x80\x04"), ("broken.json", b"{"), ("broken.npz", b"PK"), ("x.ubj", b"{}"), ("x.png", b"GIF89a")],
)
def test_what_nobody_can_look_into_is_refused(name, content, tmp_path):
    with pytest.raises(DataError, match="what goes to MLflow can be searched for patients' rows"):
        scanned(tmp_path, name, content)


def test_an_archive_within_which_nobody_can_look_is_refused(tmp_path):
    with pytest.raises(DataError, match="a kind of file that cannot be searched"):
        scanned(tmp_path, "design.skops", zipped(code_py="print()"))
