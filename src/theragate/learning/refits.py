"""The recipe again, on bootstrap samples and on halves of its patients; the champion's recipe in the same folds."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.clusters import read_clusters
from theragate.cohorts.outcomes import Outcome
from theragate.cohorts.splits import Split, development_rows, outer_splits
from theragate.digests import sha256_json
from theragate.learning.families import Params, families_of
from theragate.learning.features import Feature, as_features, read_features
from theragate.learning.membership_halves import DIVISIONS, Division, DivisionWork, fit_halves, table_of_halves
from theragate.learning.patients import Patients, Source, source_of
from theragate.learning.predictor import Predictor
from theragate.learning.problem_digest import problem_digest
from theragate.learning.refit_journal import RefitJournal
from theragate.learning.refit_tables import table_of_champion, table_of_refits
from theragate.learning.refit_work import FitResult, FitWork, fit_and_predict, unfit
from theragate.learning.seeds import derive
from theragate.study import Study
from theragate.workers.backend import Backend, run_in_workers
from theragate.workers.processes import Processes
from theragate.workers.site import SharedFile

__all__ = ["Recipe", "Refitted", "obstacle", "refit", "refit_in_sample"]

# In patients of few features: the cost of a fit besides them, and how much work is worth the seconds that processes
# need to start. More features than a few count as more patients.
_PER_FIT, _WORTH_PROCESSES, _FEW_FEATURES = 10_000, 2_000_000, 100

Fitting: TypeAlias = FitWork | DivisionWork
Result: TypeAlias = FitResult | Division


@dataclass(frozen=True)
class Recipe:
    """How a model is made: a family of its task, the parameters, and the columns that it learns from."""

    family: str
    params: Params
    features: tuple[str, ...]


@dataclass(frozen=True)
class Refitted:
    """What the refits give.

    ``refits`` has one row per model and patient of the cohort: ``refit`` (int16; 0 is the released model itself),
    ``patient``, ``drawn`` (int16; how often the model learned from the patient) and ``prediction``, sorted by refit
    and patient. ``halves`` has one row per model of the audit and patient learned from, see `table_of_halves`.
    In a large study both have the patients of the audit's sample alone; refit 0 is then the recipe fitted to them, and
    refit -1 the released model.
    ``champion`` has one row per held-out patient and repeat: ``repeat``, ``fold`` (int16), ``patient``
    and ``prediction``, sorted by repeat and patient; it is empty where there is no champion, and where ``why`` says
    why its recipe could not be run.
    """

    refits: pd.DataFrame
    halves: pd.DataFrame
    champion: pd.DataFrame
    why: str


def refit(
    cohort: pd.DataFrame,
    outcome: Outcome,
    study: Study,
    *,
    released: Predictor,
    params: Params,
    champion: Recipe | None,
    seed: int,
    backend: Backend,
    storage: Path,
    progress: Callable[[int, int, str], None],
    file: SharedFile | None = None,
) -> Refitted:
    """Fit the released model again to bootstrap samples and to halves, and the champion's recipe to the outer folds.

    The samples are simple ones of as many patients, or whole clusters where the study declares them, as the released
    model learned from (Riley, Collins, Biom J 2023;65:2200302); one without a patient of each class of the outcome, or
    without a solution, is drawn again. Neither family nor parameters are searched for again, which would cost hours:
    what the search itself contributes to the instability is left out, so that the whole is somewhat larger than what
    is seen here.

    Ten random divisions of the patients into halves give two models each, and every patient is a member of one of them:
    what a membership-inference audit needs. A model of a half learns from fewer patients than the released one, and
    so gives away rather more about each.

    The champion's recipe gets the splits and seeds of the challenger's training, so that neither has learned from the
    patients whom it predicts. Its parameters were chosen on whole cohorts, an advantage of the champion, not of the
    challenger. The same arguments give the same bytes, whatever the `backend`.

    Parameters
    ----------
    cohort, outcome, study
        As for training.
    released
        The released model, whose own predictions are refit 0.
    params
        The parameters with which it was fitted.
    champion
        The recipe of the model in use; None where there is none.
    seed
        That of training.
    backend
        Where the work is done, each piece on one thread; where processes would take longer to start, in this one.
    storage
        A folder for the refits that are done. The same refits, started again after a crash, go on from there; it is
        emptied when all are.
    progress
        Called as ``progress(done, total, text)`` in this process whenever a model is fitted.
    file
        Where the cohort stands, so that workers read it there; None: its patients are handed to them.

    Raises
    ------
    DataError
        If there is no stable solution on several bootstrap samples in a row, or the cohort is too small for its splits.
    EvidenceError
        If the released model has no finite prediction for a patient.
    StoreError
        If a worker died.
    """
    splits = outer_splits(cohort, outcome, study, seed=seed)
    learned = development_rows(splits, len(cohort))
    families_of(study.task, study.installed)  # from here on this process, and its workers, may fit them
    everybody = _Everybody(cohort, outcome, study, _worth(study, splits, champion, cohort, backend), file)
    works = _of_released(everybody, learned=learned, released=released, params=params, seed=seed)
    schema = read_features(cohort, study)
    why = obstacle(champion, study, schema) if champion else ""
    if champion and not why:
        works += _folds(everybody, splits=splits, recipe=champion, schema=schema, seed=seed)
    journal = everybody.journal(storage, released, params, champion, seed=seed)
    results = _done(works, backend=everybody.backend, journal=journal, progress=progress, title=study.name)
    divisions, fits = _apart(results)
    samples, folds = fits[: study.stability.refits], fits[study.stability.refits :]
    failed = [works[result.position].name for result in folds if result.prediction is None]
    if failed:
        why, folds = f"its recipe has no stable solution in {failed[0]}", []
    own = FitResult(-1, learned, released.predict(cohort))
    return Refitted(
        refits=table_of_refits(cohort["patient"], [own, *samples]),
        halves=table_of_halves(cohort["patient"].iloc[learned], divisions),
        champion=table_of_champion(cohort["patient"], splits if folds else [], [result.prediction for result in folds]),
        why=why,
    )


def refit_in_sample(
    cohort: pd.DataFrame,
    outcome: Outcome,
    study: Study,
    *,
    released: Predictor,
    params: Params,
    seed: int,
    backend: Backend,
    storage: Path,
    progress: Callable[[int, int, str], None],
    file: SharedFile | None = None,
) -> Refitted:
    """Do of a large study what `refit` does, in a sample of the patients learned from, without the champion.

    What is asked is how far a model moves if others are learned from. A model of all and one of a sample differ for
    another reason too, since the one knows more: so the models of bootstrap samples of the sample are compared with one
    of the sample itself. The released model's predictions are there beside them.

    Parameters
    ----------
    cohort, outcome
        Of the sample.
    study, released, params, seed, backend, storage, progress, file
        As for `refit`; the file is one of the sample.

    Raises
    ------
    DataError, EvidenceError, StoreError
        As `refit` does; also if there is no stable solution on the sample.
    """
    everybody = np.arange(len(cohort), dtype=np.intp)
    families_of(study.task, study.installed)
    sample = _Everybody(cohort, outcome, study, _worth(study, [], None, cohort, backend), file)
    works = _of_released(sample, learned=everybody, released=released, params=params, seed=seed)
    first = works[0]
    if not isinstance(first, FitWork):
        raise TypeError("the works begin with the bootstrap samples")
    whole = replace(
        first,
        position=len(works),
        name="the sample",
        resampled=False,
        seed=derive(seed, study.name, "audit sample", "fit"),
    )
    journal = sample.journal(storage, released, params, None, seed=seed)
    results = _done([whole, *works], backend=sample.backend, journal=journal, progress=progress, title=study.name)
    divisions, (own, *samples) = _apart(results)
    if own.prediction is None:
        raise unfit(whole, on="a random sample", tried=f"the {len(cohort):,} of the sample")
    patients = cohort["patient"]
    nobody = FitResult(-1, everybody[:0], released.predict(cohort))
    return Refitted(
        refits=table_of_refits(patients, [nobody, own, *samples], first=-1),
        halves=table_of_halves(patients, divisions),
        champion=table_of_champion(patients, [], []),
        why="",
    )


def _apart(results: list[Result]) -> tuple[list[Division], list[FitResult]]:
    divisions = [result for result in results if isinstance(result, Division)]
    return divisions, [result for result in results if isinstance(result, FitResult)]


@dataclass(frozen=True)
class _Everybody:
    """The patients of a cohort, and where work about them is done."""

    cohort: pd.DataFrame
    outcome: Outcome
    study: Study
    backend: Backend
    file: SharedFile | None

    def source(self, schema: tuple[Feature, ...]) -> Source:
        """Return what works hold of them."""
        patients = Patients(as_features(self.cohort, schema), self.outcome, read_clusters(self.cohort, self.study))
        return source_of(patients, file=self.file, study=self.study, schema=schema, backend=self.backend)

    def journal(
        self, storage: Path, released: Predictor, params: Params, champion: Recipe | None, *, seed: int
    ) -> RefitJournal:
        """Return the journal of these refits, and of no others."""
        of = [
            problem_digest(self.cohort, self.study, seed=seed),
            self.study.stability.refits,
            [released.family, dict(params), [feature.name for feature in released.schema]],
            [champion.family, dict(champion.params), list(champion.features)] if champion else None,
        ]
        return RefitJournal(storage / f"{self.study.name}-{sha256_json(of)[:16]}")


def _of_released(
    everybody: _Everybody, *, learned: NDArray[np.intp], released: Predictor, params: Params, seed: int
) -> list[Fitting]:
    """Return the work of the bootstrap samples, then that of the divisions."""
    study = everybody.study
    shared: dict[str, Any] = {
        "patients": everybody.source(released.schema),
        "rows": learned,
        "task": released.task,
        "family": released.family,
        "params": params,
        "schema": released.schema,
    }
    samples = [
        FitWork(
            position=number - 1,
            name=f"refit {number}",
            predicted=np.arange(len(everybody.cohort), dtype=np.intp),
            resampled=True,
            seed=derive(seed, study.name, "refit", number),
            **shared,
        )
        for number in range(1, study.stability.refits + 1)
    ]
    divisions = [
        DivisionWork(
            position=study.stability.refits + number,
            name=f"division {number + 1}",
            seed=derive(seed, study.name, "division", number),
            **shared,
        )
        for number in range(DIVISIONS)
    ]
    return [*samples, *divisions]


def _folds(
    everybody: _Everybody, *, splits: list[Split], recipe: Recipe, schema: tuple[Feature, ...], seed: int
) -> list[FitWork]:
    study = everybody.study
    kept = tuple(feature for name in recipe.features for feature in schema if feature.name == name)
    source = everybody.source(kept)
    return [
        FitWork(
            position=study.stability.refits + DIVISIONS + number,
            name=split.name,
            patients=source,
            rows=split.train,
            predicted=split.test,
            resampled=False,
            task=study.task,
            family=recipe.family,
            params=recipe.params,
            schema=kept,
            # Training's own: the same recipe makes the same model.
            seed=derive(derive(seed, study.name, split.label), "final fit"),
        )
        for number, split in enumerate(splits)
    ]


def obstacle(champion: Recipe, study: Study, schema: tuple[Feature, ...]) -> str:
    """Return why the champion's recipe cannot be tried on a cohort with these features; nothing if it can."""
    families = families_of(study.task, study.installed)
    if champion.family not in families:
        return f"its family, `{champion.family}`, is not one of a {study.task} study"
    if set(champion.params) != set(families[champion.family].fixed):
        return f"its parameters are not those that `{champion.family}` has in this version"
    known = {feature.name for feature in schema}
    absent = [name for name in champion.features if name not in known]
    return f"it needs `{absent[0]}`, from which the study no longer learns" if absent else ""


