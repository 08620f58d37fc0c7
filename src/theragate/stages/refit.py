"""Released model to refits of its recipe on samples and halves; the champion's recipe in the challenger's folds."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from theragate.cohorts.cohort_file import CohortFile
from theragate.cohorts.parquet import write_table
from theragate.digests import sha256_file
from theragate.errors import EvidenceError
from theragate.files import write_json
from theragate.learning.families import Params
from theragate.learning.membership_halves import DIVISIONS
from theragate.learning.persistence import load
from theragate.learning.predictor import Predictor
from theragate.learning.record import ChampionRun, RefitsRecord, SampleSize, TrainingRecord
from theragate.learning.refits import Recipe, Refitted, refit_in_sample
from theragate.learning.refits import refit as fit_again
from theragate.release.champion import ChampionRecipe, read_champion
from theragate.runner.command import StageCall
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.stages.division import Division, cohort_file, divide
from theragate.stages.progress import show_progress
from theragate.stages.validated import check_validated
from theragate.study import Study, load_seed, load_study
from theragate.workers.backend import Backend
from theragate.workers.choice import backend_of
from theragate.workers.site import SharedFile

__all__ = ["refit"]


class Making(TypedDict):
    """With what, and how, a recipe is fitted again; see `theragate.learning.refits.refit`."""

    released: Predictor
    params: Params
    seed: int
    backend: Backend
    storage: Path
    progress: Callable[[int, int, str], None]


def refit(call: StageCall) -> str:
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
    workspace, settings = call.workspace, call.settings
    study = load_study(workspace.params, workspace.study)
    path = workspace.data("cohort.parquet")
    sha256 = check_validated(workspace, path)
    file, seed = cohort_file(workspace), load_seed(workspace.params)
    division = divide(file, study, seed=seed)
    record, released = _trained(workspace, study)
    champion = read_champion(workspace.decided("champion.json"), study.name)
    storage = settings.state / "refits" / study.name
    with show_progress(study.name) as progress:
        refitted = _refitted(
            file,
            sha256,
            division,
            study,
            released=released,
            params=record.selected.params,
            champion=Recipe(champion.family, champion.params, champion.features) if champion else None,
            storage=storage,
            seed=seed,
            backend=backend_of(settings),
            progress=progress,
        )
    write_table(workspace.model("refits.parquet"), refitted.refits)
    write_table(workspace.model("halves.parquet"), refitted.halves)
    write_table(workspace.model("champion.parquet"), refitted.champion)
    same_cohort = champion is not None and champion.cohort_sha256 == sha256
    record_of_refits = RefitsRecord(
        study=study.name,
        refits=study.stability.refits,
        **dict(record.selected),
        champion=_run(champion, refitted, study=study.name, same_cohort=same_cohort) if champion else None,
        sample=_size(division),
    )
    write_json(workspace.model("refits.json"), record_of_refits.model_dump(mode="json"))
    shutil.rmtree(storage, ignore_errors=True)
    done = f"{study.stability.refits} refits, {2 * DIVISIONS} halves"
    if record_of_refits.sample:
        done += f" of {record_of_refits.sample.patients:,} patients drawn from {record_of_refits.sample.of:,}"
    return f"{done}; {_champion_words(champion, refitted)}"


def _refitted(
    file: CohortFile,
    sha256: str,
    division: Division,
    study: Study,
    *,
    champion: Recipe | None,
    **how: Unpack[Making],
) -> Refitted:
    """Fit again to everybody, or in the sample."""
    if division.sample is None:
        shared = SharedFile(file.path, sha256)
        return fit_again(file.frame(), division.outcome, study, champion=champion, file=shared, **how)
    sample = division.sample
    sampled, path = file.frame(rows=sample), how["storage"] / "sample.parquet"
    write_table(path, sampled)
    shared = SharedFile(path, sha256_file(path))
    refitted = refit_in_sample(sampled, division.outcome.take(sample), study, file=shared, **how)
    if champion is None:
        return refitted
    from theragate.learning.champion_in_pieces import champion_in_pieces  # with the engines of the search

    again = champion_in_pieces(
        file,
        study,
        champion,
        sha256=sha256,
        patients=file.frame(["patient"])["patient"],
        splits=division.splits,
        seed=how["seed"],
        backend=how["backend"],
        folder=how["storage"] / "champion",
        progress=how["progress"],
    )
    return replace(refitted, champion=again.predictions, why=again.why)


def _size(division: Division) -> SampleSize | None:
    if division.sample is None:
        return None
    return SampleSize(patients=len(division.sample), of=len(division.learned))


def _trained(workspace: Workspace, study: Study) -> tuple[TrainingRecord, Predictor]:
    """Read the training record and the released model, and refuse them if they are not of one training."""
    record = read_output(TrainingRecord, workspace.model("record.json"), workspace, stage="train")
    released = load(workspace.model("estimator"))
    for recorded, expected in (
        (record.task, study.task),
        (record.task, released.task),
        (record.selected.family, released.family),
        (", ".join(record.features), ", ".join(released.features)),
    ):
        if recorded != expected:
            raise EvidenceError(
                f"study `{study.name}`, record.json",
                rule="the record is of the study and of the model in `estimator`",
                received=f"`{recorded}`, expected `{expected}`",
                remedy=f"Run `dvc repro -f train@{study.name}`.",
            )
    return record, released


def _run(champion: ChampionRecipe, refitted: Refitted, *, study: str, same_cohort: bool) -> ChampionRun:
    return ChampionRun(
        model_sha256=champion.model_sha256,
        recipe_sha256=champion.recipe_sha256(study),
        family=champion.family,
        same_cohort=same_cohort,
        why=refitted.why,
    )


def _champion_words(champion: ChampionRecipe | None, refitted: Refitted) -> str:
    if champion is None:
        return "no champion"
    if refitted.why:
        return f"champion version {champion.version} could not be run: {refitted.why}"
    return f"champion version {champion.version} ({champion.family}) run again in the same folds"
