"""One patient under two ids is found, also corrected, rounded or recoded; patients who are alike by chance are not."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from support import ROOT, Project, small_cohort
from support import STUDY as STUDY_NAME

from theragate.cohorts.cohort_frame import CohortFrame
from theragate.cohorts.deidentify import deidentify
from theragate.cohorts.sources import read_source
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.stages.validate import validate
from theragate.study import load_study, study_names
from theragate.validation._coincidence import agreement, parts_of
from theragate.validation.duplicates import find_duplicates

STUDY = SimpleNamespace(outcome_columns=("ill",), equal_patients=None, name="a_study")


def patients(n: int = 600, seed: int = 0) -> pd.DataFrame:
    """Measured to a decimal or two, with codes: what a small clinical table looks like."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.integers(30, 90, n),
            "weight": random.normal(75, 12, n).round(1),
            "height": random.normal(170, 9, n).round(),
            "marker": random.lognormal(0, 1, n).round(2),
            "pressure": random.normal(135, 15, n).round(),
            "stage": random.choice(["I", "II", "III", None], n),
            "ill": random.integers(0, 2, n),
        }
    )


def found(frame: pd.DataFrame) -> object:
    return find_duplicates(CohortFrame(frame.assign(patient=[f"secret{row}" for row in range(len(frame))])), STUDY)


def entered_twice(changed, rows: int = 60):
    frame = patients()
    return found(pd.concat([frame, changed(frame.iloc[:rows].copy())], ignore_index=True))


CHANGES = {
    "nothing": lambda again: again,
    "a corrected weight": lambda again: again.assign(weight=again["weight"] + 10),
    "weight and stage": lambda again: again.assign(weight=again["weight"] + 10, stage="II"),
    "another stage": lambda again: again.assign(stage=again["stage"].map({"I": "II", "II": "III", "III": "I"})),
    "the outcome": lambda again: again.assign(ill=1 - again["ill"]),
    "the outcome and a weight": lambda again: again.assign(ill=1 - again["ill"], weight=0.0),
    "a rounded marker": lambda again: again.assign(marker=again["marker"].round(1)),
    "upper case": lambda again: again.assign(stage=again["stage"].str.lower() + " "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_patients_who_were_entered_twice_are_found(change):
    twice = entered_twice(CHANGES[change])
    assert twice is not None
    assert 57 <= twice.rows <= 66
    assert (twice.equal >= 55) == (change in ("nothing", "upper case"))
    assert twice.share == pytest.approx(twice.rows / 660, abs=1e-6)


def test_a_copy_with_every_number_rounded_is_found():
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.normal(50, 20, (500, 6)), columns=list("abcdef")).assign(ill=random.integers(0, 2, 500))
    for decimals in (0, 1, 2):
        twice = found(pd.concat([frame, frame.iloc[:40].round(decimals)], ignore_index=True))
        assert (twice.rows, twice.equal) == (40, 0), decimals


def test_one_row_that_was_entered_twice_is_found_where_enough_was_measured():
    random = np.random.default_rng(2)
    frame = pd.DataFrame(random.normal(size=(400, 9)), columns=list("abcdefghi")).assign(ill=random.integers(0, 2, 400))
    twice = found(pd.concat([frame, frame.iloc[:1]], ignore_index=True))
    assert (twice.rows, twice.equal, twice.share) == (1, 1, round(1 / 401, 6))
    assert twice.by_chance < 1e-6


def test_a_whole_table_that_was_joined_to_itself_is_found():
    frame = patients()
    assert found(pd.concat([frame] * 3, ignore_index=True)).equal == 2 * len(frame)


def test_genomes_are_compared_without_comparing_everybody_with_everybody():
    random = np.random.default_rng(3)
    genes = random.binomial(2, random.uniform(0.05, 0.5, 1000), (300, 1000))
    frame = pd.DataFrame(genes, columns=[f"rs{number}" for number in range(1000)]).assign(
        ill=random.integers(0, 2, 300)
    )
    assert found(frame) is None
    assert found(pd.concat([frame, frame.iloc[:3].assign(rs7=9)], ignore_index=True)).rows == 3
    siblings = np.where(random.random((40, 1000)) < 0.5, genes[:40], genes[40:80])
    assert found(pd.concat([frame, pd.DataFrame(siblings, columns=frame.columns[:-1]).assign(ill=1)])) is None


HONEST = 400


def coarse(random):
    return {f"b{number}": random.integers(0, 2, HONEST) for number in range(3)}


def alike_by_definition(random):
    height = random.normal(170, 10, HONEST).round()
    weight = (height - 95 + random.normal(0, 12, HONEST)).round(1)
    return {"height": height, "weight": weight, "bmi": (weight / (height / 100) ** 2).round(1), **coarse(random)}


def hardly_ever_ill(random):
    visits = np.where(random.random(HONEST) < 0.3, 0, 10)
    codes = (random.random((HONEST, 100)) < visits[:, None] / 100) + 0
    return {f"code{number}": codes[:, number] for number in range(100)} | {"age": random.integers(40, 80, HONEST)}


def not_measured(random):
    without = random.random(HONEST) < 0.4
    panel = {f"lab{number}": np.where(without, np.nan, random.normal(size=HONEST).round(2)) for number in range(8)}
    return {**panel, "age": random.integers(40, 80, HONEST)}


def questions(random):
    severity = random.normal(size=HONEST)
    answers = {
        f"item{number}": np.clip(np.round(2 + 1.2 * severity + random.normal(0, 0.5, HONEST)), 0, 4)
        for number in range(20)
    }
    return {**answers, "total": np.sum(list(answers.values()), axis=0), "age": random.integers(40, 80, HONEST)}


def of_few_kinds(random):
    kinds = random.integers(0, 2, (5, 30))[random.integers(0, 5, HONEST)]
    signs = np.where(random.random((HONEST, 30)) < 0.02, 1 - kinds, kinds)
    return {f"sign{number}": signs[:, number] for number in range(30)}


def dummies(random):
    coded = {
        f"k{number}": random.choice(list("abcdef"), HONEST, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]) for number in "123"
    }
    return dict(pd.get_dummies(pd.DataFrame(coded)))


