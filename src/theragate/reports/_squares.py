"""Square figures, whose diagonal means something, with the numbers beside them: ROC and calibration."""

from textwrap import shorten, wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from theragate.evidence.catalogue import METRICS
from theragate.evidence.types import Curve, Estimate, Evidence
from theragate.numbers import percent
from theragate.reports._canvas import BLUE, GREY, SOFT, VERMILLION, new_axes, new_figure
from theragate.reports._curves import DASHED, DOTTED, Key, draw_curve
from theragate.reports._words import absence_text, estimate_text, event_word, outcome_unit, patients_line
from theragate.study import Decision, QuantityOutcome, Study

__all__ = ["draw_calibration", "draw_roc"]

SIDE = 1.75  # inches, the column of numbers


def draw_roc(evidence: Evidence, study: Study) -> Figure:
    """Draw the receiver operating characteristic, with the clinical threshold marked."""
    figure, top = new_figure(
        "How well patients with and without the event are told apart", patients_line(evidence, study)
    )
    axes = new_axes(figure, top=top, right=SIDE)
    keys: list[Key] = [draw_curve(axes, evidence.curves["roc"])]
    sensitivity, specificity = evidence.overall.get("sensitivity"), evidence.overall.get("specificity")
    metrics = ["auroc"]
    if sensitivity and specificity and sensitivity.value is not None and specificity.value is not None:
        at = [1 - specificity.value], [sensitivity.value]
        point = axes.plot(*at, "o", color=VERMILLION, markersize=6, zorder=4)[0]
        threshold = percent(study.decision.threshold) if isinstance(study.decision, Decision) else "unknown"
        keys.append((point, f"threshold of {threshold}"))
        metrics += ["sensitivity", "specificity"]
    chance = axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=DASHED)[0]
    keys.append((chance, "no better than chance"))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_xlabel("False positives, of patients without the event")
    axes.set_ylabel("True positives, of patients with the event")
    _percent(axes)
    _write_side(axes, evidence, keys, metrics)
    return figure


def draw_calibration(evidence: Evidence, study: Study) -> Figure:
    """Draw what was observed against what was predicted."""
    quantity = isinstance(study.outcome, QuantityOutcome)
    title = "How predicted and observed values agree" if quantity else "How often the predicted risk comes true"
    figure, top = new_figure(title, patients_line(evidence, study))
    axes = new_axes(figure, top=top, right=SIDE)
    curve = evidence.curves["calibration"]
    keys: list[Key] = [draw_curve(axes, curve)]
    if curve.band_lower and curve.band_upper:
        band = axes.fill_between(curve.x, curve.band_lower, curve.band_upper, color=BLUE, alpha=0.1, linewidth=0)
        keys.append((band, "band for the whole curve"))
    limits = _limits(curve, quantity=quantity)
    keys.append((axes.plot(limits, limits, color=GREY, linewidth=1.2, linestyle=DASHED)[0], "perfect agreement"))
    if isinstance(study.decision, Decision):
        line = axes.axvline(study.decision.threshold, color=VERMILLION, linewidth=1.2, linestyle=DOTTED)
        keys.append((line, f"threshold of {percent(study.decision.threshold)}"))
    axes.set(xlim=limits, ylim=limits)
    if quantity:
        axes.set_xlabel(f"Predicted {event_word(study)}, {outcome_unit(study)}")
        axes.set_ylabel(f"Observed {event_word(study)}, {outcome_unit(study)}")
        metrics = ["calibration_slope", "mean_error", "r2"]
    else:
        axes.set_xlabel(f"Predicted risk, {event_word(study)}")
        axes.set_ylabel("Share of patients in whom it came true")
        _percent(axes)
        metrics = ["observed_expected", "calibration_slope", "ici"]
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    _write_side(axes, evidence, keys, metrics)
    return figure


def _limits(curve: Curve, *, quantity: bool) -> tuple[float, float]:
    numbers = [*curve.x, *curve.y, *curve.lower, *curve.upper, *curve.band_lower, *curve.band_upper]
    low, high = min(numbers), max(numbers)
    if quantity:
        room = 0.04 * (high - low) or 1.0
        return low - room, high + room
    return 0.0, min(1.0, 1.04 * high) or 1.0


def _percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _write_side(axes: Axes, evidence: Evidence, keys: list[Key], metrics: list[str]) -> None:
    """Write the key and the numbers in the column at the right."""
    handles, labels = zip(*keys, strict=True)
    axes.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, handlelength=1.6, fontsize=7.5
    )
    y = 0.71
    for metric in metrics:
        if metric in evidence.overall:
            _write_number(axes, metric, evidence.overall[metric], y)
            y -= 0.24


def _write_number(axes: Axes, metric: str, estimate: Estimate, y: float) -> None:
    title = "\n".join(wrap(METRICS[metric].title, 26))
    axes.text(1.06, y, title, transform=axes.transAxes, fontsize=7.5, color=SOFT, va="bottom", linespacing=1.1)
    if estimate.value is None:
        why = "\n".join(wrap(shorten(absence_text(estimate), 78, placeholder="…"), 27))
        axes.text(1.06, y - 0.02, why, transform=axes.transAxes, fontsize=7, style="italic", color=GREY, va="top")
        return
    number, _, interval = estimate_text(metric, estimate).partition(" (")
    axes.text(1.06, y - 0.065, number, transform=axes.transAxes, fontsize=11, fontweight="bold")
    axes.text(1.06, y - 0.12, f"({interval}", transform=axes.transAxes, fontsize=8, color=SOFT)
