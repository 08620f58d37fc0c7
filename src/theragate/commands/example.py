"""A request to a server of the trained model, about a made-up patient, and what it answers."""

import json
from pathlib import Path

from theragate.digests import sha256_tree
from theragate.errors import TheragateError
from theragate.gates.types import Verdict
from theragate.personal.answers import load_personal_model
from theragate.personal.identity import UNREGISTERED
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.serving import ServedModel
from theragate.study import load_study

__all__ = ["example"]


def example(root: Path, study: str, *, url: str) -> str:
    """Return a `curl` command that asks a server at `url` about a patient of median values, and its answer as JSON.

    Raises
    ------
    ConfigurationError
        If there is no such study.
    DataError
        If the study has no trained model here, or a damaged one.
    """
    workspace = Workspace(root, study)
    load_study(workspace.params, study)
    personal = load_personal_model(workspace.model("estimator")).known_as("", _status(workspace))
    patient = personal.example()
    request = json.dumps({"dataframe_split": patient.to_dict(orient="split", index=False)}, ensure_ascii=False)
    quoted = request.replace("'", r"'\''")
    answer = {"predictions": ServedModel(personal).predict(patient).to_dict(orient="records")}
    return (
        f"curl {url}/invocations -H 'Content-Type: application/json' \\\n  -d '{quoted}'\n\n"
        f"{json.dumps(answer, indent=1, ensure_ascii=False)}"
    )


def _status(workspace: Workspace) -> str:
    """Return what the verdict says of this model, if there is one about it."""
    try:
        verdict = read_output(Verdict, workspace.report("verdict.json"), workspace, stage="gate")
    except TheragateError:
        return UNREGISTERED
    judged = verdict.model_sha256 == sha256_tree(workspace.model("estimator"))
    return f"{verdict.decision}, {UNREGISTERED}" if judged else UNREGISTERED
