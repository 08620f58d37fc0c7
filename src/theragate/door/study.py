"""One study, opened from Python: what was measured, how it was judged, and what was predicted of held-out patients."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from theragate.door.card import Card
from theragate.door.figures import Figures
from theragate.door.held_out import HeldOutPredictions
from theragate.door.verdict import OpenVerdict, read_verdict
from theragate.errors import DataError, TheragateError
from theragate.evidence.published import publish
from theragate.evidence.types import Evidence
from theragate.release.looks import count_seen
from theragate.runner.outputs import read_output
from theragate.runner.workspace import Workspace
from theragate.settings import read_settings
from theragate.study import Study, load_study

if TYPE_CHECKING:  # tables are made when somebody asks for one
    import pandas as pd

__all__ = ["OpenStudy"]


@dataclass(frozen=True, repr=False)
class OpenStudy:
    """A study of a project. What is asked of it is read from its files each time, as they are then."""

    workspace: Workspace

    @property
    def name(self) -> str:
        """The study's key in ``params.yaml``."""
        return self.workspace.study

    @property
    def title(self) -> str:
        """The title of its card."""
        return self.declared.card.title

    @property
    def declared(self) -> Study:
        """What ``params.yaml`` says about it: task, outcome, features, subgroups, decision, limits."""
        return load_study(self.workspace.params, self.name)

    @property
    def verdict(self) -> OpenVerdict:
        """The verdict, judged again from the files as they are, with waivers and release conditions as of now.

        Raises
        ------
        DataError
            If there is no verdict yet.
        EvidenceError
            If the verdict does not follow from the files as they are.
        """
        return read_verdict(self.workspace)

    @property
    def standing(self) -> str:
        """The verdict in a sentence, or why there is none."""
        if not self.workspace.report("verdict.json").is_file():
            return f"no verdict: run `dvc repro gate@{self.name}`"
        try:
            return self.verdict.sentence
        except TheragateError as error:
            return f"no valid verdict: {error}"

    def evidence(self, *, small_cells: bool = False) -> "pd.DataFrame":
        """Return every estimate, a row each.

        Parameters
        ----------
        small_cells
            Whether to show groups of under 11 patients too, and whatever would give their numbers away. The default is
            what may leave the site: a notebook keeps what it has shown.

        Returns
        -------
        One row per estimate, with the columns

        ============== ==========================================================================================
        ``metric``     its key, as in the catalogue of metrics
        ``title``      what a clinician would call it
        ``scope``      ``overall``, ``group``, ``contrast`` (a difference between two groups), ``minus reference``,
                       ``minus champion`` (paired, on the same patients), ``scenario``, ``minus clean`` (a scenario's
                       change), ``refits``, ``optimism``, ``membership``
        ``attribute``  what patients are grouped by; absent where they are not
        ``group``      the group, the two groups, the scenario or the attack; absent for all patients
        ``estimate``   the value; NaN where it is not known
        ``lower``      the 95% limits; a mean distance, such as ``ici``, has no ``lower`` one
        ``upper``
        ``n``          patients
        ``events``     those among them with the event; NaN for a quantity, and where it is withheld
        ``direction``  what is good: ``higher``, ``lower``, ``near_one``, ``near_zero`` or ``none``
        ``judged``     whether a gate may judge it
        ``method``     how the limits were made
        ``why``        why the value is not known
        ============== ==========================================================================================

        Raises
        ------
        DataError
            If there is no evidence yet.
        EvidenceError
            If it is of another form or study; or if the cohort has fewer than 11 patients, without `small_cells`.
        """
        from theragate.door.evidence_table import evidence_table

        return evidence_table(self._evidence(small_cells))

    def net_benefit(self, *, small_cells: bool = False) -> "pd.DataFrame":
        """Return the net benefit at each threshold: of the model, of treating all, and over the better default.

        Raises
        ------
        DataError, EvidenceError
            As `evidence`.
        """
        from theragate.door.evidence_table import net_benefit_table

        return net_benefit_table(self._evidence(small_cells))

    def curves(self) -> "pd.DataFrame":
        """Return the points of all figures: ``curve``, ``x``, ``y``, and 95% limits where there are any.

        ``lower`` and ``upper`` hold at each point, ``band_lower`` and ``band_upper`` for the whole curve at once.

        Raises
        ------
        DataError, EvidenceError
            As `evidence`.
        """
        from theragate.door.evidence_table import curves_table

        return curves_table(self._evidence(small_cells=False))

    @property
    def figures(self) -> Figures:
        """The figures by name, such as ``calibration``; each shows itself in a notebook.

        Raises
        ------
        DataError
            If there are none yet.
        """
        return Figures.read(self.workspace)

    @property
    def card(self) -> Card:
        """The model card.

        Raises
        ------
        DataError
            If there is none yet.
        """
        path = self.workspace.report("card.md")
        try:
            return Card(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(
                f"study `{self.name}`, card.md",
                rule="the stage `gate` has written it",
                received="no such file" if isinstance(error, FileNotFoundError) else "a file that cannot be read",
                remedy=f"Run `dvc repro gate@{self.name}`.",
            ) from error

    def predictions(self) -> HeldOutPredictions:
        """Return the predictions of patients whom the predicting model had not learned from.

        Its representation counts them and shows none; `HeldOutPredictions.frame` has the rows.

        Raises
        ------
        DataError, EvidenceError
            If there are none yet, or they are not those of the study as it is declared.
        """
        return HeldOutPredictions.read(self.workspace)

    def __repr__(self) -> str:
        return f"Study {self.name} ({self.declared.task}): {self.standing}"

    def _evidence(self, small_cells: bool) -> Evidence:
        path = self.workspace.report("evidence.json")
        evidence = read_output(Evidence, path, self.workspace, stage="evaluate", private=True)
        count_seen(
            read_settings(os.environ, self.workspace.root),
            self.name,
            cohort_sha256=evidence.cohort.sha256,
            predictions_sha256=evidence.predictions_sha256,
        )
        return evidence if small_cells else publish(evidence)
