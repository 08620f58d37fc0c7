"""Planted leaks are found in every kind of file, and what may be released is let through."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from theragate.disclosure.patients import Patients
from theragate.disclosure.scan import scan
from theragate.disclosure.values import Asked
from theragate.errors import DataError, EvidenceError
from theragate.reports.gallery import draw_gallery

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


def test_a_name_of_a_sample_is_found_though_the_cohort_has_random_ids(tmp_path):
    links = tmp_path / "links.csv"
    links.write_text("source_id,patient\nNA12878,aa11\n0012,bb22\nmean,cc33\n")
    whom = replace(patients(), links=links)
    with pytest.raises(EvidenceError, match=r"\(identifiers\); received 1 entries that are patients' ids") as error:
        scanned(tmp_path, "note.txt", "trained on NA12878 and others", whom=whom)
    assert "NA12878" not in str(error.value)
    assert scanned(tmp_path, "more.txt", "a mean of 0012", whom=whom).tables
    absent = replace(whom, links=tmp_path / "none.csv")
    assert scanned(tmp_path, "note.txt", "trained on NA12878", whom=absent).tables


def test_a_row_of_a_few_peoples_genotypes_is_found(tmp_path):
    random = np.random.default_rng(2)
    cohort = pd.DataFrame({"patient": [f"P{row:04}x" for row in range(200)]})
    for name in ("vkorc1", "cyp2c9", "rs12777823"):
        cohort[name] = random.choice(["A/A", "A/G", "G/G"], 200, p=[0.05, 0.15, 0.8])
    rare = {"vkorc1": "A/A", "cyp2c9": "A/A", "rs12777823": "A/G"}
    cohort.loc[0, [*rare]] = [*rare.values()]
    whom = Patients(cohort.assign(dose=random.normal(size=200)), ("dose",))
    with pytest.raises(EvidenceError, match=r"\(rows\); received 1 rows that fewer than 11 patients share"):
        scanned(tmp_path, "example.json", json.dumps([rare]), whom=whom)


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
    [
        ("one.txt", b"##fileformat=VCFv4.3\n#CHROM\tPOS\n"),
        ("one.csv", b"\n!Series_title\t1\n"),
        ("one.vcf", b"##fileformat=VCFv4.3\n"),
        ("one.bcf", b"BCF\x02\x02"),
        ("one.npy", b"\x89HDF\r\n\x1a\n"),
        ("model.pkl", b"\x80\x04"),
        ("broken.json", b"{"),
        ("broken.npz", b"PK"),
        ("x.ubj", b"{}"),
        ("x.png", b"GIF89a"),
    ],
)
def test_what_nobody_can_look_into_is_refused(name, content, tmp_path):
    with pytest.raises(DataError, match="what goes to MLflow can be searched for patients' rows"):
        scanned(tmp_path, name, content)


def test_an_archive_within_which_nobody_can_look_is_refused(tmp_path):
    with pytest.raises(DataError, match="a kind of file that cannot be searched"):
        scanned(tmp_path, "design.skops", zipped(code_py="print()"))


def heaped(patients: int, *, seed: int) -> Patients:
    """Urine a day as it is written down: at times to the millilitre, at times in tens or hundreds."""
    random = np.random.default_rng(seed)
    urine = random.gamma(2.0, 1100.0, patients)
    step = random.choice([1, 5, 10, 100], patients, p=[0.4, 0.2, 0.2, 0.2])
    cohort = pd.DataFrame(
        {
            "patient": [str(row) for row in range(patients)],
            "urine": (urine / step).round() * step,
            "protein": random.gamma(2.0, 3.0, patients).round(2),
            "died": random.integers(0, 2, patients),
        }
    )
    return Patients(cohort, ("died",))


LIMITS = [12.0, 33.0, 55.0, 77.0, 11_000.0, 200_000.0]


@pytest.mark.parametrize("seed", range(5))
def test_round_limits_of_many_columns_are_no_patients_values(tmp_path, seed):
    whom = heaped(1000, seed=seed)
    urine = whom.cohort["urine"].unique()
    round_ones = np.sort(urine[urine % 100 == 0])[:20].tolist()
    rules = {"accepted": {"rules": [{"columns": ["x"], "low": 0.0, "high": high} for high in [*round_ones, *LIMITS]]}}
    held = dict(whom.values())["column `urine`"]
    assert held.matches(Asked(np.unique([*round_ones, *LIMITS])), 0)[0] >= 11
    assert scanned(tmp_path, "personal.json", json.dumps(rules), whom=whom).tables


def test_numbers_that_the_study_declares_count_for_nothing(tmp_path):
    whom = heaped(400, seed=1)
    declared = np.unique(whom.cohort["protein"])[:40]
    content = json.dumps({"rules": [{"low": low} for low in declared]})
    with pytest.raises(EvidenceError, match=r"\(values\).*40 are patients' column `protein`"):
        scanned(tmp_path, "a.json", content, whom=whom)
    said = Patients(whom.cohort, ("died",), declared=tuple(declared))
    assert scanned(tmp_path, "a.json", content, whom=said).tables
    with pytest.raises(EvidenceError, match=r"\(values\)"):  # what is not declared is found beside what is
        scanned(tmp_path, "b.json", json.dumps(np.unique(whom.cohort["protein"])[:80].tolist()), whom=said)


@given(
    st.sampled_from(["urine", "protein"]),
    st.integers(0, 10**6),
    st.integers(100, 800),
    st.floats(0.3, 1.0),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_third_of_a_column_is_found_whatever_is_declared(tmp_path_factory, column, seed, patients, share, single):
    whom = heaped(patients, seed=seed)
    cohort = whom.cohort
    limits = [float(limit(cohort[column])) for limit in (np.min, np.max, np.median)]
    whom = Patients(cohort, ("died",), declared=(*limits, *map(float, LIMITS)))
    values = cohort[column].sample(frac=share, random_state=seed).to_numpy()
    written = values.astype(np.float32) if single else values
    folder = tmp_path_factory.mktemp("leak")
    with pytest.raises(EvidenceError, match=rf"\(values\); received .* patients' column `{column}`"):
        scanned(folder, "leak.npy", npy(written), whom=whom)


def npy(values: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


def test_predictions_that_are_one_number_but_for_rounding_are_nobodys(tmp_path):
    random = np.random.default_rng(4)
    constant = 1e15 + np.arange(N) * 0.125
    whom = Patients(COHORT, ("days", "died"), {"held-out predictions": constant})
    others = 1e15 + random.permutation(10_000)[:40] * 7.0
    assert scanned(tmp_path, "curve.json", json.dumps(others.tolist()), whom=whom).tables
    with pytest.raises(EvidenceError, match="held-out predictions"):
        scanned(tmp_path, "leak.json", json.dumps(constant[:50].tolist()), whom=whom)


@pytest.mark.parametrize(
    ("file", "where", "remedy"),
    [
        ("estimator/personal.json", "accepted", "Choose rounder limits in expectations/any.json"),
        ("estimator/predictor.json", "linear", "drop it under `features.dropped`"),
        ("card.md", "", "Leave it out or aggregate it."),
    ],
)
def test_a_refusal_says_what_can_be_done(tmp_path, file, where, remedy):
    content = {where: {"rules": COHORT["bmi"].unique()[:60].tolist()}}
    text = json.dumps(content) if where else markdown(COHORT[["bmi"]])
    with pytest.raises(EvidenceError) as caught:
        scanned(tmp_path, file, text)
    assert caught.value.remedy.startswith(f"Nothing was written. {remedy}" if not where else "Nothing was written. ")
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    ["x\nP-0003,1\nP-0004,2\n", "x,y\nP-0003,1,2\n", "x,y\n1,2\n1,2,P-0003\n", "x,y\nP-0003\n"],
    ids=["the first cell of every line", "of one line", "the last cell of one line", "a short line"],
)
def test_no_cell_hides_in_a_line_of_another_length(tmp_path, content):
    with pytest.raises(DataError, match="cannot be read"):
        scanned(tmp_path, "ids.csv", content, whom=patients(ids=True))


def test_a_sheet_of_patients_images_does_not_leave(tmp_path):
    images = [(np.random.default_rng(1).random((30, 30)), np.ones((30, 30), dtype=np.int32))]
    draw_gallery(images, tmp_path / "gallery.png", title="A study", reason="They agreed.", simulated=False)
    with pytest.raises(EvidenceError, match=r"gives a patient away \(pictures\); received a picture that shows images"):
        scan({"figures/gallery.png": tmp_path / "gallery.png"}, PATIENTS, study="any")


@pytest.mark.parametrize(
    "reference", ["Patient/p1", "https://a.server/fhir/Patient/3f2", "Patient/0c3151bd-1cbf/_history/3"]
)
def test_a_record_of_a_patient_does_not_leave(tmp_path, reference):
    record = {"resourceType": "Observation", "status": "final", "subject": {"reference": reference}}
    for name, content in (("a.json", json.dumps(record)), ("a.csv", f"who,what\n{reference},x\n")):
        with pytest.raises(EvidenceError, match=r"gives a patient away \(records\); received 1 entries that refer"):
            scanned(tmp_path, name, content)
    others = json.dumps(record | {"subject": {"reference": "Group/p1"}, "note": "`Patient/` is a type"})
    scanned(tmp_path, "b.json", others)


@pytest.mark.parametrize("name", ["image.dcm", "mask.tiff", "IM0001"])
def test_an_image_itself_does_not_leave(tmp_path, name):
    with pytest.raises(DataError, match="a kind of file that cannot be searched"):
        scanned(tmp_path, name, b"\0" * 128 + b"DICM")