def _do(work: Fitting) -> Result:
    return fit_halves(work) if isinstance(work, DivisionWork) else fit_and_predict(work)


def _worth(
    study: Study, splits: list[Split], champion: Recipe | None, cohort: pd.DataFrame, backend: Backend
) -> Backend:
    """Return where so much work is done: other processes have to start first."""
    fits = study.stability.refits + DIVISIONS + (len(splits) if champion else 0)
    patients = len(cohort) * max(1.0, len(cohort.columns) / _FEW_FEATURES)
    return backend if fits * (_PER_FIT + patients) >= _WORTH_PROCESSES else Processes(1)


def _done(
    works: Sequence[Fitting],
    *,
    backend: Backend,
    journal: RefitJournal,
    progress: Callable[[int, int, str], None],
    title: str,
) -> list[Result]:
    results = {work.position: known for work in works if (known := journal.find(work.position)) is not None}
    due, names = [work for work in works if work.position not in results], {work.position: work.name for work in works}
    progress(len(results), len(works), title)
    with closing(run_in_workers(_do, due, backend=backend, of="the refits")) as stream:
        for result in stream:
            results[result.position] = result
            if not backend.here:  # what is done here alone takes a second
                journal.add(result)
            progress(len(results), len(works), names[result.position])
    journal.forget()
    return [results[work.position] for work in works]
