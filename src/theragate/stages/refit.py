"""Released model to refits of its recipe on samples and halves; the champion's recipe in the challenger's folds."""

from typing import Any

from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.parquet import read_table, write_table
from theragate.digests import sha256_file
from theragate.errors import EvidenceError
from theragate.files import write_json
from theragate.learning.membership_halves import DIVISIONS
from theragate.learning.persistence import load
from theragate.learning.predictor import Predictor
from theragate.learning.refits import Recipe, Refitted
from theragate.learning.refits import refit as fit_again
from theragate.release.champion import Champion, read_champion
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.stages.progress import show_progress
from theragate.stages.validated import check_validated
from theragate.study import Spec, Study, load_seed, load_study, read_spec

__all__ = ["refit"]


class Selected(Spec):
    """The family and the parameters that training chose."""

    family: str
    params: dict[str, int | float]


class Record(Spec, extra="ignore"):
    """What is read of the training record."""

    study: str
    task: str
    selected: Selected
    features: tuple[str, ...]


def refit(workspace: Workspace, settings: Settings) -> str:
    """Write ``refits.parquet``, ``halves.parquet``, ``champion.parquet`` and ``refits.json``.

    Raises
    ------
    ConfigurationError
        If ``champion.json`` is of another form or study.
    DataError
        If the cohort is not the one that was validated, a file is missing, or the model cannot be fitted again.
    EvidenceError
        If training record and model do not belong together.
    """
    study = load_study(workspace.params, workspace.study)
    path = workspace.data("cohort.parquet")
    check_validated(workspace, path)
    cohort = read_table(path, remedy=f"Run `dvc repro ingest@{study.name}`.")
    record, released = _trained(workspace, study)
    champion = read_champion(workspace.decided("champion.json"), study.name)
    with show_progress(study.name) as progress:
        refitted = fit_again(
            cohort,
            read_outcome(cohort, study),
            study,
            released=released,
            params=record.selected.params,
            champion=Recipe(champion.family, champion.params, champion.features) if champion else None,
            seed=load_seed(workspace.params),
            jobs=settings.jobs,
            progress=progress,
        )
    write_table(workspace.model("refits.parquet"), refitted.refits)
    write_table(workspace.model("halves.parquet"), refitted.halves)
    write_table(workspace.model("champion.parquet"), refitted.champion)
    same_cohort = champion is not None and champion.cohort_sha256 == sha256_file(path)
    run = _run(champion, refitted, study=study.name, same_cohort=same_cohort) if champion else None
    write_json(
        workspace.model("refits.json"),
        {"study": study.name, "refits": study.stability.refits, **record.selected.model_dump(), "champion": run},
    )
    return f"{study.stability.refits} refits, {2 * DIVISIONS} halves; {_told(champion, refitted)}"


def _trained(workspace: Workspace, study: Study) -> tuple[Record, Predictor]:
    """Read the training record and the released model, and refuse them if they are not of one training."""
    again = f"Run `dvc repro -f train@{study.name}`."
    record = read_spec(
        Record,
        workspace.model("record.json"),
        subject=f"study `{study.name}`, record.json",
        remedy=f"Run `dvc repro train@{study.name}`.",
        outdated=again,
        error=EvidenceError,
    )
    released = load(workspace.model("estimator"))
    found = (study.name, released.task, released.family, tuple(released.features))
    if found != (record.study, record.task, record.selected.family, record.features) or record.task != study.task:
        raise EvidenceError(
            f"study `{study.name}`, record.json",
            rule="the record is of the study and of the model in `estimator`",
            received="one of another training",
            remedy=again,
        )
    return record, released


def _run(champion: Champion, refitted: Refitted, *, study: str, same_cohort: bool) -> dict[str, Any]:
    return {
        "model_sha256": champion.model_sha256,
        "recipe_sha256": champion.recipe_sha256(study),
        "family": champion.family,
        "same_cohort": same_cohort,
        "why": refitted.why,
    }


def _told(champion: Champion | None, refitted: Refitted) -> str:
    if champion is None:
        return "no champion"
    if refitted.why:
        return f"champion version {champion.version} could not be run: {refitted.why}"
    return f"champion version {champion.version} ({champion.family}) run again in the same folds"
