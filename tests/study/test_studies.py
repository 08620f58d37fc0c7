"""The studies of the repository: every one resolves, and survives being rewritten by ``dvc exp run -S``."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.serialize import modify_yaml

from theragate.cohorts.declared_columns import check_columns
from theragate.cohorts.deidentify import deidentify
from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.sources import read_source
from theragate.commands.check import check
from theragate.study import load_study, read_parameters, study_names

ROOT = Path(__file__).resolve().parents[2]
PARAMS = ROOT / "params.yaml"


def test_every_study_is_well_declared():
    line = check(ROOT)
    assert all(name in line for name in study_names(PARAMS))


@pytest.mark.parametrize("name", study_names(PARAMS))
def test_a_study_fits_its_cohort(name):
    study = load_study(PARAMS, name)
    cohort = deidentify(read_source(study.source, ROOT, study=name).frame, study.deidentification, study=name)
    check_columns(list(cohort), study)
    assert len(read_outcome(cohort, study)) == len(cohort)
    groups = read_groups(cohort, study)
    assert not groups.isna().any(axis=None)
    assert list(groups.columns) == list(study.subgroups)


def test_dvc_can_set_a_parameter_without_changing_another(tmp_path):
    path = tmp_path / "params.yaml"
    shutil.copy(PARAMS, path)
    with modify_yaml(path) as parameters:
        parameters["studies"]["heart_attack_survival"]["tuning"]["trials"] = 200
    before, after = read_parameters(PARAMS), read_parameters(path)
    assert after["studies"]["heart_attack_survival"]["tuning"].pop("trials") == 200
    del before["studies"]["heart_attack_survival"]["tuning"]["trials"]
    assert after == before
