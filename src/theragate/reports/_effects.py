"""Figures of a treatment's effect: who is ranked first, what came of the promise, what deciding by it is worth."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from theragate.evidence.types import Curve, Evidence
from theragate.numbers import percent, significant
from theragate.reports._canvas import BLUE, GREEN, GREY, INK, VERMILLION, new_axes, new_figure
from theragate.reports._curves import DASHED, DOTTED, KEY_LINE, Key, draw_curve, write_key
from theragate.reports._words import estimate_text, outcome_unit, patients_line
from theragate.study import Study, TreatmentDecision

__all__ = ["draw_effects", "draw_overlap", "draw_policy", "draw_toc"]


def _effect_label(text: str, study: Study) -> str:
    unit = outcome_unit(study)
    return f"{text}, {unit}" if unit else f"{text}, points of risk"


def _numbers(evidence: Evidence, curve: Curve, *, metric: str, title: str) -> str:
    estimate = evidence.overall.get(metric)
    scale = (*curve.y, *curve.lower, *curve.upper)
    return "" if estimate is None else f"{title} {estimate_text(metric, estimate, scale=scale)}"


def draw_toc(evidence: Evidence, study: Study) -> Figure:
    """Draw by how much the effect in those ranked highest exceeds the average, share by share."""
    figure, top = new_figure(
        "Whether those ranked first benefit more than the average",
        _numbers(evidence, evidence.curves["toc"], metric="autoc", title="Mean over all shares (AUTOC)"),
    )
    axes = new_axes(figure, top=top + KEY_LINE, left=0.95)
    handles, _ = draw_curve(axes, evidence.curves["toc"], marker="o")
    nobody = axes.axhline(0, color=INK, linewidth=1.2, linestyle=DOTTED)
    axes.set_xlabel("Share of the patients, ranked highest first")
    axes.set_ylabel(_effect_label("Benefit above the average", study))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _units(axes, study)
    write_key(axes, [(handles, "ranked by the prediction, 95% interval"), (nobody, "a ranking by chance")], columns=2)
    return figure


def draw_effects(evidence: Evidence, study: Study) -> Figure:
    """Draw the effect in fifths of the patients against what was predicted for them."""
    figure, top = new_figure("Whether the predicted benefit comes true", patients_line(evidence, study))
    axes = new_axes(figure, top=top + KEY_LINE, left=0.95)
    curve = evidence.curves["effects"]
    axes.vlines(curve.x, curve.lower, curve.upper, color=BLUE, linewidth=1.6)
    points = axes.plot(curve.x, curve.y, "o", color=BLUE, markersize=6)[0]
    ends = (min([*curve.x, *curve.lower, 0.0]), max([*curve.x, *curve.upper, 0.0]))
    same = axes.plot(ends, ends, color=GREY, linewidth=1.2, linestyle=DASHED)[0]
    keys: list[Key] = [(points, "fifths of the patients, 95% interval"), (same, "as predicted")]
    estimate = evidence.overall.get("average_effect")
    if estimate is not None and estimate.value is not None:
        line = axes.axhline(estimate.value, color=VERMILLION, linewidth=1.2, linestyle=DOTTED)
        keys.append((line, "average effect"))
    axes.set_xlabel(_effect_label("Predicted benefit", study))
    axes.set_ylabel(_effect_label("Benefit, doubly robust", study))
    _units(axes, study, both=True)
    write_key(axes, keys, columns=3)
    return figure


def draw_policy(evidence: Evidence, study: Study) -> Figure:
    """Draw what treating by the prediction is worth, against treating everybody or nobody."""
    decision = study.decision
    if not isinstance(decision, TreatmentDecision):
        raise TypeError("the value of a policy needs a declared least benefit")
    curve, everyone = evidence.curves["decision"], evidence.curves["decision_treat_all"]
    gain = _numbers(evidence, curve, metric="policy_gain", title="Gain over the better default")
    figure, top = new_figure(
        "Whether treating by the prediction does more good than harm",
        f"Decision: {decision.action.rstrip('.')}. {gain}",
    )
    axes = new_axes(figure, top=top + 2 * KEY_LINE, left=0.95)
    handles, _ = draw_curve(axes, curve)
    keys: list[Key] = [(handles, "treat by the prediction, 95% interval")]
    keys.append((axes.plot(everyone.x, everyone.y, color=GREEN, linestyle=(0, (5, 2)))[0], "treat everybody"))
    keys.append((axes.axhline(0, color=INK, linewidth=1.2, linestyle=DOTTED), "treat nobody"))
    line = axes.axvline(decision.threshold, color=VERMILLION, linewidth=1.2, linestyle=DASHED)
    keys.append((line, "least benefit declared"))
    axes.set(xlim=decision.range)
    axes.set_xlabel(_effect_label("Benefit from which one treats", study))
    axes.set_ylabel(_effect_label("Net benefit for each patient", study))
    _units(axes, study, both=True)
    write_key(axes, keys, columns=2)
    return figure


def draw_overlap(evidence: Evidence, study: Study) -> Figure:  # noqa: ARG001 - the signature that all figures share
    """Draw how the estimated chance of treatment is distributed in both arms."""
    figure, top = new_figure(
        "Whether treated patients and controls can be compared",
        "Observational: the chance of treatment is estimated from what was recorded; the rest stays unknown.",
    )
    axes = new_axes(figure, top=top + KEY_LINE)
    keys: list[Key] = []
    for name, colour, sign, label in (
        ("overlap_treated", BLUE, 1, "treated"),
        ("overlap_control", VERMILLION, -1, "controls (downwards)"),
    ):
        curve = evidence.curves[name]
        bars = axes.bar(curve.x, [sign * value for value in curve.y], width=0.046, color=colour, alpha=0.75)
        keys.append((bars[0], label))
    for edge in (0.1, 0.9):
        axes.axvline(edge, color=INK, linewidth=1, linestyle=DOTTED)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(xlim=(0, 1))
    axes.set_xlabel("Estimated chance of treatment")
    axes.set_ylabel("Share of the arm")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(lambda value, _: percent(abs(value), 0))
    write_key(axes, keys, columns=2)
    return figure


def _units(axes: Axes, study: Study, *, both: bool = False) -> None:
    """Write differences of risks in percentage points."""
    if not outcome_unit(study):
        axes.yaxis.set_major_formatter(lambda value, _: significant(100 * value))
        if both:
            axes.xaxis.set_major_formatter(lambda value, _: significant(100 * value))
