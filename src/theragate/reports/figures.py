"""The figures of a study, for a clinician to read: drawn from evidence alone, never from a patient's row."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from theragate.evidence.published import publish
from theragate.evidence.types import Evidence
from theragate.learning.record import TrainingRecord
from theragate.reports._canvas import house_style, save
from theragate.reports._clusters import draw_clusters
from theragate.reports._curves import draw_auc_over_time, draw_decision, draw_errors, draw_stability
from theragate.reports._effects import draw_effects, draw_overlap, draw_policy, draw_toc
from theragate.reports._forest import draw_subgroups
from theragate.reports._importances import draw_importances
from theragate.reports._membership import draw_membership
from theragate.reports._squares import draw_calibration, draw_roc
from theragate.study import Study

__all__ = ["draw_figures"]


def _decided(evidence: Evidence, study: Study) -> Figure:
    """Draw what deciding by the model is worth, whether by a risk or by a benefit."""
    return (draw_policy if evidence.treatment else draw_decision)(evidence, study)


# Curve of the evidence -> (file, how it is drawn).
CURVES: dict[str, tuple[str, Callable[[Evidence, Study], Figure]]] = {
    "roc": ("roc.png", draw_roc),
    "auc_over_time": ("auc_over_time.png", draw_auc_over_time),
    "toc": ("benefit_ranking.png", draw_toc),
    "effects": ("effects.png", draw_effects),
    "overlap_treated": ("overlap.png", draw_overlap),
    "calibration": ("calibration.png", draw_calibration),
    "decision": ("decision_curve.png", _decided),
    "errors": ("errors.png", draw_errors),
    "stability": ("stability.png", draw_stability),
    "membership_likelihood_ratio": ("membership.png", draw_membership),
}


def draw_figures(evidence: Evidence, record: TrainingRecord, study: Study, directory: Path) -> list[Path]:
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
    ``membership.png``, ``subgroups.png``, ``clusters.png`` (where the study declares some), ``importances.png``. For
    an effect ``benefit_ranking.png`` and ``effects.png`` stand in the place of the first two, and ``overlap.png`` where
    treatment was not assigned at random.

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
        if evidence.clusters is not None and evidence.clusters.each:
            drawn.append(save(draw_clusters(evidence, study), directory / "clusters.png", simulated=simulated))
        drawn.append(save(draw_importances(record, study), directory / "importances.png", simulated=simulated))
    return drawn
