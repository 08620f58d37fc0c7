"""The figure of the membership-inference audit: whether an attacker tells members from others."""

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from theragate.evidence.types import Evidence
from theragate.reports._canvas import BLUE, GREY, VERMILLION, new_axes, new_figure
from theragate.reports._curves import DASHED, KEY_LINE, Key, write_key
from theragate.reports._words import estimate_text
from theragate.study import Study

__all__ = ["draw_membership"]

ATTACKS = {"likelihood_ratio": ("likelihood ratio", BLUE), "loss": ("loss", VERMILLION)}


def draw_membership(evidence: Evidence, study: Study) -> Figure:  # noqa: ARG001 - the signature of all figures
    """Draw each attack's ROC curve, the mean over the models."""
    audit = evidence.membership
    figure, top = new_figure(
        "Whether the predictions tell who was learned from",
        f"{audit.models} models of the recipe, each of a random half of {audit.patients:,} patients" if audit else "",
    )
    axes = new_axes(figure, top=top + 2 * KEY_LINE)
    keys: list[Key] = []
    for name, (words, colour) in ATTACKS.items():
        curve = evidence.curves.get(f"membership_{name}")
        if curve is None or audit is None or name not in audit.attacks:
            continue
        line = axes.plot(curve.x, curve.y, color=colour, zorder=3)[0]
        keys.append((line, f"{words}: area {estimate_text('attack_auc', audit.attacks[name].auc)}"))
    keys.append((axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=DASHED)[0], "no better than chance"))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_xlabel("Falsely accused, of patients whom the model did not learn from")
    axes.set_ylabel("Recognised, of patients whom it learned from")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    write_key(axes, keys, columns=1)
    return figure
