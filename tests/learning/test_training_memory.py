"""What training in memory holds is known before it begins, and never said to be more than it is."""

import pytest

from theragate.cohorts.splits import outer_splits
from theragate.learning.features import as_features, read_features
from theragate.learning.patients import Patients, PatientsInMemory
from theragate.learning.split_work import _parts
from theragate.learning.training import _works
from theragate.learning.training_memory import least_held

CROSSED = {"scheme": "nested_cross_validation", "repeats": 2, "folds": 4, "inner_folds": 3, "reason": "For the tests."}
HELD_OUT = {"scheme": "holdout", "fraction": 0.3, "inner_folds": 3, "reason": "For the tests."}


@pytest.mark.parametrize("validation", [CROSSED, HELD_OUT])
def test_it_is_what_the_features_of_all_and_those_of_a_split_take(problem, tmp_path, validation):
    cohort, outcome, study = problem("binary", validation=validation, scenarios={})
    schema, splits = read_features(cohort, study), outer_splits(cohort, outcome, study, seed=9)
    features = as_features(cohort, schema)
    source = PatientsInMemory(Patients(features, outcome, None))
    works = _works(source, len(cohort), study, schema=schema, splits=splits, seed=9, storage=tmp_path)
    parts = _parts(works[0])
    held = sum(
        int(frame.memory_usage(index=False).sum()) for frame in (features, parts.frame, *parts.held_out.values())
    )
    assert least_held(len(cohort), len(schema)) == held
    assert least_held(len(cohort), len(schema), here=False) == held / 2
