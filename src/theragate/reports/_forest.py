"""Forest plots: one row per group, one panel per main metric, the numbers in columns beside the intervals."""

import math
from dataclasses import dataclass
from textwrap import shorten, wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from theragate.evidence.types import Estimate, Evidence, GroupEvidence
from theragate.numbers import declared, significant, with_limits
from theragate.reports._canvas import BLUE, EDGE, GREY, INK, SOFT, new_figure
from theragate.reports._panels import Panel, read_panels
from theragate.reports._words import absence_text, attribute_title, counts_text, label_order
from theragate.study import TASKS, Study

__all__ = ["LINE", "Row", "draw_forest", "draw_subgroups"]

# Widths and heights in inches.
COUNTS, PLOT, NUMBERS, GAP = 0.72, 1.3, 1.34, 0.24
LINE, HEADER, TOP, BOTTOM = 0.25, 0.36, 1.24, 0.76
LABEL_LETTERS = 34
NOT_MEASURED = Estimate.absent("not measured for this group")
# Marks of a ratio's axis, the same way up and down; the widest pair that fits is shown.
RATIOS = ((0.9, 1.1), (0.8, 1.25), (0.67, 1.5), (0.5, 2.0), (0.25, 4.0), (0.1, 10.0))


@dataclass(frozen=True)
class Row:
    """A heading (without counts) or a group; ``y`` is the middle of the row, in inches from the top of the table."""

    text: str
    y: float
    counts: tuple[str, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    judged: bool = True
    overall: bool = False


def draw_subgroups(evidence: Evidence, study: Study) -> Figure:
    """Draw every group with its patients, events and main metrics; what could not be estimated says why."""
    panels = read_panels(evidence, study)
    rows, height = _rows(evidence, study, panels)
    note = "Dashed: no difference. Bars: 95% intervals."
    if evidence.groups:
        note = f"Filled: judged by the fairness gate. Hollow: listed only. {note}"
    title = "How the model serves each group of patients"
    return draw_forest(rows, panels, height=height, title=title, subtitle=_subtitle(evidence), note=note)


def draw_forest(rows: list[Row], panels: list[Panel], *, height: float, title: str, subtitle: str, note: str) -> Figure:
    """Draw rows of estimates, a panel for each metric.

    Parameters
    ----------
    rows
        Headings and groups, each group with as many estimates as there are panels.
    panels
        What is shown.
    height
        Of all rows together, in inches.
    title, subtitle, note
        Above and below the table.
    """
    letters = max((len(line) for row in rows if row.counts for line in row.text.split("\n")), default=12)
    labels = min(2.7, max(1.15, 0.3 + 0.068 * letters))
    counts = max(len(row.counts) for row in rows) * COUNTS
    width = max(6.0, EDGE + labels + counts + GAP + len(panels) * (PLOT + NUMBERS + GAP))
    total = TOP + height + BOTTOM
    figure, _ = new_figure(title, subtitle, width=width, height=total)
    table = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(total - TOP, -TOP), zorder=2)
    table.set_axis_off()
    _write_rows(table, rows, counts=EDGE + labels, width=width)
    for column, panel in enumerate(panels):
        left = EDGE + labels + counts + GAP + column * (PLOT + NUMBERS + GAP)
        box = (left / width, BOTTOM / total, PLOT / width, height / total)
        axes = figure.add_axes(box, ylim=(height, 0))
        _draw_panel(axes, table, panel, rows=rows, column=column, left=left)
    table.text(EDGE, height + BOTTOM - 0.18, note, fontsize=7.5, color=SOFT)
    return figure


def _subtitle(evidence: Evidence) -> str:
    if evidence.groups:
        return "Held-out predictions. Groups with a count under 11 are shown together, without numbers."
    return "No group was recorded, so nobody can say whether groups of patients are served alike."


def _rows(evidence: Evidence, study: Study, panels: list[Panel]) -> tuple[list[Row], float]:
    cohort = evidence.cohort
    columns = _columns(evidence)
    counts = counts_text(cohort.patients, cohort.events, cohort.non_events)[:columns]
    rows = [Row("All patients", LINE / 2, counts, tuple(panel.overall(evidence) for panel in panels), overall=True)]
    y = LINE
    for attribute, groups in _by_attribute(evidence, study).items():
        rows.append(Row(shorten(attribute_title(study, attribute), 90, placeholder="…"), y + HEADER * 0.62))
        y += HEADER
        for group in groups:
            text = "\n".join(wrap(shorten(group.label, 2 * LABEL_LETTERS, placeholder="…"), LABEL_LETTERS)) or "?"
            estimates = tuple(group.metrics.get(panel.metric, NOT_MEASURED) for panel in panels)
            whys = [_why(estimate) for estimate in estimates if estimate.value is None]
            tall = LINE + 0.13 * max(lines.count("\n") for lines in [text, *whys])
            counts = counts_text(group.n, group.events, group.non_events)[:columns]
            rows.append(Row(text, y + tall / 2, counts, estimates, judged=group.judged))
            y += tall
    return rows, y + 0.1


def _columns(evidence: Evidence) -> int:
    return 1 if evidence.cohort.events is None and not TASKS[evidence.task].predicts_risk else 2


