"""Who is in service: a fold, checked by hand and against a plain reading of the rules."""

from hypothesis import given
from hypothesis import strategies as st
from release.submission_by_hand import LEDGER
from release.test_ledger import event

from theragate.release.ledger import append
from theragate.release.state import LedgerState, StudyState, fold


def model(version: str) -> dict[str, str]:
    return {"version": version, "model_sha256": f"{int(version):064x}"}


def after(*steps: str) -> StudyState:
    """Read `promote 1` and the like."""
    state = StudyState()
    for step in steps:
        kind, version = step.split()
        state = state.after(event(kind=kind, **model(version)))
    return state


def champion(state: StudyState) -> str | None:
    return state.champion.version if state.champion else None


def target(state: StudyState) -> str | None:
    return state.rollback_target.version if state.rollback_target else None


def test_nothing_has_happened():
    assert (champion(StudyState()), target(StudyState()), StudyState().incumbent) == (None, None, None)


def test_a_rollback_goes_back_step_by_step_and_never_forth():
    state = after("promote 1", "promote 2", "promote 3")
    assert (champion(state), target(state)) == ("3", "2")
    state = after("promote 1", "promote 2", "promote 3", "rollback 2")
    assert (champion(state), target(state)) == ("2", "1")
    state = after("promote 1", "promote 2", "promote 3", "rollback 2", "rollback 1")
    assert (champion(state), target(state)) == ("1", None)


def test_a_rollback_passes_over_what_was_revoked():
    state = after("promote 1", "promote 2", "promote 3", "revoke 2")
    assert (champion(state), target(state)) == ("3", "1")


def test_a_revoked_champion_leaves_service():
    state = after("promote 1", "promote 2", "revoke 2")
    assert (champion(state), target(state), state.revoked) == (None, "1", {"2"})
    assert state.incumbent.version == "1"


def test_a_withdrawn_champion_can_be_put_back():
    state = after("promote 1", "promote 2", "withdraw 2")
    assert (champion(state), target(state)) == (None, "2")
    assert state.incumbent.version == "2"
    assert champion(after("promote 1", "promote 2", "withdraw 2", "rollback 2")) == "2"
    assert target(after("promote 1", "promote 2", "withdraw 2", "rollback 2")) == "1"
    assert target(after("promote 1", "promote 2", "withdraw 2", "revoke 2")) == "1"


def test_the_same_estimator_under_another_number_is_revoked_too():
    state = after("promote 1", "promote 2").after(event(kind="revoke", version="9", model_sha256=f"{1:064x}"))
    assert target(state) is None
    assert champion(state) == "2"
    assert champion(state.after(event(kind="revoke", version="8", model_sha256=f"{2:064x}"))) is None


def test_approvals_are_kept_by_statement():
    one = event(1, actor="bob")
    state = StudyState().after(one).after(event(1, actor="eve")).after(event(2, actor="bob"))
    found = {sha256: [approval.actor for approval in given] for sha256, given in state.approvals.items()}
    assert found == {one.statement_sha256: ["bob", "eve"], f"{2:064x}": ["bob"]}


def test_an_approval_is_gone_once_its_statement_has_moved():
    approval, elsewhere = event(1, kind="approve"), event(2, kind="approve")
    for kind in ("promote", "rollback", "withdraw", "revoke"):
        state = StudyState().after(approval).after(elsewhere).after(event(1, kind=kind))
        assert set(state.approvals) == {elsewhere.statement_sha256}, kind
    served = StudyState().after(event(1, kind="promote")).after(approval)
    assert served.after(event(3, kind="promote")).approvals == {}, "nor does one count that was given in service"


@given(st.lists(st.tuples(st.sampled_from(["approve", "promote", "rollback", "withdraw"]), st.integers(1, 3))))
def test_every_promotion_needs_an_approval_since_the_last_move(steps):
    state = StudyState()
    since: dict[str, bool] = {}  # whether a statement was approved since it last came into service or left it
    for kind, number in steps:
        done = event(number, kind=kind)
        leaving = state.champion.statement_sha256 if state.champion else None
        state = state.after(done)
        if kind == "approve":
            since[done.statement_sha256] = True
        else:
            since[done.statement_sha256] = False
            since[leaving] = False
        assert set(state.approvals) == {sha256 for sha256, approved in since.items() if approved}


def test_studies_are_apart_and_the_head_is_the_last_row():
    first = append(None, event(1, kind="promote", study="study_one"), LEDGER)
    second = append(first, event(2, kind="promote", study="study_two"), LEDGER)
    state = fold([first, second])
    assert [state.of(name).champion.version for name in ("study_one", "study_two")] == ["1", "2"]
    assert state.of("study_three") == StudyState()
    assert state.head == second
    assert LedgerState().head is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["approve", "promote", "rollback", "revoke", "withdraw"]), st.integers(1, 4)), max_size=14
)


def legal(steps) -> list[str]:
    """Keep the steps that are allowed: a rollback to its target, a withdrawal of the champion, nothing revoked."""
    kept: list[str] = []
    for kind, number in steps:
        state = after(*kept)
        version = str(number)
        allowed = {
            "approve": True,
            "promote": version not in state.revoked and version != champion(state),
            "rollback": version == target(state),
            "revoke": version not in state.revoked,
            "withdraw": version == champion(state),
        }
        if allowed[kind]:
            kept.append(f"{kind} {version}")
    return kept


@given(STEPS)
def test_nothing_revoked_is_ever_in_service_or_rolled_back_to(steps):
    kept = legal(steps)
    state = after(*kept)
    assert champion(state) not in state.revoked
    assert target(state) not in state.revoked
    assert target(state) is None or target(state) != champion(state)
    ever = {step.split()[1] for step in kept if step.startswith("promote")}
    assert {champion(state), target(state)} <= ever | {None}


@given(STEPS, st.integers(0, 14))
def test_folding_goes_on_where_it_stopped(steps, split):
    rows = []
    for step in legal(steps):
        kind, version = step.split()
        rows.append(append(rows[-1] if rows else None, event(kind=kind, **model(version)), LEDGER))
    assert fold(rows[split:], start=fold(rows[:split])) == fold(rows)
