"""Which features the model leans on."""

from textwrap import shorten

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from theragate.learning.record import TrainingRecord
from theragate.reports._canvas import BLUE, GREY, INK, new_axes, new_figure
from theragate.reports._words import feature_label, importances, outcome_unit
from theragate.study import Study, TaskName

__all__ = ["draw_importances"]

SHOWN = 15
# What tuning minimises, task by task.
LOSSES: dict[TaskName, str] = {
    "binary": "Rise of the log loss",
    "regression": "Rise of the squared error, {unit}²",
    "survival": "Rise of the log loss at the horizon",
    "treatment_effect": "Rise of the squared distance from doubly robust scores",
}


def draw_importances(record: TrainingRecord, study: Study) -> Figure:
    """Draw by how much shuffling each feature worsens the prediction; the 15 most important ones."""
    rows = importances(record)
    shown = rows[:SHOWN]
    subtitle = "Held-out predictions get worse by this much when a feature is shuffled; mean ± SD."
    if len(rows) > SHOWN:
        subtitle += f" The {SHOWN} most important of {len(rows)} features."
    figure, top = new_figure("What the prediction rests on", subtitle)
    labels = [shorten(feature_label(study, name), 40, placeholder="…") for name, _, _ in shown]
    longest = max(map(len, labels), default=0)
    axes = new_axes(figure, left=min(2.9, 0.4 + 0.072 * longest), top=top + 0.08)
    if not shown:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "Importances were not measured.", ha="center", va="center", color=GREY)
        return figure
    positions = range(len(shown))
    means, spreads = [mean for _, mean, _ in shown], [sd for _, _, sd in shown]
    axes.barh(positions, means, height=0.62, color=BLUE, alpha=0.85)
    axes.errorbar(means, positions, xerr=spreads, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set(ylim=(len(shown) - 0.4, -0.6))
    axes.set_yticks(positions, labels, fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(LOSSES[study.task].format(unit=outcome_unit(study)))
    return figure
