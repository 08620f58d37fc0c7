import json
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from theragate.errors import StoreError
from theragate.learning.families import FAMILIES, FitError
from theragate.learning.features import read_features
from theragate.learning.inner_fold import InnerFold
from theragate.learning.score_journal import ScoreJournal
from theragate.learning.selection import TrialResult
from theragate.learning.tuning import Search, tune

REFERENCE = Search("binary", reference="logistic", families=(), trials=5, inner_folds=3)
SEARCH = Search("binary", reference="logistic", families=("spline_logistic", "xgboost"), trials=8, inner_folds=3)


@pytest.fixture(scope="module")
def whole(problem, tmp_path_factory) -> tuple[list[TrialResult], bytes]:
    """The uninterrupted search, and its journal."""
    journal = tmp_path_factory.mktemp("whole") / "one.journal"
    trials = run(problem, journal)
    return trials, journal.read_bytes()


def run(problem, journal: Path, *, search: Search = SEARCH, seed: int = 4) -> list[TrialResult]:
    return searched(problem, ScoreJournal(journal), search=search, seed=seed)


def searched(problem, journal: ScoreJournal, *, search: Search = SEARCH, seed: int = 4) -> list[TrialResult]:
    cohort, outcome, study = problem("binary")
    schema = read_features(cohort, study)
    return tune(cohort, outcome, search=search, schema=schema, seed=seed, journal=journal)


def test_the_reference_comes_first_then_every_family_as_it_is_fixed(whole) -> None:
    trials, _ = whole
    assert [trial.number for trial in trials] == list(range(8))
    assert [trial.family for trial in trials[:3]] == ["logistic", "spline_logistic", "xgboost"]
    for trial in trials[:3]:
        assert trial.params == FAMILIES["binary"][trial.family].fixed
        assert trial.state == "complete"
        assert len(trial.folds) == 3
    assert {trial.family for trial in trials[3:]} <= {"spline_logistic", "xgboost"}
    assert all(set(trial.params) == set(FAMILIES["binary"][trial.family].fixed) for trial in trials)


def test_whole_numbers_stay_whole(whole) -> None:
    boosted = [trial for trial in whole[0] if trial.family == "xgboost"]
    assert all(isinstance(trial.params[name], int) for trial in boosted for name in ("rounds", "depth"))


def test_the_same_seed_gives_the_same_search_and_another_one_another(problem, whole, tmp_path) -> None:
    assert run(problem, tmp_path / "one.journal") == whole[0]
    assert run(problem, tmp_path / "two.journal", seed=5) != whole[0]


def test_a_finished_journal_is_only_read(problem, whole, tmp_path, monkeypatch) -> None:
    (tmp_path / "one.journal").write_bytes(whole[1])
    monkeypatch.setattr(InnerFold, "score", None)
    # Losses come back to the bit, or this would not be equal.
    assert run(problem, tmp_path / "one.journal") == whole[0]


def test_without_families_the_reference_is_not_repeated(problem, tmp_path) -> None:
    assert len(run(problem, tmp_path / "one.journal", search=REFERENCE)) == 1


def test_a_hopeless_trial_is_given_up_before_its_last_fold(problem, tmp_path) -> None:
    search = Search("binary", reference="logistic", families=("xgboost",), trials=16, inner_folds=4)
    trials = run(problem, tmp_path / "one.journal", search=search)
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned
    assert all(2 <= len(trial.folds) < 4 and trial.value is None for trial in pruned)


def test_a_fit_without_a_solution_is_recorded_and_the_search_goes_on(problem, tmp_path, monkeypatch) -> None:
    family = FAMILIES["binary"]["xgboost"]

    def fit(training, params, *, seed):
        raise FitError("no stable solution")

    monkeypatch.setattr(family, "fit", fit, raising=False)
    trials = run(problem, tmp_path / "one.journal")
    assert {trial.state for trial in trials if trial.family == "xgboost"} == {"failed"}
    assert all(trial.folds == () and trial.value is None for trial in trials if trial.state == "failed")
    assert trials[0].state == trials[1].state == "complete"
    monkeypatch.undo()
    assert run(problem, tmp_path / "one.journal") == trials


def test_what_fails_is_not_drawn_again_and_again(problem, tmp_path, monkeypatch) -> None:
    # As it is fixed, this family is the best of all; wherever else the search goes, it fails.
    family = FAMILIES["binary"]["spline_logistic"]
    original = family.fit

    def fit(training, params, *, seed):
        if params != family.fixed:
            raise FitError("no stable solution")
        return original(training, params, seed=seed)

    monkeypatch.setattr(family, "fit", fit, raising=False)
    search = Search("binary", reference="logistic", families=("spline_logistic", "xgboost"), trials=33, inner_folds=2)
    trials = run(problem, tmp_path / "search.journal", search=search)
    assert trials[1].value == min(trial.value for trial in trials if trial.value is not None)
    assert 0 < sum(trial.state == "failed" for trial in trials) < 15


