"""A model that decides as the better default does gains exactly nothing, whatever the weights' rounding."""

from dataclasses import replace

import numpy as np
import pytest

from theragate.evidence.definitions.net_benefit import net_benefit
from theragate.evidence.measure import measure


def test_rounding_is_taken_off_a_gain_and_nothing_more():
    events = np.array([0.3, 0.3, 0.3])
    found = net_benefit(
        true_positives=np.array([0.3 + 1e-16, 0.3 - 4e-16, 0.3 + 1e-9]),
        selected=np.ones(3),
        events=events,
        threshold=0.2,
    )
    assert found.gain[:2].tolist() == [0.0, 0.0]
    assert found.gain[2] == pytest.approx(1.25e-9)
    undefined = net_benefit(true_positives=np.array([np.nan]), selected=np.ones(1), events=np.ones(1), threshold=0.2)
    assert np.isnan(undefined.gain).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_with_all_risks_above_the_threshold_the_gain_is_exactly_nothing_with_censoring(make_cohort, seed):
    target, held_out = make_cohort("survival", seed=seed)
    target = replace(target, threshold=0.2)
    _, high = target.threshold_range
    one_sided = replace(held_out, selected=high + (1 - high) * held_out.selected)
    found = measure(target, one_sided, resamples=200, seed=1)
    # At low thresholds to act in everybody is the better default in every resample.
    gains = [row.difference for row in found.net_benefit if row.treat_all > 0.2]
    assert len(gains) > 3
    assert {(gain.value, gain.lower, gain.upper, gain.se) for gain in gains} == {(0.0, 0.0, 0.0, 0.0)}
    overall = found.overall["net_benefit_gain"]
    assert (overall.value, overall.lower, overall.upper) == (0.0, 0.0, 0.0)
