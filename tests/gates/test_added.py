"""A gate of others judges like one of ours, where the study names its package; the policy's digest names it."""

import pytest
from gates.evidence_by_hand import STUDIES, changed, gate_of, good_evidence
from made_extensions import GATE, MadeExtensions

from theragate.digests import sha256_json
from theragate.errors import ConfigurationError, EvidenceError, ExtensionError
from theragate.extensions import GATES as GROUP
from theragate.extensions import find
from theragate.gates import GATES, Policy, decide, read_policy
from theragate.study import Study

NAME, ENTRY = "acme-theragate", {"most": 0.2, "reason": "Agreed with the clinic."}
SHA = "9" * 64


def study_with(*names: str, **gates: dict) -> Study:
    study = STUDIES["survival"]
    return study.model_copy(update={"extensions": names, "gates": study.gates | gates})


def evidence_with(censored: int | None, study: Study | None = None):
    evidence = good_evidence(study or STUDIES["survival"])
    return changed(evidence, cohort=evidence.cohort.model_copy(update={"censored_before_horizon": censored}))


@pytest.mark.parametrize(("censored", "status"), [(0, "pass"), (1900, "fail"), (None, "insufficient")])
def test_it_judges_and_its_finding_is_in_the_verdict(acme: MadeExtensions, censored, status) -> None:
    acme.gate()
    evidence = evidence_with(censored)
    policy = read_policy(study_with(NAME, follow_up=ENTRY))
    verdict = decide(evidence, policy, evidence_sha256=SHA)
    assert [finding.gate for finding in verdict.findings] == [*GATES, "follow_up"]
    finding = verdict.findings[-1]
    assert (finding.code, finding.status, finding.reason) == ("ACME001", status, ENTRY["reason"])
    assert verdict.decision == ("PASS" if status == "pass" else "BLOCKED")


def test_the_policy_names_the_extension_and_its_digest_follows(acme: MadeExtensions) -> None:
    acme.gate()
    policy = read_policy(study_with(NAME, follow_up=ENTRY))
    found = find(NAME)
    assert policy.document["declared"]["extensions"] == {NAME: {"version": "1.0", "sha256": found.sha256}}
    assert policy.document["gates"]["follow_up"] == ENTRY
    assert policy.sha256 == sha256_json(policy.document) != read_policy(STUDIES["survival"]).sha256
    assert Policy.of_json(policy.document).sha256 == policy.sha256
    acme.forget()
    (acme.folder / "acme_gates" / "__init__.py").write_text(f"{GATE}\n# a comment\n")
    assert read_policy(study_with(NAME, follow_up=ENTRY)).sha256 != policy.sha256


def test_a_study_that_names_none_is_what_it_was(acme: MadeExtensions) -> None:
    acme.gate()
    read_policy(study_with(NAME, follow_up=ENTRY))
    policy = read_policy(STUDIES["survival"])
    assert "extensions" not in policy.document["declared"]
    assert list(policy.asked) == list(GATES)
    assert len(decide(evidence_with(1), policy, evidence_sha256=SHA).findings) == len(GATES)
    with pytest.raises(ConfigurationError, match="an unknown gate `follow_up`"):
        read_policy(study_with(follow_up=ENTRY))


def test_its_gate_may_not_be_left_out(acme: MadeExtensions) -> None:
    acme.gate()
    with pytest.raises(ConfigurationError, match="no gate may be left out; received no entry `follow_up`"):
        read_policy(study_with(NAME))
    document = dict(read_policy(study_with(NAME, follow_up=ENTRY)).document)
    document["gates"] = {name: entry for name, entry in document["gates"].items() if name != "follow_up"}
    verdict = decide(evidence_with(1), Policy.of_json(document), evidence_sha256=SHA)
    assert (verdict.findings[-1].gate, verdict.findings[-1].status) == ("follow_up", "insufficient")


def test_a_name_that_is_nearly_its_own_is_answered_with_it(acme: MadeExtensions) -> None:
    acme.gate()
    with pytest.raises(ConfigurationError, match=r", follow_up, .*gate `folow_up`. Did you mean `follow_up`"):
        read_policy(study_with(NAME, follow_up=ENTRY, folow_up=ENTRY))


def test_its_limits_are_checked_at_their_keys(acme: MadeExtensions) -> None:
    acme.gate()
    at = rf"params.yaml, key `{study_with().key('gates', 'follow_up', 'most')}`"
    with pytest.raises(ConfigurationError, match=f"{at}.*less than or equal to 1"):
        read_policy(study_with(NAME, follow_up=ENTRY | {"most": 2.0}))