def _by_attribute(evidence: Evidence, study: Study) -> dict[str, list[GroupEvidence]]:
    """Return attributes in their order, crossed ones last, with their groups in the order of their labels."""
    attributes: dict[str, list[GroupEvidence]] = {}
    for group in sorted(evidence.groups, key=lambda group: label_order(study, group.attribute, group.label)):
        attributes.setdefault(group.attribute, []).append(group)
    order = list(dict.fromkeys(group.attribute for group in evidence.groups))
    return {name: attributes[name] for name in sorted(order, key=lambda name: " & " in name)}


def _write_rows(table: Axes, rows: list[Row], *, counts: float, width: float) -> None:
    for column, head in enumerate(("patients", "events")[: len(rows[0].counts)], start=1):
        table.text(counts + column * COUNTS - 0.08, -0.12, head, fontsize=8, color=SOFT, ha="right")
    table.plot([EDGE, width - EDGE], [-0.05, -0.05], color=GREY, linewidth=0.8)
    for row in rows:
        if not row.counts:
            _write(table, EDGE, row.y, row.text, fontweight="bold")
            continue
        _write(table, EDGE if row.overall else EDGE + 0.14, row.y, row.text)
        for column, count in enumerate(row.counts, start=1):
            _write(table, counts + column * COUNTS - 0.08, row.y, count, ha="right")


def _write(table: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write in the middle of a row; single lines share a baseline, whatever letters they hold."""
    style = {"fontsize": 8.5, "linespacing": 1.1} | style
    if "\n" in text:
        table.text(x, y, text, va="center", **style)
    else:
        table.text(x, y + 0.043, text, va="baseline", **style)


def _draw_panel(axes: Axes, table: Axes, panel: Panel, *, rows: list[Row], column: int, left: float) -> None:
    estimates = [(row, row.estimates[column]) for row in rows if row.counts]
    low, high = _span(panel, [estimate for _, estimate in estimates])
    axes.set_xlim(low, high)
    _dress(axes, panel)
    if all(estimate.value is None for _, estimate in estimates):
        axes.set_axis_off()
    title = "\n".join(wrap(panel.title, 30))
    table.text(left, -0.12, title, fontsize=8.5, fontweight="bold", va="bottom", linespacing=1.15)
    for row, estimate in estimates:
        if estimate.value is None:
            paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            _write(table, left + 0.04, row.y, _why(estimate), fontsize=7, style="italic", color=GREY, bbox=paper)
            continue
        if panel.no_difference is not None:
            ends = row.y - LINE / 2, row.y + LINE / 2
            axes.vlines(panel.no_difference, *ends, color=GREY, linewidth=1.0, linestyle=(0, (3, 2)))
        _draw_interval(axes, estimate, row=row, low=low, high=high)
        _write(table, left + PLOT + 0.1, row.y, _numbers(panel, estimate), fontsize=8)


def _why(estimate: Estimate) -> str:
    return "\n".join(wrap(shorten(absence_text(estimate), 134, placeholder="…"), 46))


def _draw_interval(axes: Axes, estimate: Estimate, *, row: Row, low: float, high: float) -> None:
    value = estimate.value if estimate.value is not None else low
    colour = INK if row.overall else BLUE
    if estimate.upper is not None:
        start = value if estimate.lower is None else estimate.lower
        axes.hlines(row.y, max(start, low), min(estimate.upper, high), color=colour, linewidth=1.5)
        for beyond, edge, marker in ((start < low, low, "<"), (estimate.upper > high, high, ">")):
            if beyond:
                axes.plot([edge], [row.y], marker, color=colour, markersize=4, clip_on=False)
    face = colour if row.judged else "white"
    shape = "D" if row.overall else "o"
    if low <= value <= high:
        axes.plot([value], [row.y], shape, markersize=5, markerfacecolor=face, markeredgecolor=colour, zorder=3)


def _numbers(panel: Panel, estimate: Estimate) -> str:
    limits = [None if limit is None else panel.in_words(limit) for limit in (estimate.lower, estimate.upper)]
    return with_limits(panel.in_words(estimate.value or 0.0), *limits, decimals=panel.decimals)


def _span(panel: Panel, estimates: list[Estimate]) -> tuple[float, float]:
    """Cover all values; far wider intervals are cut, with an arrow, so that others stay legible."""
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    ends = [end for estimate in estimates for end in (estimate.lower, estimate.upper) if end is not None]
    core = values if panel.no_difference is None else [*values, panel.no_difference]
    if not core:
        return 0.0, 1.0
    widths = sorted(e.reach[1] - e.reach[0] for e in estimates if e.reach is not None)
    reach = widths[len(widths) // 2] if widths else 0.0
    low, high = min(core), max(core)
    low, high = (max(min([low, *ends]), low - 1.5 * reach), min(max([high, *ends]), high + 1.5 * reach))
    room = 0.06 * (high - low) or max(0.05 * abs(high), 0.01)
    return low - room, high + room


def _dress(axes: Axes, panel: Panel) -> None:
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.patch.set_visible(False)
    axes.tick_params(axis="x", labelsize=7.5, length=3)
    if not panel.ratio:
        axes.xaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: declared(number)))
        return
    low, high = axes.get_xlim()
    pairs = [pair for pair in RATIOS if low <= math.log(pair[0]) and math.log(pair[1]) <= high]
    marks = [math.log(ratio) for ratio in (pairs[-1] if pairs else ())]
    axes.xaxis.set_major_locator(FixedLocator([0.0, *marks]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: significant(math.exp(number))))
    axes.axvline(0, color="#d0d0d0", linewidth=0.8, zorder=0)
