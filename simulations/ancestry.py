"""``python -m simulations.ancestry``: write the table of docs/warfarin.md, which tells what a missing variant does.

The study ``warfarin_dose`` three times, in the same patients and folds, by its reference model: as it is declared, with
ancestry as a feature in place of the variants that act in African ancestry, and with those variants.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from simulations.tables import fill_tables
from theragate.cohorts.deidentify import deidentify
from theragate.cohorts.groups import read_groups
from theragate.cohorts.outcome_columns import read_outcome
from theragate.cohorts.outcomes import Quantity
from theragate.cohorts.sources import read_source
from theragate.evidence.inputs.predictions import HeldOut, QuantityTarget
from theragate.evidence.measure import measure
from theragate.evidence.types import CohortFacts, DataFacts, Estimate, Evidence
from theragate.evidence.writing import interval
from theragate.gates import read_policy
from theragate.gates.types import Finding
from theragate.learning.training import train
from theragate.reports.markdown import table
from theragate.study import Study, load_seed, load_study
from theragate.workers.processes import Processes

__all__ = ["MODELS", "Answer", "compared"]

ROOT = Path(__file__).parents[1]
STUDY = "warfarin_dose"
RESAMPLES = 2000
_ANCESTRY, _VARIANTS, _AUDIT = ("ancestry",), ("cyp2c9_rare", "rs12777823"), ("variants",)

# What each model does not see of these columns.
MODELS: dict[str, tuple[str, ...]] = {
    "the common panel, as declared": (*_AUDIT, *_ANCESTRY, *_VARIANTS),
    "the common panel and ancestry": (*_AUDIT, *_VARIANTS),
    "the common panel and the variants": (*_AUDIT, *_ANCESTRY),
}
GROUPS = {
    "White": "ancestry=White",
    "Black": "ancestry=Black",
    "Black carriers": "ancestry & variants=Black & carriers",
    "Black non-carriers": "ancestry & variants=Black & non-carriers",
}
_SHA = "0" * 64


@dataclass(frozen=True)
class Answer:
    """One model: its evidence, and what the fairness gate finds in it."""

    model: str
    evidence: Evidence
    finding: Finding

    def of(self, metric: str, group: str) -> Estimate:
        """Return a metric of a group, such as ``ancestry=Black``; mean errors are predicted minus needed dose."""
        return next(found.metrics[metric] for found in self.evidence.groups if found.key == group)


def compared(*, patients: int | None = None, resamples: int = RESAMPLES) -> list[Answer]:
    """Train, measure and judge each of `MODELS` on the study's cohort, or on fewer `patients` of its world."""
    declared, seed = load_study(ROOT / "params.yaml", STUDY), load_seed(ROOT / "params.yaml")
    source = declared.source.model_copy(update={"patients": patients} if patients else {})
    raw = read_source(source, ROOT, study=STUDY).frame
    cohort = deidentify(raw, declared.deidentification, study=STUDY)
    cohort.insert(0, "patient", [f"{number:06d}" for number in range(len(cohort))])
    return [_answer(name, cohort, _study(declared, hidden), resamples, seed=seed) for name, hidden in MODELS.items()]


def _study(declared: Study, hidden: tuple[str, ...]) -> Study:
    features = declared.features.model_copy(update={"dropped": dict.fromkeys(hidden, "Hidden here.")})
    tuning = declared.tuning.model_copy(update={"families": (), "trials": 1})
    return declared.model_copy(update={"features": features, "tuning": tuning, "scenarios": {}})


def _answer(name: str, cohort: pd.DataFrame, study: Study, resamples: int, *, seed: int) -> Answer:
    outcome = read_outcome(cohort, study)
    if not isinstance(outcome, Quantity):
        raise TypeError("a dose is a quantity")
    with TemporaryDirectory() as storage:
        trained = train(
            cohort,
            outcome,
            study,
            seed=seed,
            backend=Processes(1),
            storage=Path(storage),
            progress=lambda _done, _total, _text: None,
        )
    by_model = {
        str(model): rows.sort_values(["repeat", "patient"]) for model, rows in trained.predictions.groupby("model")
    }
    selected, reference, null = (
        by_model[model]["prediction"].to_numpy(dtype=np.float64).reshape(-1, len(cohort))
        for model in ("selected", "reference", "null")
    )
    groups = {column: labels.to_numpy(dtype=np.str_) for column, labels in read_groups(cohort, study).items()}
    judged = frozenset(attribute for attribute, spec in study.subgroups.items() if spec.judged)
    held_out = HeldOut(
        selected, reference, null, scenarios={}, groups={str(k): v for k, v in groups.items()}, judged=judged
    )
    measured = measure(QuantityTarget(outcome.value), held_out, resamples=resamples, seed=seed)
    evidence = Evidence(
        study=STUDY,
        task="regression",
        cohort=CohortFacts(sha256=_SHA, patients=len(cohort), events=None, non_events=None, simulated=True),
        data=DataFacts(suite_sha256=_SHA, expectations=1, critical=(), warnings=(), leakage=()),
        predictions_sha256=_SHA,
        model_sha256=_SHA,
        family="linear",
        reference_family="linear",
        overall=measured.overall,
        comparisons=measured.comparisons,
        groups=measured.groups,
        contrasts=measured.contrasts,
        families=measured.families,
    )
    gate = next(gate for gate in read_policy(study).gates if gate.name == "fairness")
    return Answer(name, evidence, gate.judge(evidence))


def rows(answers: Sequence[Answer]) -> str:
    """Return the table of the page."""
    header = (
        "The model sees",
        *(f"Mean error, {words}" for words in GROUPS),
        "Within 20%, Black",
        "R²",
        "Fairness gate",
    )
    return table(
        header,
        [
            (
                answer.model,
                *(_words("mean_error", answer.of("mean_error", group)) for group in GROUPS.values()),
                _words("within_20_percent", answer.of("within_20_percent", "ancestry=Black")),
                _words("r2", answer.evidence.overall["r2"]),
                answer.finding.status,
            )
            for answer in answers
        ],
    )


def _words(metric: str, estimate: Estimate) -> str:
    if estimate.value is None:
        return estimate.why
    return interval(metric, estimate.value, lower=estimate.lower, upper=estimate.upper)


if __name__ == "__main__":
    fill_tables(ROOT / "docs" / "warfarin.md", {"ancestry": rows(compared())})