def test_a_policy_is_read_back_only_through_the_extension_that_it_names(acme: MadeExtensions) -> None:
    acme.gate()
    document = read_policy(study_with(NAME, follow_up=ENTRY)).document
    said = document["declared"]["extensions"][NAME]
    for change in ({"version": "2.0"}, {"sha256": "0" * 64}):
        other = document | {"declared": document["declared"] | {"extensions": {NAME: said | change}}}
        with pytest.raises(ExtensionError, match="extension `acme-theragate`: it is version"):
            Policy.of_json(other)
    with pytest.raises(EvidenceError):
        Policy.of_json(document | {"declared": document["declared"] | {"extensions": {}}})
    with pytest.raises(EvidenceError, match="an unknown gate `follow_up`"):
        Policy.of_json(document | {"declared": {k: v for k, v in document["declared"].items() if k != "extensions"}})
    acme.forget()
    with pytest.raises(ExtensionError, match="its code is imported where a study or a trust file names it"):
        Policy.of_json(document)
    assert not acme.imported("acme_gates")


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ('"ACME001"', '"TG999"', "its code is .* but for those that begin with TG"),
        ('"ACME001"', '"acme-1"', "its code is"),
        ('"follow_up"', '"follow"', "the entry point has the name of the gate; received a gate named `follow`"),
        ('"major"', '"minor"', "its severity is one of critical, major; received `minor`"),
        ("(Gate)", "", "a class made from `theragate.gates.Gate`; received an object of type type"),
        ("def judge", "def answer", "it answers in `judge`"),
        ("    protects", "    guards", "no `protects`"),
        ('title: ClassVar[str] = "Follow-up that is long enough"', "title: ClassVar[int] = 3", "its `title` is a text"),
        ("    most:", '    tasks: ClassVar[tuple[str, ...]] = ("survival",)\n    most:', "`elsewhere` says why not"),
    ],
)
def test_a_gate_that_breaks_the_contract_is_one_line(acme: MadeExtensions, before, after, match) -> None:
    assert before in GATE
    acme.gate(source=GATE.replace(before, after))
    with pytest.raises(ExtensionError, match=match):
        read_policy(study_with(NAME, follow_up=ENTRY))


@pytest.mark.parametrize("name", ["discrimination", "lineage", "review", "x", "Follow-Up"])
def test_a_name_that_is_taken_or_none_is_refused(acme: MadeExtensions, name) -> None:
    source = GATE.replace('"follow_up"', f'"{name}"')
    acme.add(NAME, {"acme_gates/__init__.py": source}, {GROUP: {name: "acme_gates:FollowUp"}})
    with pytest.raises(ExtensionError, match=f"and none of ours; received `{name}`"):
        read_policy(study_with(NAME, follow_up=ENTRY))


@pytest.mark.parametrize(
    ("source", "entry", "match"),
    [
        (GATE, "follow_up", "its name is its own; received `follow_up`, which another extension's gate has"),
        (GATE.replace('"follow_up"', '"follow_down"'), "follow_down", "its code is its own; received `ACME001`"),
    ],
)
def test_two_extensions_share_neither_name_nor_code(acme: MadeExtensions, source, entry, match) -> None:
    acme.gate()
    acme.add("zenith", {"zenith_gates.py": source}, {GROUP: {entry: "zenith_gates:FollowUp"}})
    with pytest.raises(ExtensionError, match=f"extension `zenith`, .*{match}"):
        read_policy(study_with("zenith", NAME, follow_up=ENTRY, follow_down=ENTRY))


@pytest.mark.parametrize(
    ("body", "received"),
    [
        ("raise KeyError(evidence)", "the error KeyError"),
        ("return None", "an object of type NoneType"),
        ('return self.finding("pass", "x").model_copy(update={"gate": "privacy"})', "one under the name `privacy`"),
        ('return self.finding("pass", "x").model_copy(update={"waivable": False})', "one under the name `follow_up`"),
    ],
)
def test_a_gate_that_gives_no_finding_of_its_own_is_one_line(acme: MadeExtensions, body, received) -> None:
    start = (
        GATE.index('            """Compare') if '            """Compare' in GATE else GATE.index('        """Compare')
    )
    acme.gate(source=f"{GATE[:start]}        {body}\n")
    policy = read_policy(study_with(NAME, follow_up=ENTRY))
    with pytest.raises(ExtensionError, match=f"gate ACME001 `follow_up` of an extension: .*received {received}"):
        decide(evidence_with(1), policy, evidence_sha256=SHA)


def test_the_gates_of_the_repository_are_untouched(acme: MadeExtensions) -> None:
    acme.gate()
    read_policy(study_with(NAME, follow_up=ENTRY))
    assert "follow_up" not in GATES
    assert gate_of("discrimination").judge(evidence_with(1)).status == "pass"
