"""A server judges by an extension only where its trust file lists the digest of what is installed."""

import pytest
from gates.evidence_by_hand import changed
from made_extensions import GATE, MadeExtensions
from release.submission_by_hand import (
    NAME,
    NOW,
    POLICY,
    STUDY,
    DraftSubmission,
    as_json,
    first_release,
    refused,
    trust,
    waiver,
)

from theragate.digests import canonical_json, sha256_json
from theragate.errors import ConfigurationError
from theragate.evidence.types import Evidence
from theragate.extensions import find
from theragate.gates import Policy, decide, read_policy
from theragate.release.examination import examine
from theragate.release.rules import admissible
from theragate.release.state import LedgerState
from theragate.release.trust import Trust, project_trust, read_trust, write_trust

ACME = "acme-theragate"
ENTRY = {"most": 0.2, "reason": "Agreed with the clinic."}
SEEN = "import os\nopen(os.environ['ACME_SEEN'], 'w').close()\n"


@pytest.fixture
def seen(acme: MadeExtensions, tmp_path, monkeypatch):
    """Where the extension leaves a mark as soon as it is imported."""
    monkeypatch.setenv("ACME_SEEN", str(tmp_path / "seen"))
    acme.gate(source=SEEN + GATE)
    return tmp_path / "seen"


def policy_with(*names: str) -> Policy:
    entries = {"follow_up": ENTRY} if ACME in names else {}
    return read_policy(STUDY.model_copy(update={"extensions": names, "gates": STUDY.gates | entries}))


def submitted(policy: Policy, *, censored: int = 1) -> DraftSubmission:
    """What an evaluator sends who has the extension."""
    evidence = first_release()
    evidence = changed(evidence, cohort=evidence.cohort.model_copy(update={"censored_before_horizon": censored}))
    raw = as_json(evidence.model_dump(mode="json"))
    evidence = Evidence.model_validate_json(canonical_json(raw))
    verdict = decide(evidence, policy, evidence_sha256=sha256_json(raw))
    signed = {
        "policy_sha256": policy.sha256,
        "verdict_sha256": sha256_json(verdict.model_dump(mode="json")),
        "decision": verdict.decision,
    }
    return DraftSubmission(evidence=evidence, policy=as_json(policy.document), signed=signed)


def elsewhere(acme: MadeExtensions, seen) -> None:
    """Go to another process: there nothing is imported yet."""
    acme.forget()
    seen.unlink()


def test_a_trusted_extension_judges_on_the_server_too(acme, seen) -> None:
    policy = policy_with(ACME)
    drafts = [submitted(policy, censored=number) for number in (1, 1900)]
    elsewhere(acme, seen)
    trusted = trust(policies={NAME: (policy.sha256,)}, extensions={ACME: ("0" * 64, find(ACME).sha256)})
    assert not seen.exists()
    verdicts = [examine(draft.submission, trusted, NOW.date()).verdict for draft in drafts]
    assert [verdict.decision for verdict in verdicts] == ["PASS", "BLOCKED"]
    assert verdicts[1].findings[-1].gate == "follow_up"
    assert seen.exists()


def test_an_installed_extension_that_no_one_trusts_is_never_imported(acme, seen) -> None:
    draft = submitted(policy_with(ACME))
    digest = find(ACME).sha256
    elsewhere(acme, seen)
    for listed in ({}, {ACME: ()}, {ACME: ("0" * 64,)}, {"another": (digest,)}):
        with refused(
            f"^extension `{ACME}`: a policy names only extensions that are trusted here.*received `{digest}`, .*"
            "Read the extension's code, then list the digest under `extensions` in release/trust.json"
        ):
            examine(draft.submission, trust(extensions=listed), NOW.date())
    assert not seen.exists()
    assert not acme.imported("acme_gates")


@pytest.mark.parametrize(
    ("said", "received"),
    [
        ({"os": {"version": "1", "sha256": "0" * 64}}, "while none of it is trusted"),
        ({ACME: {"version": "1.0"}}, "no digest"),
        ({ACME: "1.0"}, "no digest"),
        ({ACME: {"version": "1.0", "sha256": ["0" * 64]}}, "no digest"),
        ({"../acme\n": {"version": "1.0", "sha256": "a\nb" * 40}}, "while none of it is trusted"),
    ],
)
def test_what_a_client_says_of_extensions_moves_nothing(acme, seen, said, received) -> None:
    document = as_json(POLICY.document)
    document["declared"]["extensions"] = said
    draft = DraftSubmission(policy=document)
    with refused(received) as refusal:
        examine(draft.submission, trust(extensions={ACME: (find(ACME).sha256,)}), NOW.date())
    assert str(refusal.value).isprintable()
    assert not seen.exists()


