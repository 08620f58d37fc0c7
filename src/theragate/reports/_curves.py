"""Figures over the range of a prediction or of time: discrimination over time, net benefit, errors."""

from collections.abc import Sequence
from typing import TypeAlias

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from theragate.evidence.types import Curve, Evidence
from theragate.numbers import declared, percent
from theragate.reports._canvas import BLUE, GREEN, GREY, INK, VERMILLION, new_axes, new_figure
from theragate.reports._words import event_word, numbers_line, outcome_unit
from theragate.study import TASKS, Decision, Study

__all__ = [
    "DASHED",
    "DOTTED",
    "KEY_LINE",
    "Key",
    "draw_auc_over_time",
    "draw_curve",
    "draw_decision",
    "draw_errors",
    "draw_stability",
    "write_key",
]

# What a key shows, and what it is called.
Key: TypeAlias = tuple[Artist | tuple[Artist, ...], str]

DASHED, DOTTED = (0, (4, 3)), (0, (1, 2))
KEY_LINE = 0.2  # inches


def draw_auc_over_time(evidence: Evidence, study: Study) -> Figure:
    """Draw how well those with an event by each time are told from those without, up to the horizon."""
    curve = evidence.curves["auc_over_time"]
    figure, top = new_figure(
        "How well the model ranks who has the event by each time",
        numbers_line(evidence, "concordance_index", "auc_at_horizon"),
    )
    axes = new_axes(figure, top=top + KEY_LINE)
    keys: list[Key] = [draw_curve(axes, curve, marker="o")]
    chance = axes.axhline(0.5, color=INK, linewidth=1.2, linestyle=DOTTED)
    keys.append((chance, "no better than chance"))
    if evidence.horizon is not None:
        line = axes.axvline(evidence.horizon, color=VERMILLION, linewidth=1.2, linestyle=DASHED)
        keys.append((line, f"horizon of {declared(evidence.horizon)} {outcome_unit(study)}"))
    axes.set(ylim=(min(0.45, min([*curve.y, *curve.lower]) - 0.02), 1.0))
    axes.set_xlabel(f"Time since the start, {outcome_unit(study)}")
    axes.set_ylabel("Area under the curve at that time")
    write_key(axes, keys, columns=3)
    return figure


def draw_decision(evidence: Evidence, study: Study) -> Figure:
    """Draw the net benefit of the model and of treating everybody or nobody, over the declared thresholds."""
    decision = study.decision
    if not isinstance(decision, Decision):
        raise TypeError("a decision curve needs a declared decision")
    curve = evidence.curves["decision"]
    subtitle = f"Decision: {decision.action.rstrip('.')}. {numbers_line(evidence, 'net_benefit_gain')}"
    figure, top = new_figure("Whether acting on the model does more good than harm", subtitle.rstrip())
    axes = new_axes(figure, top=top + 2 * KEY_LINE)
    handles, label = draw_curve(axes, curve)
    keys: list[Key] = [(handles, label.replace("model", "act where the model says so"))]
    everyone = evidence.curves.get("decision_treat_all")
    if everyone and everyone.y:
        keys += [(axes.plot(everyone.x, everyone.y, color=GREEN, linestyle=(0, (5, 2)))[0], "act in everyone")]
    keys.append((axes.axhline(0, color=INK, linewidth=1.2, linestyle=DOTTED), "act in no one"))
    line = axes.axvline(decision.threshold, color=VERMILLION, linewidth=1.2, linestyle=DASHED)
    keys.append((line, f"clinical threshold of {percent(decision.threshold)}"))
    highest, lowest = max([0.0, *curve.y, *curve.upper]), min([0.0, *curve.y, *curve.lower])
    if everyone and everyone.y:
        lowest = min(lowest, max(everyone.y))  # that its line is seen, and no more: it falls without end
    height = (highest - lowest) or 0.01
    axes.set(xlim=decision.range, ylim=(lowest - 0.25 * height, highest + 0.08 * height))
    axes.set_xlabel("Risk from which one acts")
    axes.set_ylabel("Net benefit, true positives per patient")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    write_key(axes, keys, columns=2)
    return figure


def draw_errors(evidence: Evidence, study: Study) -> Figure:
    """Draw the mean signed error from low to high predictions."""
    curve = evidence.curves["errors"]
    figure, top = new_figure(
        "Where the prediction is too high or too low", numbers_line(evidence, "mean_error", "mae", "rmse")
    )
    axes = new_axes(figure, top=top + KEY_LINE)
    axes.axhline(0, color=GREY, linewidth=1)
    if curve.lower and curve.upper:
        axes.vlines(curve.x, curve.lower, curve.upper, color=BLUE, linewidth=1.6)
    keys: list[Key] = [
        (axes.plot(curve.x, curve.y, "o", color=BLUE, markersize=6)[0], "tenths of the patients, 95% interval")
    ]
    unit = outcome_unit(study)
    axes.set_xlabel(f"Predicted {event_word(study)}, {unit}")
    axes.set_ylabel(f"Mean error (predicted − observed), {unit}")
    write_key(axes, keys, columns=2)
    return figure


def draw_stability(evidence: Evidence, study: Study) -> Figure:
    """Draw how far refits on bootstrap samples scatter around the released model's prediction."""
    curve = evidence.curves["stability"]
    risk = TASKS[evidence.task].predicts_risk
    figure, top = new_figure(
        "How much a prediction hangs on who else was in the cohort",
        f"{evidence.stability.refits} refits of the model on bootstrap samples" if evidence.stability else "",
    )
    axes = new_axes(figure, top=top + KEY_LINE)
    same = axes.plot(curve.x, curve.x, color=INK, linewidth=1.2, linestyle=DOTTED)[0]
    line = axes.plot(curve.x, curve.y, color=BLUE, marker="o", markersize=4, zorder=3)[0]
    band = axes.fill_between(curve.x, curve.lower, curve.upper, color=BLUE, alpha=0.18, linewidth=0)
    unit = "" if risk or not outcome_unit(study) else f", {outcome_unit(study)}"
    axes.set_xlabel(f"Prediction of {'a model of the sample' if evidence.audited else 'the released model'}{unit}")
    axes.set_ylabel(f"Predictions of the refits{unit}")
    if risk:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    write_key(axes, [((band, line), "mean, and the middle 95% for one patient"), (same, "no difference")], columns=2)
    return figure


def draw_curve(axes: Axes, curve: Curve, *, marker: str = "") -> Key:
    """Draw a curve with its interval shaded; return the handle and the label of its key."""
    line = axes.plot(curve.x, curve.y, color=BLUE, marker=marker, markersize=4, zorder=3)[0]
    if not (curve.lower and curve.upper):
        return line, "model"
    band = axes.fill_between(curve.x, curve.lower, curve.upper, color=BLUE, alpha=0.18, linewidth=0)
    return (band, line), "model, 95% interval"


def write_key(axes: Axes, keys: Sequence[Key], *, columns: int) -> None:
    """Write the key above the axes, where it hides no data."""
    handles, labels = zip(*keys, strict=True)
    axes.legend(
        handles,
        labels,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0, 1.01),
        borderaxespad=0,
        borderpad=0.2,
        columnspacing=1.4,
        handlelength=1.8,
    )
