"""A large cohort, whose cells are drawn, against the same cohort, whose patients are drawn."""

from dataclasses import replace

import numpy as np
import pytest

from theragate.evidence.inputs.predictions import QuantityTarget
from theragate.evidence.measure import measure
from theragate.evidence.measuring import predictions
from theragate.evidence.measuring.panels import panel
from theragate.evidence.sampling.cells import pool_of_cells
from theragate.evidence.sampling.pools import Pool
from theragate.evidence.sampling.units import Units

# Where patients differ by a kink, or where weights for censoring are taken as known, cells err on the wide side.
WIDE = {
    "binary": {"ici", "ece"},
    "regression": set(),
    "survival": {"ici", "observed_expected", "log_observed_expected"},
}


@pytest.fixture
def both_ways(make_cohort, task, monkeypatch):
    target, held_out = make_cohort(task, n=3000, seed=3, repeats=1)
    held_out = replace(held_out, champion=held_out.reference[:, ::1] * 0.98)
    patients = measure(target, held_out, resamples=1000, seed=1)
    monkeypatch.setattr(predictions, "LARGE", 1000)
    return patients, measure(target, held_out, resamples=1000, seed=1)


def test_cells_tell_what_patients_do(both_ways, task):
    patients, cells = both_ways
    pairs = [(patients.overall, cells.overall)]
    pairs += [(a.metrics, b.metrics) for a, b in zip(patients.groups, cells.groups, strict=True) if a.n > 500]
    for first, second in pairs:
        for name, estimate in first.items():
            assert second[name].value == pytest.approx(estimate.value, abs=1e-9), name
            if not estimate.se:
                assert not second[name].se, name
                continue
            ratio = second[name].se / estimate.se
            assert (0.9 if name not in WIDE[task] else 0.85) < ratio < (1.12 if name not in WIDE[task] else 1.25), name


def test_paired_differences_by_influence_are_those_of_the_bootstrap(both_ways, task):
    patients, cells = both_ways
    pairs = list(zip(patients.comparisons + patients.champion, cells.comparisons + cells.champion, strict=True))
    for a, b in zip(patients.groups, cells.groups, strict=True):
        pairs += list(zip(a.comparisons, b.comparisons, strict=True))
    found = [(first.metric, first.difference, second.difference) for first, second in pairs]
    clean, stressed = patients.scenarios[0].differences, cells.scenarios[0].differences
    found += [(name, clean[name], stressed[name]) for name in clean]
    assert len(found) > 8
    for name, first, second in found:
        assert second.value == pytest.approx(first.value, abs=1e-9), name
        if name in {"ici", "ece"}:
            assert second.lower is None, name
            assert "no linear error" in second.why
        elif first.se:
            assert 0.9 < second.se / first.se < 1.12, name


def test_families_are_correlated_alike(both_ways):
    patients, cells = both_ways
    assert patients.families.keys() == cells.families.keys()
    for name, family in patients.families.items():
        assert family.members == cells.families[name].members
        gap = np.array(family.correlation) - np.array(cells.families[name].correlation)
        assert np.abs(gap).mean() < 0.06, name


@pytest.mark.parametrize("kinds", [1, 12])
def test_hardly_any_variance_is_lost_within_cells(make_cohort, task, kinds):
    target, held_out = make_cohort(task, n=30_000, repeats=1)
    rows = np.arange(30_000)
    selected = {"selected": held_out.selected}
    pool = pool_of_cells(target, held_out.selected[0], rows=rows, atoms=rows % kinds, kinds=kinds)
    assert len(pool.sizes) < 25_000
    by_row, by_cell = (
        panel(target, selected, null=held_out.null, rows=rows, pool=each)
        for each in (Pool.of_units(Units(rows, 30_000)), pool)
    )
    one, other = (item.scores["selected"].scores[0] for item in (by_row, by_cell))
    names = (
        [("_pooled", np.ones((1, 30_000)))]
        if isinstance(target, QuantityTarget)
        else [
            ("_free", np.ones((1, 30_000))),
            ("_seen", by_row.as_they_are[1]),
        ]
    )
    most = 0.001 if task != "regression" else 0.01
    for name, weights in names:
        columns = getattr(one, name) * weights.T
        cells, sizes = getattr(other, name), by_cell.part.cells.sizes[:, None]
        mean = columns.mean(axis=0)
        kept = (sizes * (cells - mean) ** 2).sum(axis=0)
        whole = ((columns - mean) ** 2).sum(axis=0)
        varies = whole > 1e-9
        lost, allowed = 1 - kept[varies] / whole[varies], np.full(len(whole), most)
        if name == "_free" and "hazard_score" in one._layout:
            # The exact times of loss, which cells leave out, matter to the slope by Cox regression alone.
            allowed[one._layout.slice("hazard_score")] = 0.02
        assert (lost < allowed[varies]).all(), (name, lost)
