"""Three drafts of unlike tables, run by DVC to a registered version, whose verdict says that nobody reviewed it."""

import json
from pathlib import Path

import pytest
from clones import clone_of_the_repository, run
from drafting.test_drafts_that_run import german_export, knows_the_outcome, lung_cancer
from dvc.utils.serialize import modify_yaml

DRAFTS = {"from_german_export": german_export, "a_quantity": knows_the_outcome, "lung_cancer": lung_cancer}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of three drafted studies, small enough to run in seconds, after `dvc repro`."""
    folder, export = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("export")
    clone_of_the_repository(folder)
    with modify_yaml(folder / "params.yaml") as parameters:
        parameters["studies"] = {"heart_attack_survival": parameters["studies"]["heart_attack_survival"]}
    (folder / "dvc.lock").unlink()
    for name, table in DRAFTS.items():
        frame, asked = table()
        file = export / f"{name}.csv"
        frame.to_csv(file, index=False)
        options = [part for option, column in asked.items() for part in (f"--{option}", column)]
        run(folder, "theragate", "new-study", name, "--from", str(file), *options)
    with modify_yaml(folder / "params.yaml") as parameters:
        for name in DRAFTS:
            study = parameters["studies"][name]
            study["tuning"] |= {"families": [], "trials": 1}
            study["validation"] |= {"repeats": 1, "folds": 3, "inner_folds": 2}
            study["stability"]["refits"] = 20
    run(folder, "dvc", "repro", *(f"register@{name}" for name in DRAFTS))
    return folder


@pytest.mark.xdist_group("drafts-registered")
@pytest.mark.parametrize("name", DRAFTS)
def test_a_draft_is_registered_without_an_edit_and_blocked_for_want_of_a_review(name, clone):
    report = clone / "reports" / name
    assert json.loads((report / "registration.json").read_text(encoding="utf-8"))["registered"] is True
    verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["decision"] == "BLOCKED"
    status = {finding["code"]: finding["status"] for finding in verdict["findings"]}
    assert (status["TG000"], status["TG001"]) == ("insufficient", "pass")
