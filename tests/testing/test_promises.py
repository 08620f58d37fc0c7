"""Whoever breaks a promise is told which: the checks for extensions find what is wrong."""

import pytest
from made_extensions import FAMILY, GATE, METRIC, SOURCE, MadeExtensions

from theragate.extensions import use
from theragate.gates._added import gates_of
from theragate.gates._base import InstalledExtension
from theragate.study.added_sources import source_kinds
from theragate.testing import (
    check_family,
    check_gate,
    check_metric,
    check_source,
    sample_declared,
    sample_evidence,
)


def broken(match: str) -> pytest.RaisesExc[AssertionError]:
    return pytest.raises(AssertionError, match=match)


def changed(source: str, before: str, after: str) -> str:
    assert before in source
    return source.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("if share <= self.most:", "if True:", r"the answers \['fail', 'pass'\] are within reach; \['pass'\] are"),
        ("share <= self.most", "share >= self.most or not share", "worse evidence gets no better answer"),
        ("if censored is None:", "if censored is None:\n            return self.finding('pass', 'Fine.')", "is absent"),
        ("left early.", "left early", "the summary is a sentence"),
        ("left early.", "left early, of None.", "in words, not as nan or None"),
        (", next_step=self.after_fail", "", "a finding that blocks says what to do"),
        ('"Against risks', '"For risks', "`protects` is `Against"),
        ('long enough"', 'long enough!"', "the title begins with a capital, no stop"),
    ],
)
def test_a_gate_that_breaks_a_promise(acme: MadeExtensions, before, after, match) -> None:
    acme.gate(source=changed(GATE, before, after))
    extension = use("acme-theragate")
    said = {extension.name: InstalledExtension(version=extension.version, sha256=extension.sha256)}
    kind = gates_of(said)["follow_up"]
    good = sample_evidence("survival")

    def leaving(patients: int | None):
        return good.model_copy(update={"cohort": good.cohort.model_copy(update={"censored_before_horizon": patients})})

    gate = kind(most=0.2, reason="For the tests.", declared=sample_declared("survival"))
    with broken(match):
        check_gate(gate, lambda bad, _: leaving(round(400 * bad)), [leaving(None)], reached={"pass", "fail"})


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ('direction="lower"', 'direction="higher"', "`root_brier` is worse where they are"),
        (
            'np.sqrt(ratio(sums["squared_error"], sums["seen"]))',
            'sums["seen"] * 0 + 0.5',
            "sees something of what was made worse",
        ),
    ],
)
def test_a_metric_that_breaks_a_promise(acme: MadeExtensions, before, after, match) -> None:
    acme.metrics(source=changed(METRIC, before, after))
    with broken(match):
        check_metric("root_brier", extension="acme-metrics")


def test_a_metric_or_a_family_that_is_not_there(acme: MadeExtensions) -> None:
    acme.metrics()
    acme.family()
    with broken("there is a metric `rmse`; there are root_brier, spread"):
        check_metric("rmse", extension="acme-metrics")
    with broken("there is a family `ridge`"):
        check_family("ridge", extension="acme-families")


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("return LinearModel(coefficients,", "return LinearModel(0 * coefficients,", "better than nothing does"),
        ("mean = value.mean()", "mean = value.mean() + np.random.normal() / 1e9", "give the same bytes"),
        ('f"{prefix}penalty", 0.1, 10.0, log=True)}', 'f"{prefix}penalty", 0.1, 10.0) * 2}', "of the search space"),
    ],
)
def test_a_family_that_breaks_a_promise(acme: MadeExtensions, before, after, match) -> None:
    acme.family(source=changed(FAMILY, before, after))
    with broken(match):
        check_family("normal_ridge", extension="acme-families")


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ('version="acme 1"', "version=str(__import__('time').perf_counter_ns())", "the same table and version"),
        ("nrows=self.rows)", "nrows=self.rows).sample(frac=1)", "the same table and version"),
    ],
)
def test_a_source_that_breaks_a_promise(acme: MadeExtensions, tmp_path, before, after, match) -> None:
    acme.source(source=changed(SOURCE, before, after))
    folder = tmp_path / "sources" / "s"
    folder.mkdir(parents=True)
    (folder / "t.csv").write_text("age\n" + "\n".join(map(str, range(50))) + "\n")
    kind = source_kinds([use("acme-source").name])["acme"]
    spec = kind(kind="acme", file="t.csv", rows=50, citation="A paper.", licence="None needed.")
    with broken(match):
        check_source(spec, tmp_path, study="s")
