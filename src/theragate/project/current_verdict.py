"""A verdict is believed when it is what the gates say now: of this evidence, under this policy, about these files."""

from theragate.digests import sha256_file
from theragate.errors import EvidenceError
from theragate.evidence.types import Evidence
from theragate.files import read_json
from theragate.gates import decide, read_policy
from theragate.gates.types import Verdict
from theragate.project.documents import read_evidence, read_verdict
from theragate.runner.workspace import Workspace
from theragate.study import load_study

__all__ = ["current_verdict"]


def current_verdict(workspace: Workspace) -> tuple[Evidence, Verdict]:
    """Read a study's evidence and verdict, and judge anew: a file that says PASS is no evidence of a pass.

    Raises
    ------
    DataError
        If a file is missing.
    EvidenceError
        If the verdict is not the one that follows from ``evidence.json`` and ``params.yaml``, or the cohort or the
        predictions are not those that were judged.
    """
    study = load_study(workspace.params, workspace.study)
    verdict = read_verdict(workspace)
    evidence, evidence_sha256 = read_evidence(workspace)
    if verdict != decide(evidence, read_policy(study), evidence_sha256=evidence_sha256):
        raise _stale(workspace, "the verdict follows from the evidence and params.yaml as they are", "another verdict")
    remedy = f"Run `dvc repro gate@{study.name}`."
    cohort = workspace.data("cohort.parquet")
    named = {
        "the validated cohort": read_json(workspace.data("validated.json"), remedy=remedy).get("cohort_sha256"),
        "the provenance": read_json(workspace.data("provenance.json"), remedy=remedy).get("sha256"),
        "the cohort": sha256_file(cohort),
    }
    for name, digest in named.items():
        if digest != verdict.cohort_sha256:
            raise _stale(workspace, f"{name} is the one that was judged", "another digest")
    if sha256_file(workspace.model("predictions.parquet")) != verdict.predictions_sha256:
        raise _stale(workspace, "the predictions are those that were judged", "others")
    return evidence, verdict


def _stale(workspace: Workspace, rule: str, received: str) -> EvidenceError:
    return EvidenceError(
        f"study `{workspace.study}`, verdict", rule=rule, received=received, remedy="It is stale: run `dvc repro`."
    )
