"""The numbers behind the figures as CSV files, for ``dvc plots``. Light: no plotting library."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from theragate.cohorts.spreadsheets import RULE, runs_as_formula
from theragate.errors import DataError
from theragate.evidence.published import publish
from theragate.evidence.types import Curve, Evidence
from theragate.files import write_text
from theragate.learning.record import TrainingRecord
from theragate.reports._words import counts_text, importances

__all__ = ["write_plot_data"]

_NONE = Curve(x=(), y=())

# Curve of the evidence -> names of its columns.
CURVES = {
    "roc": ("fpr", "tpr"),
    "auc_over_time": ("time", "auc"),
    "calibration": ("predicted", "observed"),
    "errors": ("predicted", "mean_error"),
    "effects": ("predicted", "benefit"),
    "toc": ("share", "benefit"),
}


def write_plot_data(evidence: Evidence, record: TrainingRecord, directory: Path) -> list[Path]:
    """Write one CSV file per figure; the same evidence always gives the same bytes.

    Parameters
    ----------
    evidence
        What was measured; small cells are withheld (see `publish`). A curve that it lacks gives a file with a header
        only, which DVC passes over: `dvc.yaml` can then name the same files for every task.
    record
        The training record, of which ``importances`` is read.
    directory
        Where the files go; made where it is missing.

    Returns
    -------
    The files written: ``roc.csv``, ``auc_over_time.csv``, ``calibration.csv``, ``errors.csv``, ``decision.csv``,
    ``effects.csv``, ``toc.csv``, ``subgroups.csv`` and ``importances.csv``.

    Raises
    ------
    EvidenceError
        If the cohort has fewer than 11 patients.
    StoreError
        If the disk does not take a file.
    """
    evidence = publish(evidence)
    tables: dict[str, tuple[Sequence[str], Iterable[Sequence[str]]]] = {}
    for name, columns in CURVES.items():
        tables[name] = ((*columns, "lower", "upper"), _curve_rows(evidence.curves.get(name, _NONE)))
    tables["decision"] = (("threshold", "model", "treat_all", "treat_none"), _decision_rows(evidence))
    header = ("group", "metric", "value", "lower", "upper", "patients", "events", "why")
    tables["subgroups"] = (header, _group_rows(evidence))
    rows = [(feature, _rounded(mean), _rounded(sd)) for feature, mean, sd in importances(record)]
    tables["importances"] = (("feature", "mean", "sd"), rows)
    return [_write(directory / f"{name}.csv", header, rows) for name, (header, rows) in tables.items()]


def _curve_rows(curve: Curve) -> list[Sequence[str]]:
    limits = [curve.lower or (None,) * len(curve.x), curve.upper or (None,) * len(curve.x)]
    return [tuple(map(_rounded, row)) for row in zip(curve.x, curve.y, *limits, strict=True)]


def _decision_rows(evidence: Evidence) -> list[Sequence[str]]:
    model = evidence.curves.get("decision", _NONE)
    everyone = evidence.curves.get("decision_treat_all", _NONE)
    treat_all = dict(zip(everyone.x, everyone.y, strict=True))
    return [
        (_rounded(threshold), _rounded(value), _rounded(treat_all.get(threshold)), _rounded(0.0))
        for threshold, value in zip(model.x, model.y, strict=True)
    ]


def _group_rows(evidence: Evidence) -> list[Sequence[str]]:
    cohort = evidence.cohort
    parts = [("all patients", (cohort.patients, cohort.events, cohort.non_events), evidence.overall)]
    parts += [(group.key, (group.n, group.events, group.non_events), group.metrics) for group in evidence.groups]
    return [
        (
            key,
            metric,
            *(_rounded(number) for number in (estimate.value, estimate.lower, estimate.upper)),
            *(text.replace(",", "") for text in counts_text(*counts)),
            estimate.why,
        )
        for key, counts, metrics in parts
        for metric, estimate in metrics.items()
    ]


def _rounded(number: float | None) -> str:
    if number is None:
        return ""
    return f"{round(number, 6) + 0.0:.6g}"


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    rows = list(rows)
    if any(runs_as_formula(cell) for row in (header, *rows) for cell in row):
        raise DataError(
            f"`{path.name}`",
            rule=RULE,
            received="such a name of a feature or a level",
            remedy="Give the column another name, or the level another label.",
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())
    return path
