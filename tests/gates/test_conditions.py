"""Release conditions: what may change after a verdict, judged anew each time that somebody asks."""

import re
from pathlib import Path

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.errors import ConfigurationError
from theragate.gates import CONDITIONS, GATES, Condition, Policy, ReleaseFacts, conditions, decide, read_policy
from theragate.study import Study

PAGES = Path(__file__).parents[2] / "docs" / "gates"
SECTIONS = ["What it protects against", "Formula", "Limits and their source", "How to argue with it"]
ADJUSTED = {"adjust": "bonferroni"}
GOOD = ReleaseFacts(
    commit="a" * 40, clean=True, unlocked=(), environment_sha256="b" * 64, missing=(), others=(), looks=1
)


def facts(**changes) -> ReleaseFacts:
    return GOOD.model_copy(update=changes)


def study_with(name: str, **limits) -> Study:
    study = STUDIES["survival"]
    entry = {key: value for key, value in (study.gates[name] | limits).items() if value is not ...}
    return study.model_copy(update={"gates": study.gates | {name: entry}})


def judged(given: ReleaseFacts, name: str, **limits):
    findings = conditions(given, read_policy(study_with(name, **limits)))
    return next(finding for finding in findings if finding.gate == name)


def test_the_registry_holds_every_condition_there_is():
    assert set(CONDITIONS.values()) == set(Condition.__subclasses__())
    assert [(kind.code, name) for name, kind in CONDITIONS.items()] == [
        ("TG011", "lineage"),
        ("TG012", "held_out_use"),
    ]
    assert not set(CONDITIONS) & set(GATES)
    assert all(kind.name == name and kind.protects.startswith("Against ") for name, kind in CONDITIONS.items())


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_a_page_explains_the_condition(name):
    kind = CONDITIONS[name]
    page = (PAGES / f"{kind.code}-{name.replace('_', '-')}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {kind.code}: {kind.title}\n")
    assert re.findall(r"^## (.+)$", page, flags=re.MULTILINE) == SECTIONS
    assert all(f"`{key}`" in page for key in set(kind.model_fields) - {"reason"})


def test_good_facts_meet_every_condition():
    for study in STUDIES.values():
        findings = conditions(GOOD, read_policy(study))
        assert [finding.status for finding in findings] == ["pass"] * len(CONDITIONS)
        assert [finding.reason for finding in findings] == [study.gates[name]["reason"] for name in CONDITIONS]
        assert all(finding.summary.endswith(".") and not finding.next_step for finding in findings)


@pytest.mark.parametrize(
    ("changes", "cause", "remedy"),
    [
        ({"commit": None}, "no commit in git", "Commit the project"),
        ({"clean": False}, "differ from commit aaaaaaaaaaaa", "Commit them"),
        ({"unlocked": ("models/x",)}, "The files are not those of dvc.lock: models/x", "dvc repro"),
        ({"missing": ("numpy",)}, "lacks numpy of requirements.lock", "environment"),
        (
            {"others": ("numpy", "scipy")},
            "has numpy and scipy in versions that requirements.lock does not name",
            "environment",
        ),
    ],
)
def test_each_breach_of_the_lineage_fails_with_its_own_remedy(changes, cause, remedy):
    finding = judged(facts(**changes), "lineage")
    assert finding.status == "fail"
    assert cause in finding.summary
    assert remedy in finding.next_step


def test_all_breaches_of_the_lineage_are_named_and_long_lists_are_cut():
    finding = judged(facts(commit=None, unlocked=tuple("abcdefgh"), missing=("x",), others=("y",)), "lineage")
    assert "a, b, c, d and 4 others" in finding.summary
    assert all(part in finding.summary for part in ("no commit", "lacks x of requirements.lock", "has y in versions"))
    assert finding.next_step.startswith("Commit the project with git. Run `dvc repro`")
    assert finding.next_step.endswith("run `dvc repro` in it.")


@pytest.mark.parametrize(
    ("looks", "status"), [(0, "insufficient"), (1, "pass"), (5, "pass"), (6, "insufficient"), (99, "insufficient")]
)
def test_held_out_data_wear_out(looks, status):
    finding = judged(facts(looks=looks), "held_out_use", most=5)
    assert finding.status == status
    assert bool(finding.next_step) == (status != "pass")
    if looks > 5:
        assert f"The estimate is worn. These held-out data have had {looks} looks, more than the 5" in finding.summary