def twins(random):
    frame = {f"rs{number}": random.binomial(2, 0.3, HONEST) for number in range(200)}
    frame |= {"age": random.integers(20, 80, HONEST)}
    again = {name: np.concatenate([column, column[:50]]) for name, column in frame.items()}
    return again | {f"lab{number}": random.normal(size=HONEST + 50) for number in range(4)}


@pytest.mark.parametrize(
    "world",
    [coarse, alike_by_definition, hardly_ever_ill, not_measured, questions, of_few_kinds, dummies, twins],
    ids=lambda world: world.__name__,
)
@pytest.mark.parametrize("seed", range(2))
def test_patients_who_are_alike_by_chance_are_not_accused(world, seed):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(world(random))
    assert found(frame.assign(ill=random.integers(0, 2, len(frame)))) is None


def test_few_twice_are_found_beside_many_of_whom_nothing_was_measured():
    random = np.random.default_rng(4)
    frame = pd.DataFrame(not_measured(random)).assign(ill=0)
    measured = frame.dropna().iloc[:20]
    assert found(pd.concat([frame, measured], ignore_index=True)).equal == 20


@pytest.mark.parametrize("differences", [0, 1, 2])
def test_the_number_by_chance_is_that_of_pairs_of_different_patients(differences):
    n, expected, pairs = 1500, 0.0, 0.0
    # One cohort has about 30 pairs that are equal in all, with a standard deviation of 18%; twenty have one of 4%.
    for seed in range(20):
        random = np.random.default_rng(seed)
        frame = pd.DataFrame(
            {
                "age": random.integers(0, 30, n),
                "pressure": random.normal(0, 8, n).round(),
                "sex": random.integers(0, 2, n),
                "stage": random.choice(list("abcd"), n, p=[0.6, 0.2, 0.1, 0.1]),
                "site": random.integers(0, 9, n),
            }
        )
        positions = np.arange(n)
        columns = [frame[name] for name in frame]
        expected += agreement(parts_of(columns, positions), n, positions, sampled=n).partners(differences).sum() / 2
        codes = frame.apply(lambda column: pd.factorize(column)[0]).to_numpy()
        differ = sum((codes[:, [place]] != codes[:, place]).astype(np.int8) for place in range(5))
        pairs += int((differ <= differences).sum() - n) / 2
    assert expected == pytest.approx(pairs, rel=0.25)


def test_the_order_of_rows_and_the_ids_make_no_difference():
    frame = patients()
    frame = pd.concat([frame, frame.iloc[:60].assign(weight=1.0)], ignore_index=True)
    moved = frame.sample(frac=1, random_state=1)
    assert found(moved).model_copy(update={"pairs": ()}) == found(frame).model_copy(update={"pairs": ()})


@pytest.mark.parametrize("name", study_names(ROOT / "params.yaml"))
def test_only_the_known_pair_is_found_in_the_cohorts_of_this_repository(name):
    study = load_study(ROOT / "params.yaml", name)
    frame = deidentify(read_source(study.source, ROOT, study=name).frame, study.deidentification, study=name)
    twice = find_duplicates(CohortFrame(frame.assign(patient=[str(row) for row in range(1, len(frame) + 1)])), study)
    if name != "heart_attack_survival":
        assert twice is None
        return
    assert (twice.rows, twice.equal, twice.pairs, twice.accepted) == (1, 0, (("280", "321"),), True)


def test_a_table_of_one_row_or_of_an_outcome_alone_is_no_reason_to_stop():
    assert found(patients(1)) is None
    assert found(patients()[["ill"]]) is None
    assert found(patients().assign(empty=None, one=1)) is None


def test_the_study_stops_in_one_line_that_names_nobody(tmp_path, monkeypatch, capsys):
    project = Project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    frame = small_cohort().assign(height=np.random.default_rng(0).normal(170, 9, 160).round(1))
    again = frame.iloc[:12].assign(record=[f"again {row:05d}" for row in range(12)])
    project.put(pd.concat([frame, again], ignore_index=True))
    assert exit_code(ingest, [STUDY_NAME]) == 0
    assert exit_code(validate, [STUDY_NAME]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"error: study `{STUDY_NAME}`, patients: no patient occurs twice" in said
    assert "12 of 172 rows (7.0%)" in said
    assert "equal_patients: {at_most: 12" in said
    assert "again" not in said
    project.study["equal_patients"] = {"at_most": 12, "reason": "They are sisters."}
    project.write()
    assert exit_code(validate, [STUDY_NAME]) == 0
    assert "equal to another patient's, as declared: 12" in capsys.readouterr().out
