"""A family of others is searched, fitted, stored and read back like one of ours, where the study names its package."""

import json

import numpy as np
import pytest
from made_extensions import FAMILY, MadeExtensions

from theragate.errors import ConfigurationError, DataError, ExtensionError
from theragate.extensions import FAMILIES as GROUP
from theragate.extensions import use
from theragate.learning.families import FAMILIES, check_families, families_of, family_of
from theragate.learning.features import read_features
from theragate.learning.persistence import load, save
from theragate.learning.predictor import Predictor, fit_predictor
from theragate.learning.problem_digest import problem_digest
from theragate.learning.refits import Recipe, refit
from theragate.learning.training import train
from theragate.study import Study
from theragate.testing.cohorts import problem
from theragate.workers.processes import Processes

NAME, FAMILY_NAME = "acme-families", "normal_ridge"


def study_with(*names: str, families: tuple[str, ...] = (FAMILY_NAME,)) -> Study:
    _, _, study = problem("regression", tuning={"reference": "linear", "families": list(families), "trials": 3})
    return study.model_copy(update={"extensions": names})


def test_a_name_that_is_nearly_its_own_is_answered_with_it(acme: MadeExtensions) -> None:
    acme.family()
    with pytest.raises(ConfigurationError, match=r"normal_ridge, .*`normal_rigde`. Did you mean `normal_ridge`"):
        check_families(study_with(NAME, families=("normal_rigde",)))


def fitted(**changes) -> Predictor:
    cohort, outcome, study = problem("regression")
    schema = read_features(cohort, study)
    given = {"task": "regression", "family": FAMILY_NAME, "params": {"penalty": 1.0}, "schema": schema, "seed": 5}
    return fit_predictor(cohort, outcome, **given | changes)


@pytest.mark.parametrize("jobs", [1, 2])
def test_it_is_searched_and_the_record_names_it(acme: MadeExtensions, tmp_path, jobs, monkeypatch) -> None:
    acme.family()
    monkeypatch.setenv("PYTHONPATH", str(acme.folder))  # where an installer puts it, for the workers too
    cohort, outcome, _ = problem("regression")
    quiet = {"progress": lambda *_: None, "backend": Processes(jobs)}
    study = study_with(NAME)
    trained = train(cohort, outcome, study, seed=1, storage=tmp_path, **quiet)
    assert FAMILY_NAME in trained.record.families.known
    assert {trial.family for trial in trained.record.trials} == {"linear", FAMILY_NAME}
    recipe = Recipe(FAMILY_NAME, {"penalty": 1.0}, tuple(trained.record.features))
    again = refit(
        cohort,
        outcome,
        study,
        released=fitted(),
        params={"penalty": 1.0},
        champion=recipe,
        seed=1,
        storage=tmp_path / "refits",
        **quiet,
    )
    assert (again.why, len(again.champion)) == ("", 2 * len(cohort))


def test_it_is_stored_as_numbers_and_read_where_the_extension_is_not(acme: MadeExtensions, tmp_path) -> None:
    acme.family()
    use(NAME)
    cohort, _, _ = problem("regression")
    predictor = fitted()
    save(predictor, tmp_path / "one")
    said = json.loads((tmp_path / "one" / "predictor.json").read_text())
    assert (said["family"], said["extension"], said["stored"]) == (FAMILY_NAME, f"{NAME} 1.0", "coefficients")
    acme.forget()
    acme.folder.rename(tmp_path / "gone")
    loaded = load(tmp_path / "one")
    np.testing.assert_array_equal(loaded.predict(cohort), predictor.predict(cohort))
    save(loaded, tmp_path / "two")
    assert (tmp_path / "two" / "predictor.json").read_bytes() == (tmp_path / "one" / "predictor.json").read_bytes()
    assert not acme.imported("acme_families")


