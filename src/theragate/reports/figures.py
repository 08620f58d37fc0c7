"""The figures of a study, for a clinician to read: drawn from evidence alone, never from a patient's row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from theragate.evidence.published import publish
from theragate.evidence.types import Evidence
from theragate.reports._canvas import house_style, save
from theragate.reports._curves import draw_auc_over_time, draw_decision, draw_errors, draw_stability
from theragate.reports._forest import draw_subgroups
from theragate.reports._importances import draw_importances
from theragate.reports._squares import draw_calibration, draw_roc
from theragate.study import Study

__all__ = ["draw_figures"]

# Curve of the evidence -> (file, how it is drawn).
CURVES: dict[str, tuple[str, Callable[[Evidence, Study], Figure]]] = {
    "roc": ("roc.png", draw_roc),
    "auc_over_time": ("auc_over_time.png", draw_auc_over_time),
    "calibration": ("calibration.png", draw_calibration),
    "decision": ("decision_curve.png", draw_decision),
    "errors": ("errors.png", draw_errors),
    "stability": ("stability.png", draw_stability),
}


def draw_figures(evidence: Evidence, record: dict[str, Any], study: Study, directory: Path) -> list[Path]:
    """Draw a study's figures as PNG files of about 900 × 700 pixels; the same evidence gives the same bytes.

    Parameters
    ----------
    evidence
        What was measured; small cells are withheld (see `publish`), so that the figures may be shown to anyone. A
        curve that it lacks gives no figure; an estimate that it lacks is shown as *not estimable*, with the reason.
    record
        The training record, of which ``importances`` is read.
    study
        Gives titles, labels, units and the clinical decision.
    directory
        Where the files go; made where it is missing.

    Returns
    -------
    The files written, in a fixed order: ``roc.png`` (binary) or ``auc_over_time.png`` (survival), ``calibration.png``,
    ``decision_curve.png`` (where a decision is declared), ``errors.png`` (regression), ``stability.png``,
    ``subgroups.png``, ``importances.png``.

    Raises
    ------
    EvidenceError
        If the cohort has fewer than 11 patients.
    StoreError
        If the disk does not take a file.
    """
    evidence = publish(evidence)
    simulated = evidence.cohort.simulated
    with house_style():
        drawn = [
            save(draw(evidence, study), directory / name, simulated=simulated)
            for curve, (name, draw) in CURVES.items()
            if evidence.curves.get(curve) and evidence.curves[curve].x
        ]
        drawn.append(save(draw_subgroups(evidence, study), directory / "subgroups.png", simulated=simulated))
        drawn.append(save(draw_importances(record, study), directory / "importances.png", simulated=simulated))
    return drawn
