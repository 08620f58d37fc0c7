"""A verdict is believed when it is what the gates say now: of this evidence, under this policy, about these files."""

from collections.abc import Iterator

from theragate.digests import sha256_file
from theragate.errors import EvidenceError
from theragate.gates import decide
from theragate.gates.types import Verdict
from theragate.project.documents import JudgedStudy, read_measured
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.validation.validated import Validated

__all__ = ["read_judged"]

_REMEDY = "It is stale: run `dvc repro`; after `git checkout`, `dvc checkout` brings that commit's results back."


def read_judged(workspace: Workspace) -> JudgedStudy:
    """Read a study with its verdict, and judge again: a file that says PASS is no evidence of a pass.

    Raises
    ------
    ConfigurationError
        If there is no such study, one of its gates is wrong, or its waivers are of another form.
    DataError
        If a file is missing.
    EvidenceError
        If files do not belong together, the verdict is not the one that follows from ``evidence.json`` and
        ``params.yaml``, or the cohort or the predictions are not those that were judged.
    """
    measured = read_measured(workspace)
    verdict = read_output(Verdict, workspace.report("verdict.json"), workspace, stage="gate")
    now = decide(measured.evidence, measured.policy, evidence_sha256=measured.evidence_sha256)
    if verdict != now:
        rule = "the verdict follows from the evidence and params.yaml as they are"
        raise _stale(workspace, rule, _difference(verdict, now))
    judged = JudgedStudy(**vars(measured), verdict=verdict)
    for name, expected, digest in _digests(judged):
        if digest != expected:
            raise _stale(workspace, f"{name} the verdict is about", f"{digest[:12]}, expected {expected[:12]}")
    return judged


def _digests(judged: JudgedStudy) -> Iterator[tuple[str, str, str]]:
    """Yield, for each file that was judged, how a message names it, its digest in the verdict, and its digest now."""
    workspace, verdict = judged.workspace, judged.verdict
    validated = read_output(Validated, workspace.data("validated.json"), workspace, stage="validate")
    yield "the validated cohort is the one that", verdict.cohort_sha256, validated.cohort_sha256
    yield "the cohort is the one that", verdict.cohort_sha256, sha256_file(workspace.data("cohort.parquet"))
    predictions = sha256_file(workspace.model("predictions.parquet"))
    yield "the predictions are those that", verdict.predictions_sha256, predictions


def _difference(verdict: Verdict, now: Verdict) -> str:
    """Say in what a verdict is not what the gates say now: a policy is the cause of all else."""
    if verdict.policy_sha256 != now.policy_sha256:
        return (
            f"one under the policy {verdict.policy_sha256[:12]}, while params.yaml says {now.policy_sha256[:12]}: "
            "limits or their reasons are not those under which that result was seen"
        )
    name = next(field for field in Verdict.model_fields if getattr(verdict, field) != getattr(now, field))
    return f"a verdict that differs in `{name}`"


def _stale(workspace: Workspace, rule: str, received: str) -> EvidenceError:
    return EvidenceError(f"study `{workspace.study}`, verdict", rule=rule, received=received, remedy=_REMEDY)