def test_a_failed_trial_says_why(problem, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(FAMILIES["binary"]["xgboost"], "fit", needs_a_penalty_of(1e9, FAMILIES["binary"]["xgboost"]))
    trials = run(problem, tmp_path / "one.journal")
    assert {trial.reason for trial in trials if trial.state == "failed"} == {"too light"}
    assert {trial.reason for trial in trials if trial.state != "failed"} == {""}


def needs_a_penalty_of(least: float, family):
    """Return a `fit` for which there is a solution only from a penalty on."""
    fit = family.fit

    def fussy(training, params, *, seed):
        if params["penalty"] < least:
            raise FitError("too light")
        return fit(training, params, seed=seed)

    return fussy


def test_a_reference_without_a_solution_gets_a_stronger_penalty(problem, tmp_path, monkeypatch) -> None:
    family = FAMILIES["binary"]["logistic"]
    monkeypatch.setattr(family, "fit", needs_a_penalty_of(50.0, family), raising=False)
    trials = run(problem, tmp_path / "one.journal")
    assert (trials[0].state, trials[0].params, trials[0].reason) == ("complete", {"penalty": 100.0}, "too light")
    assert len(trials[0].folds) == 3
    assert run(problem, tmp_path / "one.journal") == trials
    monkeypatch.setattr(family, "fit", needs_a_penalty_of(1e9, family), raising=False)
    assert run(problem, tmp_path / "two.journal")[0].state == "failed"


def test_an_error_that_is_not_numerical_is_not_swallowed(problem, tmp_path, monkeypatch) -> None:
    family = FAMILIES["binary"]["spline_logistic"]
    monkeypatch.setattr(family, "fit", lambda *_, **__: 1 + "a", raising=False)
    with pytest.raises(TypeError):
        run(problem, tmp_path / "one.journal")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.61, 0.9, 0.999])
def test_a_journal_cut_anywhere_is_continued_to_the_same_end(problem, whole, tmp_path, share: float) -> None:
    trials, content = whole
    cut = tmp_path / "cut.journal"
    cut.write_bytes(content[: int(share * len(content))])
    assert run(problem, cut) == trials


@pytest.mark.parametrize("rubbish", [b'{"op_code": 4, "tri', b"\0" * 300, b"null\n", b"\xff\xfe\n"])
def test_rubbish_at_the_end_of_a_journal_is_cut_off(problem, whole, tmp_path, rubbish: bytes) -> None:
    trials, content = whole[0], whole[1].splitlines(keepends=True)
    cut = tmp_path / "cut.journal"
    cut.write_bytes(b"".join(content[: len(content) // 2]) + rubbish)
    assert run(problem, cut) == trials


def test_killed_in_the_middle_and_started_again_it_ends_the_same(problem, whole, tmp_path) -> None:
    journal = tmp_path / "killed.journal"
    cohort, _, _ = problem("binary")
    cohort.to_parquet(tmp_path / "cohort.parquet")
    (tmp_path / "schema.json").write_text(
        json.dumps([["age", "number"], ["marker", "number"], ["smoker", "number"], ["stage", "text"]])
    )
    # The process kills itself while a trial of the middle is running: two folds done, nothing of it told.
    script = textwrap.dedent("""
        import json, os, signal, sys
        from pathlib import Path
        import pandas as pd
        from theragate.cohorts.outcomes import Binary
        from theragate.learning.features import Feature
        from theragate.learning.inner_fold import InnerFold
        from theragate.learning.score_journal import ScoreJournal
        from theragate.learning.tuning import Search, tune

        here = Path(sys.argv[1])
        calls = 0
        score = InnerFold.score

        def counted(self, *arguments, **keywords):
            global calls
            calls += 1
            if calls == 15:
                os.kill(os.getpid(), signal.SIGKILL)
            return score(self, *arguments, **keywords)

        InnerFold.score = counted
        cohort = pd.read_parquet(here / "cohort.parquet")
        tune(
            cohort,
            Binary((cohort["ill"] == "yes").to_numpy()),
            search=Search("binary", "logistic", ("spline_logistic", "xgboost"), 8, 3),
            schema=tuple(Feature(*pair) for pair in json.loads((here / "schema.json").read_text())),
            seed=4,
            journal=ScoreJournal(here / "killed.journal"),
        )
    """)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, env=os.environ, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert journal.stat().st_size > 0
    assert run(problem, journal) == whole[0]


def test_two_at_once_write_one_journal_and_give_the_same(problem, whole, tmp_path) -> None:
    path = tmp_path / "one.journal"
    first, second = ScoreJournal(path), ScoreJournal(path)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda journal: searched(problem, journal), (first, second)))
    assert found == [whole[0], whole[0]]
    assert run(problem, path) == whole[0]


def test_a_folder_that_cannot_be_made_is_named(problem, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="the journal of a search can be written"):
        run(problem, tmp_path / "file" / "one.journal")
