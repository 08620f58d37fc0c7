"""The batch of a study: a column that no model sees, and that is neither the outcome nor an id."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.clusters import with_clusters
from theragate.cohorts.declared_columns import check_columns
from theragate.cohorts.table import Table
from theragate.errors import ConfigurationError, DataError
from theragate.learning.features import read_features
from theragate.testing.cohorts import make_cohort, make_study

BATCH = {"column": "plate", "reason": "Plates were read on different days."}


def test_the_batch_is_in_the_cohort_and_no_feature():
    study = make_study("binary", batch=BATCH)
    cohort = make_cohort("binary")
    frame = cohort.assign(plate=np.arange(len(cohort)) % 3)
    assert "plate" not in {feature.name for feature in read_features(frame, study)}
    assert "plate" in {feature.name for feature in read_features(frame, make_study("binary"))}
    assert make_study("binary").batch is None
    assert "batch" not in make_study("binary").model_dump(mode="json")


@pytest.mark.parametrize("column", ["ill", "patient"])
def test_a_batch_is_neither_the_outcome_nor_an_id(column):
    with pytest.raises(ConfigurationError, match="a batch is neither the outcome nor a treatment"):
        make_study("binary", batch=BATCH | {"column": column})


def test_a_batch_that_is_not_there_is_named():
    study = make_study("binary", batch=BATCH)
    with pytest.raises(
        DataError, match=r"batch\.column`: a column that a study names is in its cohort; received `plate`"
    ):
        check_columns(["patient", "age", "ill", "plates"], study)


def test_a_batch_that_is_also_where_patients_belong_stays_beside_its_number():
    study = make_study("binary", batch=BATCH, clusters=BATCH)
    table = Table.of(pd.DataFrame({"plate": ["a", "b", "a", "b"], "age": [1, 2, 3, 4]}))
    kept = with_clusters(table, study, links=None)
    assert kept.names == ["plate", "age", "cluster"]
    assert study.hidden >= {"plate", "cluster"}
