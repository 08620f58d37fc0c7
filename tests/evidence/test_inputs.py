from dataclasses import replace

import numpy as np
import pytest

from theragate.errors import EvidenceError
from theragate.evidence.inputs.order import in_canonical_order
from theragate.evidence.inputs.predictions import BinaryTarget, QuantityTarget, check
from theragate.evidence.measure import measure


def refused(target, held_out, match):
    with pytest.raises(EvidenceError, match=match):
        measure(target, held_out, seed=1)


@pytest.mark.parametrize("name", ["selected", "reference", "null"])
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_refuses_predictions_that_are_not_finite(make_cohort, task, name, broken):
    target, held_out = make_cohort(task)
    values = getattr(held_out, name).copy()
    values[0, 3] = broken
    refused(target, replace(held_out, **{name: values}), f"`{name}`: every number is finite; received 1 that are not")


@pytest.mark.parametrize("task", ["binary", "survival"])
def test_refuses_risks_outside_0_to_1(make_cohort, task):
    target, held_out = make_cohort(task)
    refused(
        target, replace(held_out, scenarios={"noise": held_out.selected + 0.9}), "between 0 and 1; received .* values"
    )


def test_a_quantity_may_have_any_value(make_cohort):
    check(*make_cohort("regression"))


def test_refuses_quantities_whose_squares_no_number_holds(make_cohort):
    target, held_out = make_cohort("regression")
    wild = held_out.selected.copy()
    wild[0, 3] = -1e200
    refused(
        target, replace(held_out, selected=wild), r"`selected`: a quantity is at most 1e\+100 in size; received 1 that"
    )
    refused(replace(target, value=target.value * 1e200), held_out, "outcome`?: a quantity is at most")
    refused(replace(target, value=target.value * 1e-200), held_out, "it varies between patients")


def test_refuses_other_shapes(make_cohort, task):
    target, held_out = make_cohort(task)
    refused(
        target, replace(held_out, reference=held_out.reference[:, :-1]), r"`reference`: .* received shape \(2, 299\)"
    )
    refused(
        target, replace(held_out, null=held_out.null[:1]), r"as many repeats for every model; received shape \(1, 300\)"
    )
    refused(target, replace(held_out, groups={"sex": np.array(["f"])}), "`sex`: each of the 300 patients has a label")


def test_refuses_empty_labels_and_unknown_judged_attributes(make_cohort):
    target, held_out = make_cohort("binary")
    refused(target, replace(held_out, groups={"sex": np.array([""] * 300)}, judged=frozenset()), "300 empty labels")
    refused(target, replace(held_out, judged=frozenset({"race"})), "`race`: a judged attribute has labels")


def test_refuses_outcomes_that_do_not_vary(make_cohort):
    target, held_out = make_cohort("binary")
    refused(replace(target, event=np.ones(300, bool)), held_out, "300 patients of one class")
    target, held_out = make_cohort("regression")
    refused(QuantityTarget(np.ones(300)), held_out, "one value for all")


def test_refuses_survival_that_nobody_was_followed_for(make_cohort):
    target, held_out = make_cohort("survival")
    refused(replace(target, event=np.zeros(300, bool)), held_out, "received 0 events by it")
    refused(replace(target, horizon=50.0), held_out, "0 patients beyond it")
    refused(replace(target, time=-target.time), held_out, "300 negative times")


def test_refuses_an_empty_cohort(make_cohort):
    _, held_out = make_cohort("binary")
    refused(BinaryTarget(np.zeros(0, bool), None, None), held_out, "there is at least one patient; received none")


def test_refuses_outcomes_of_another_type_or_decision(make_cohort):
    target, held_out = make_cohort("binary")
    refused(replace(target, event=target.event.astype(float)), held_out, "300 truth values; received float64")
    refused(replace(target, threshold=None), held_out, "comes with its range; received threshold None and range")
    refused(replace(target, threshold=0.9), held_out, "start of the range <= threshold")


def test_refuses_too_few_resamples(make_cohort):
    with pytest.raises(EvidenceError, match="at least 200 resamples; received 50"):
        measure(*make_cohort("binary"), resamples=50, seed=1)


def test_canonical_order_does_not_depend_on_the_files_order(make_cohort, task):
    target, held_out = make_cohort(task)
    order = np.random.default_rng(0).permutation(300)
    moved = replace(
        held_out,
        **{name: getattr(held_out, name)[:, order] for name in ("selected", "reference", "null")},
        scenarios={name: values[:, order] for name, values in held_out.scenarios.items()},
        groups={name: labels[order] for name, labels in held_out.groups.items()},
    )
    columns = {name: getattr(target, name)[order] for name in ("event", "time", "value") if hasattr(target, name)}
    for first, second in zip(
        in_canonical_order(target, held_out), in_canonical_order(replace(target, **columns), moved), strict=True
    ):
        for name in first.__dataclass_fields__:
            np.testing.assert_equal(getattr(first, name), getattr(second, name))