@pytest.mark.parametrize(
    ("looks", "limits", "said"),
    [
        (1, {}, "A model exactly at a limit passes it by chance in 2.5% of studies."),
        (5, {}, "The best of 5 models that are all exactly at a limit passes it by chance in up to 12% of studies"),
        (20, {}, "in up to 40% of studies (one alone: 2.5%), and more often if one was built from what earlier"),
        (
            1,
            {"adjust": "bonferroni"},
            "at 99.75%, so that of 20 models exactly at a limit any passes it by chance in",
        ),
        (
            40,
            {"adjust": "bonferroni"},
            "The best of 40 models that are all exactly at a limit passes it by chance in up to 5",
        ),
    ],
)
def test_how_often_the_best_of_so_many_looks_passes_by_chance_is_said(looks, limits, said):
    assert said in judged(facts(looks=looks), "held_out_use", most=20, **limits).summary


def test_a_policy_without_adjustment_has_the_digest_that_it_had():
    document = read_policy(STUDIES["survival"]).document["conditions"]["held_out_use"]
    assert document == STUDIES["survival"].gates["held_out_use"]
    adjusted = read_policy(study_with("held_out_use", adjust="bonferroni"))
    assert Policy.of_json(adjusted.document).sha256 == adjusted.sha256 != read_policy(STUDIES["survival"]).sha256


@settings(deadline=None)
@given(looks=st.integers(0, 50), more=st.integers(0, 50), most=st.integers(1, 40))
def test_more_looks_never_refresh_the_data(looks, more, most):
    policy = read_policy(study_with("held_out_use", most=most))
    before, after = (conditions(facts(looks=n), policy)[1].status for n in (max(looks, 1), max(looks, 1) + more))
    assert not (before == "insufficient" and after == "pass")


def test_an_empty_policy_lets_nothing_through():
    empty = Policy(declared=read_policy(STUDIES["survival"]).declared, gates=())
    findings = conditions(GOOD, empty)
    assert [finding.code for finding in findings] == ["TG011", "TG012"]
    assert {finding.status for finding in findings} == {"insufficient"}


@pytest.mark.parametrize(
    ("name", "limits", "message"),
    [
        ("held_out_use", {"most": 0}, r"held_out_use\.most"),
        ("held_out_use", {"most": 2.5}, r"held_out_use\.most"),
        ("held_out_use", {"most": "20"}, r"held_out_use\.most"),
        ("held_out_use", {"most": True}, r"held_out_use\.most"),
        ("held_out_use", {"most": ...}, r"held_out_use\.most.*required"),
        ("held_out_use", {"adjust": "ladder"}, r"held_out_use\.adjust"),
        ("lineage", {"most": 3}, r"lineage\.most.*unknown key"),
        ("lineage", {"reason": ""}, r"lineage\.reason"),
        ("lineage", {"reason": ...}, r"lineage\.reason.*required"),
        ("lineage", {"declared": {}}, r"gates\.lineage`.*unknown key `declared`"),
    ],
)
def test_conditions_are_declared_as_strictly_as_gates(name, limits, message):
    with pytest.raises(ConfigurationError, match=message):
        read_policy(study_with(name, **limits))


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_no_condition_may_be_left_out(name):
    study = STUDIES["survival"]
    fewer = study.model_copy(update={"gates": {key: value for key, value in study.gates.items() if key != name}})
    with pytest.raises(ConfigurationError, match=f"no entry `{name}`"):
        read_policy(fewer)


def test_conditions_are_in_the_policys_digest_and_never_in_a_verdict():
    policies = [read_policy(study_with("held_out_use", most=most)) for most in (5, 6)]
    assert policies[0].sha256 != policies[1].sha256
    verdict = decide(good_evidence(STUDIES["survival"]), policies[0], evidence_sha256="9" * 64)
    assert not {finding.gate for finding in verdict.findings} & set(CONDITIONS)


def test_facts_say_what_agrees():
    assert GOOD.lock_agrees
    assert GOOD.environment_agrees
    assert not facts(unlocked=("a",)).lock_agrees
    assert not facts(missing=("a",)).environment_agrees
    assert not facts(others=("a",)).environment_agrees
