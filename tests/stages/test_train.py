"""What `train` says before it begins of the memory that it will need."""

from types import SimpleNamespace

import pytest

from theragate.cohorts.cohort_frame import CohortFrame
from theragate.errors import StoreError
from theragate.stages.train import _check_memory
from theragate.study import Study
from theragate.testing.cohorts import make_cohort, make_study


def told(study: Study, patients: int, memory: int, capsys) -> str:
    """Return what is said of a cohort of as many patients, of whom nobody is looked at."""

    class Large(CohortFrame):
        def __len__(self) -> int:
            return patients

    call = SimpleNamespace(settings=SimpleNamespace(memory=memory, memory_is_set=True, cluster=""))
    _check_memory(call, study, Large(make_cohort(study.task)))
    return capsys.readouterr().err


def test_a_large_comparison_of_treatments_is_told_to_be_in_memory(capsys):
    study = make_study("treatment_effect")
    assert told(study, study.tuning.sample, 2**40, capsys) == ""
    said = told(study, 1_000_000, 2**40, capsys)
    assert said.startswith(f"{study.name}: effects of treatments are learned in memory, of all patients: ")
    assert "of 1,000,000 patients, " in said
    assert said.endswith(" MiB and more\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("task", "remedy"), [("treatment_effect", "leave patients out"), ("binary", "set `tuning.sample` below")]
)
def test_what_cannot_fit_is_refused_and_what_may_fit_is_not(task, remedy, capsys):
    study = make_study(task)
    said = f"hold at most 64 MiB .THERAGATE_MEMORY_LIMIT.; received 2 copies of .* patients, which is .*{remedy}"
    with pytest.raises(StoreError, match=said):
        told(study, 10_000_000, 2**26, capsys)
    told(study, 1_000, 2**26, capsys)
