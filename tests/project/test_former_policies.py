"""A limit that was changed after a result was seen is told: the ledger says that it was, git what it was."""

import shutil
from pathlib import Path

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from support import ROOT, run

from theragate.digests import sha256_json
from theragate.evidence.types import Evidence
from theragate.gates import Policy, decide, read_policy
from theragate.gates.types import Verdict
from theragate.project.former_policies import Former, former_policies
from theragate.project.limits_words import limits_words
from theragate.project.looks_on_record import look_of
from theragate.release.looks import count_look, ledger
from theragate.settings import read_settings
from theragate.study import load_study

STUDY = STUDIES["survival"].name


class Clone:
    """A git repository with our params.yaml, in which one study is judged, without its pipeline."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = read_settings({}, root)
        self.ledger = ledger(self.settings, STUDY)
        self.evidence = good_evidence(STUDIES["survival"])
        shutil.copy(ROOT / "params.yaml", root)
        run(root, "git", "init", "-q")

    @property
    def policy(self) -> Policy:
        return read_policy(load_study(self.root / "params.yaml", STUDY))

    def commit(self) -> str:
        run(self.root, "git", "add", "params.yaml")
        run(self.root, "git", "commit", "-qm", "Limits")
        return run(self.root, "git", "rev-parse", "HEAD")[:12]

    def change(self, old: str, new: str) -> None:
        path = self.root / "params.yaml"
        text = path.read_text(encoding="utf-8")
        start = text.index(f"  {STUDY}:")
        assert old in text[start:]
        path.write_text(text[:start] + text[start:].replace(old, new, 1), encoding="utf-8")

    def judge(self, evidence: Evidence | None = None) -> Verdict:
        used = evidence or self.evidence
        verdict = decide(used, self.policy, evidence_sha256=sha256_json(used.model_dump(mode="json")))
        count_look(self.settings, STUDY, look_of(verdict))
        return verdict

    def former(self) -> Former:
        return former_policies(self.root, self.settings, self.policy, self.judge())


@pytest.fixture
def clone(tmp_path) -> Clone:
    return Clone(tmp_path)


def limit(clone: Clone) -> float:
    return float(clone.policy.document["gates"]["discrimination"]["floor"])


def test_where_no_limit_was_changed_nothing_is_said(clone):
    clone.commit()
    clone.judge()
    former = clone.former()
    assert (former.policies, former.under_others, limits_words(former)) == ((), 0, [])


def test_a_limit_that_was_changed_is_told_with_what_it_was_and_what_it_decided(clone):
    before = limit(clone)
    commit = clone.commit()
    first = clone.judge()
    clone.change(f"floor: {before:g}", "floor: 0.55")
    (policy,) = clone.former().policies
    assert (policy.sha256, policy.commit.split()[0]) == (first.policy_sha256, commit)
    assert policy.decisions == policy.same_predictions == (first.decision,)
    assert policy.changes == {"discrimination.floor": (before, 0.55)}
    told, one = limits_words(clone.former())
    assert told.startswith("1 look of 2 at these held-out data was under another policy")
    assert f"decided {first.decision} of these very predictions: discrimination.floor was {before:g} and is 0.55" in one
    assert f"(commit {commit} of " in one


def test_back_and_forth_is_told_too(clone):
    before = limit(clone)
    clone.commit()
    clone.judge()
    clone.change(f"floor: {before:g}", "floor: 0.55")
    commit = clone.commit()
    clone.judge()
    clone.change("floor: 0.55", f"floor: {before:g}")
    (policy,) = clone.former().policies
    assert policy.changes == {"discrimination.floor": (0.55, before)}
    assert policy.commit.startswith(commit)


def test_of_a_policy_that_was_never_committed_nothing_is_made_up(clone):
    before = limit(clone)
    clone.judge()
    clone.change(f"floor: {before:g}", "floor: 0.55")
    clone.commit()
    (policy,) = clone.former().policies
    assert (policy.commit, policy.changes) == ("", None)
    assert "what it said is not known" in limits_words(clone.former())[1]


def test_outside_of_git_the_ledger_alone_speaks(clone):
    before = limit(clone)
    clone.commit()
    clone.judge()
    clone.change(f"floor: {before:g}", "floor: 0.55")
    shutil.rmtree(clone.root / ".git")
    assert clone.former().policies[0].changes is None


def test_another_reason_is_no_other_limit(clone):
    reason = clone.policy.document["gates"]["discrimination"]["reason"]
    clone.commit()
    clone.judge()
    clone.change(reason[:40], f"Of old: {reason[:40]}")
    told = limits_words(clone.former())
    assert "the same limits, with other texts" in told[1]


def test_other_predictions_are_told_apart_and_other_patients_left_out(clone):
    before = limit(clone)
    clone.commit()
    clone.judge(clone.evidence.model_copy(update={"predictions_sha256": "f" * 64}))
    others = clone.evidence.cohort.model_copy(update={"sha256": "e" * 64})
    clone.judge(clone.evidence.model_copy(update={"cohort": others}))
    clone.change(f"floor: {before:g}", "floor: 0.55")
    former = clone.former()
    assert former.looks == 2
    (policy,) = former.policies
    assert policy.same_predictions == ()
    assert "of these very predictions" not in limits_words(former)[1]


def test_a_former_file_that_cannot_be_read_today_is_passed_over(clone):
    before = limit(clone)
    clone.commit()
    clone.judge()
    whole = (clone.root / "params.yaml").read_text(encoding="utf-8")
    for broken in (
        "studies: [\n",
        "seed: 1\n",
        f"studies:\n  {STUDY}: 3\n",
        f"studies:\n  {STUDY}:\n    policy: none\n",
    ):
        (clone.root / "params.yaml").write_text(broken, encoding="utf-8")
        clone.commit()
    (clone.root / "params.yaml").write_text(whole, encoding="utf-8")
    clone.change(f"floor: {before:g}", "floor: 0.55")
    assert clone.former().policies[0].changes == {"discrimination.floor": (before, 0.55)}