@pytest.mark.parametrize("said", [[], "acme-theragate", None, 3])
def test_extensions_of_another_form_are_a_policy_of_another_form(acme, seen, said) -> None:
    document = as_json(POLICY.document)
    document["declared"]["extensions"] = said
    with refused("the policy, key `declared.extensions`"):
        examine(DraftSubmission(policy=document).submission, trust(), NOW.date())
    assert not seen.exists()


def test_an_extension_that_the_server_has_otherwise_or_not_at_all_is_refused(acme, seen) -> None:
    policy = policy_with(ACME)
    draft, digest = submitted(policy), find(ACME).sha256
    elsewhere(acme, seen)
    source = acme.folder / "acme_gates" / "__init__.py"
    source.write_text(source.read_text() + "# changed on the server\n")
    with refused(f"what is installed here has the digest {digest[:12]}…; .*Install it there as it is trusted"):
        examine(draft.submission, trust(extensions={ACME: (digest,)}), NOW.date())
    both = trust(extensions={ACME: (digest, find(ACME).sha256)})
    with refused(f"it is version 1.0 with the digest {digest[:12]}…"):
        examine(draft.submission, both, NOW.date())
    acme.folder.rename(acme.folder.with_name("gone"))
    acme.forget()
    with refused(f"extension `{ACME}`: it is installed; received no such distribution"):
        examine(draft.submission, both, NOW.date())
    assert not seen.exists()


def test_a_verdict_without_the_findings_of_the_extension_is_refused(acme, seen) -> None:
    policy = policy_with(ACME)
    fails = submitted(policy, censored=1900)
    whole = submitted(policy, censored=1)
    forged = fails.signing(decision="PASS", verdict_sha256=whole.signed["verdict_sha256"])
    with refused(
        "the decision that it states follows from the evidence and the policy; received `PASS`, but `BLOCKED`"
    ):
        examine(forged.submission, trust(extensions={ACME: (find(ACME).sha256,)}), NOW.date())


def test_its_finding_can_be_waived_like_ours(acme, seen) -> None:
    policy = policy_with(ACME)
    draft = submitted(policy, censored=1900)
    trusted = trust(policies={NAME: (policy.sha256,)}, extensions={ACME: (find(ACME).sha256,)})
    verdict = examine(draft.submission, trusted, NOW.date()).verdict
    assert [finding.code for finding in verdict.blocking] == ["ACME001"]
    with refused("every gate passes, or valid waivers accept the findings that block.*ACME001 follow_up fail"):
        admissible(draft.submission, LedgerState(), trusted, NOW)
    waived = draft.signing(waivers=(waiver(verdict, "ACME001"),))
    assert admissible(waived.submission, LedgerState(), trusted, NOW).verdict == verdict


def test_the_trust_file_lists_extensions_and_is_the_same_without(acme, seen, tmp_path) -> None:
    path, digest = tmp_path / "trust.json", find(ACME).sha256
    write_trust(path, trust())
    assert "extensions" not in path.read_text()
    write_trust(path, trust(extensions={ACME: (digest,)}))
    assert read_trust(path, development=None).extensions == {ACME: (digest,)}
    for wrong in ({"Acme": [digest]}, {ACME: digest}, {ACME: ["1"]}):
        path.write_text(canonical_json({**trust().model_dump(mode="json"), "extensions": wrong}).decode())
        with pytest.raises(ConfigurationError, match="extensions"):
            read_trust(path, development=None)


def test_a_project_trusts_what_its_studies_name(acme, seen, tmp_path, monkeypatch) -> None:
    from theragate.release import trust as module

    (tmp_path / "params.yaml").touch()
    named = STUDY.model_copy(update={"extensions": (ACME,), "gates": STUDY.gates | {"follow_up": ENTRY}})
    monkeypatch.setattr(module, "load_studies", lambda _: [named])
    assert project_trust(tmp_path)["extensions"] == {ACME: (find(ACME).sha256,)}
    assert Trust(**project_trust(tmp_path)).extensions == {ACME: (find(ACME).sha256,)}