def test_a_model_of_ours_says_nothing_of_extensions(tmp_path) -> None:
    save(fitted(family="linear", params=FAMILIES["regression"]["linear"].fixed), tmp_path / "one")
    said = json.loads((tmp_path / "one" / "predictor.json").read_text())
    assert not {"extension", "stored"} & set(said)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"extension": None}, "a family of the task is one of linear"),
        ({"stored": None}, "what is `stored` is said of a family of an extension"),
        ({"family": "linear"}, "what is `stored` is said of a family of an extension"),
        ({"family": "xgboost"}, "what is `stored` is said of a family of an extension"),
        ({"stored": "booster"}, "a linear family has coefficients"),
        ({"stored": "pickle"}, "stored"),
    ],
)
def test_a_file_that_says_otherwise_is_refused(acme: MadeExtensions, tmp_path, change, rule) -> None:
    acme.family()
    use(NAME)
    save(fitted(), tmp_path / "one")
    path = tmp_path / "one" / "predictor.json"
    said = json.loads(path.read_text()) | change
    path.write_text(json.dumps({key: value for key, value in said.items() if key not in change or value is not None}))
    with pytest.raises(DataError, match=rule):
        load(tmp_path / "one")


def test_a_study_names_only_families_of_its_own_extensions(acme: MadeExtensions) -> None:
    acme.family()
    check_families(study_with(NAME))
    with pytest.raises(ConfigurationError, match=f"key `studies.*.tuning.families`.*received `{FAMILY_NAME}`"):
        check_families(study_with())
    assert FAMILY_NAME not in families_of("regression")
    assert FAMILY_NAME not in families_of("binary", [NAME])


def test_a_search_resumes_with_no_trial_of_another_version(acme: MadeExtensions) -> None:
    acme.family()
    cohort, _, _ = problem("regression")
    before = problem_digest(cohort, study_with(NAME), seed=1)
    assert before != problem_digest(cohort, study_with(), seed=1)
    acme.forget()
    (acme.folder / "acme_families.py").write_text(f"{FAMILY}\n# another\n")
    assert problem_digest(cohort, study_with(NAME), seed=1) != before


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("NormalRidge(Family)", "NormalRidge", "made from `theragate.learning.families.Family`"),
        ("NORMAL_RIDGE = NormalRidge()", "NORMAL_RIDGE = NormalRidge", "an object made from"),
        ('("regression",)', "()", "its `tasks` are some of"),
        ('("regression",)', '("ranking",)', "its `tasks` are some of"),
        ('design = "linear"', 'design = "wild"', "its `design` is one of linear, splines, trees; received `wild`"),
        ('design = "linear"', 'design = "linear"\n    stored = "pickle"', "its `stored` is one of"),
        ('{"penalty": 1.0}', '{"penalty": "1"}', "its `fixed` names numbers"),
    ],
)
def test_what_is_no_family_is_one_line(acme: MadeExtensions, before, after, match) -> None:
    assert before in FAMILY
    acme.family(source=FAMILY.replace(before, after))
    with pytest.raises(ExtensionError, match=f"extension `{NAME}`, `{FAMILY_NAME}` in `theragate.families`: .*{match}"):
        check_families(study_with(NAME))


def test_a_name_that_is_taken_is_refused(acme: MadeExtensions) -> None:
    acme.add("acme-linear", {"acme_linear.py": FAMILY}, {GROUP: {"linear": "acme_linear:NORMAL_RIDGE"}})
    acme.family()
    acme.family("zenith", "zenith_families")
    with pytest.raises(ExtensionError, match="and none of ours; received `linear`"):
        check_families(study_with("acme-linear"))
    with pytest.raises(ExtensionError, match=r"extension `zenith`, .*its name is its own"):
        check_families(study_with(NAME, "zenith"))


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ('raise KeyError("Ada Lovelace, 1815")', "it gives a model or a `FitError`; received the error KeyError"),
        ("return None", "its model is a `LinearModel`; received an object of type NoneType"),
    ],
)
def test_what_gives_no_model_is_one_line_without_a_patient(acme: MadeExtensions, body, match) -> None:
    acme.family(source=FAMILY.replace('return LinearModel(coefficients, float(mean), Response("quantity"))', body))
    use(NAME)
    with pytest.raises(ExtensionError, match=match) as error:
        fitted()
    assert "Lovelace" not in str(error.value)
    assert family_of("regression", FAMILY_NAME).tasks == ("regression",)
