"""Held-out predictions, opened from Python. Only who asks for the rows gets to see patients'."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from theragate.digests import sha256_file
from theragate.errors import DataError, EvidenceError
from theragate.gates.words import listing
from theragate.numbers import plural
from theragate.release.looks import count_seen
from theragate.runner.workspace import Workspace
from theragate.settings import read_settings
from theragate.study import Study, load_study

if TYPE_CHECKING:  # pandas takes a moment to import
    import pandas as pd

    from theragate.cohorts.outcomes import Outcome
    from theragate.learning.predictions_file import PredictionFile

__all__ = ["HeldOutPredictions"]


@dataclass(frozen=True, repr=False)
class HeldOutPredictions:
    """What models predicted of patients whom they had not learned from.

    Its representation counts patients and shows none.
    """

    study: str
    patients: int
    repeats: int
    models: tuple[str, ...]
    scenarios: tuple[str, ...]
    _workspace: Workspace = field(compare=False)
    _declared: Study = field(compare=False)
    _predictions: "PredictionFile" = field(compare=False)

    @classmethod
    def read(cls, workspace: Workspace) -> "HeldOutPredictions":
        """Read the predictions of a study.

        Raises
        ------
        DataError
            If there are none yet.
        EvidenceError
            If they are not those of the study as it is declared.
        """
        from theragate.learning.predictions_file import PredictionFile
        from theragate.stages.held_out import check_predictions

        study = load_study(workspace.params, workspace.study)
        remedy = f"Run `dvc repro train@{study.name}`."
        predictions = PredictionFile(workspace.model("predictions.parquet"), remedy)
        check_predictions(predictions, study)
        whose = predictions.rows(predictions.kinds[0], ["patient", "repeat"])
        return cls(
            study=study.name,
            patients=whose["patient"].nunique(),
            repeats=whose["repeat"].nunique(),
            models=tuple(dict.fromkeys(model for model, _ in predictions.kinds)),
            scenarios=tuple(dict.fromkeys(scenario for _, scenario in predictions.kinds)),
            _workspace=workspace,
            _declared=study,
            _predictions=predictions,
        )

    def frame(self, *, model: str = "selected", scenario: str = "clean", groups: bool = False) -> "pd.DataFrame":
        """Return the rows: a patient's each, so that whoever shows or stores them shows or stores patients.

        It is a look at the held-out data, and counted in ``looks/`` unless these predictions are on record already.

        Parameters
        ----------
        model
            ``selected`` is the recipe that is released, ``reference`` and ``null`` what it is compared with.
        scenario
            ``clean``, or a declared stress of the inputs.
        groups
            Whether to say to which groups the patient belongs: a column ``group_<attribute>`` each.

        Returns
        -------
        One row per patient and repeat, ``patient``, ``repeat``, ``fold``, ``prediction``; beside it what was observed:
        ``event`` (bool), or ``time`` and ``event``, or ``value``, and ``treated`` where treatments are compared.

        Raises
        ------
        DataError
            If the cohort is missing, there is no such model or scenario, or the ledger of looks is damaged.
        EvidenceError
            If a patient of the predictions is not in the cohort.
        """
        import pandas as pd

        from theragate.cohorts.groups import read_groups
        from theragate.cohorts.outcome_columns import read_outcome
        from theragate.cohorts.parquet import read_table

        self._check("model", model, self.models)
        self._check("scenario", scenario, self.scenarios)
        columns = ["patient", "repeat", "fold", "prediction"]
        if (model, scenario) in self._predictions.kinds:
            shown = self._predictions.rows((model, scenario), columns)
        else:
            shown = self._predictions.columns[columns]
        cohort = read_table(self._workspace.data("cohort.parquet"), remedy=f"Run `dvc repro ingest@{self.study}`.")
        self._count()
        known = pd.DataFrame(_observed(read_outcome(cohort, self._declared)), index=cohort["patient"])
        if groups:
            labels = read_groups(cohort, self._declared).set_axis(cohort["patient"]).add_prefix("group_")
            known = known.join(labels)
        strange = int((~shown["patient"].isin(known.index)).sum())
        if strange:
            raise EvidenceError(
                f"study `{self.study}`, predictions.parquet",
                rule="every patient is one of the cohort",
                received=f"{plural(strange, 'prediction')} of others",
                remedy="They are stale: run `dvc repro`.",
            )
        return shown.join(known, on="patient").reset_index(drop=True)

    def _count(self) -> None:
        """Count the look: whoever has the rows and the outcomes can measure what he likes."""
        count_seen(
            read_settings(os.environ, self._workspace.root),
            self.study,
            cohort_sha256=sha256_file(self._workspace.data("cohort.parquet")),
            predictions_sha256=sha256_file(self._workspace.model("predictions.parquet")),
        )

    def _check(self, what: str, received: str, known: tuple[str, ...]) -> None:
        if received not in known:
            raise DataError(
                f"study `{self.study}`, held-out predictions",
                rule=f"the {what} is one of {listing(list(known))}",
                received=f"`{received}`",
                remedy="Name one of these.",
            )

    def __repr__(self) -> str:
        return (
            f"Held-out predictions of {self.study}: {plural(self.patients, 'patient')}, "
            f"{plural(self.repeats, 'repeat')}; models {listing(list(self.models))}; "
            f"scenarios {listing(list(self.scenarios))}. The rows, which are patients', come with frame()."
        )


def _observed(outcome: "Outcome") -> dict[str, object]:
    """Return what was seen of each patient, by column."""
    from theragate.cohorts.outcomes import Binary, Quantity, Treated

    if isinstance(outcome, Treated):
        return {**_observed(outcome.measured), "treated": outcome.treated}
    if isinstance(outcome, Binary):
        return {"event": outcome.event}
    if isinstance(outcome, Quantity):
        return {"value": outcome.value}
    return {"time": outcome.time, "event": outcome.event}
