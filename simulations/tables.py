"""The tables of ``docs/statistics.md``, between its markers, from what was simulated."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from theragate.evidence.catalogue import METRICS
from theragate.files import write_text

__all__ = ["broken_claims", "fill", "fill_tables", "pooled"]

# Of the replicates of a world, in which limits have to be given: below, the cohort lies outside the declared domain.
_INSIDE = 0.95
_CLAIM = (0.93, 0.97)
# Where more than 97 of 100 is no breach: upper limits of distances, and ratios that rest on the events alone.
_CONSERVATIVE = {"ici", "ece", "observed_expected", "log_observed_expected"}
_ERRORS = 4  # Monte-Carlo standard errors: with 300 comparisons, one beyond it by chance alone is unlikely
_SUBJECTS = {"overall": "all patients", "group": "a group", "contrast": "two groups", "paired": "against the reference"}

Row = dict[str, Any]


def _claimed(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of coverage that the claim is made for: those inside the domain."""
    return [row for row in rows if row["with_limits"]["value"] >= _INSIDE]


def pooled(rows: Iterable[Row]) -> dict[tuple[str, str, str, int], tuple[float, float, float, int]]:
    """Pool worlds: (task, measure, subject, patients) -> coverage, its standard error, lowest of a world, replicates.

    The gain at the thresholds of the range counts as one measure.
    """
    gathered: dict[tuple[str, str, str, int], list[Row]] = defaultdict(list)
    for row in _claimed(rows):
        measure = row["measure"].partition("@")
        name = f"{measure[0]} over the range" if measure[1] else measure[0]
        gathered[row["task"], name, row["subject"], row["patients"]].append(row["coverage"])
    found = {}
    for key, shares in gathered.items():
        total = sum(share["replicates"] for share in shares)
        coverage = sum(share["value"] * share["replicates"] for share in shares) / total
        error = sum((share["se"] * share["replicates"]) ** 2 for share in shares) ** 0.5 / total
        found[key] = (coverage, error, min(share["value"] for share in shares), total)
    return found


def broken_claims(rows: Iterable[Row]) -> list[str]:
    """Return where coverage lies outside 93 to 97 of 100 by more than Monte-Carlo error, in words."""
    low, high = _CLAIM
    found = []
    for (task, measure, subject, patients), (coverage, error, _, _) in pooled(rows).items():
        most = 1.0 if measure in _CONSERVATIVE else high
        if not low - _ERRORS * error <= coverage <= most + _ERRORS * error:
            found.append(f"{task}, {measure} of {subject}, {patients} patients: {100 * coverage:.1f}%")
    return found


def fill(page: Path, results: dict[str, Any]) -> None:
    """Write the tables between ``<!-- name -->`` and ``<!-- end name -->`` of the page."""
    tables: dict[str, str] = {}
    for part, tables_of in _TABLES.items():
        if part in results:
            tables |= tables_of(results[part])
    fill_tables(page, tables)


def fill_tables(page: Path, tables: dict[str, str]) -> None:
    """Write each table between its markers in the page."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        head, start, rest = text.partition(f"<!-- {name} -->")
        _, end, tail = rest.partition(f"<!-- end {name} -->")
        text = f"{head}{start}\n{table}\n{end}{tail}"
    write_text(page, text)


def _coverage(rows: Sequence[Row]) -> str:
    found = pooled(rows)
    sizes = sorted({key[3] for key in found})
    lines = [["Task", "Measure", "Of", *(f"n = {size:,}" for size in sizes)]]
    for task, measure, subject in dict.fromkeys(key[:3] for key in found):
        cells = [found.get((task, measure, subject, size)) for size in sizes]
        lines.append(
            [
                task,
                _mark(measure),
                _SUBJECTS[subject],
                *(
                    f"{100 * cell[0]:.1f} ± {100 * cell[1]:.1f} ({100 * cell[2]:.0f})" if cell else "–"
                    for cell in cells
                ),
            ]
        )
    counts = {
        size: sorted(
            {row["with_limits"]["replicates"] for row in rows if (row["patients"], row["subject"]) == (size, "paired")}
        )
        for size in sizes
    }
    drawn = ", ".join(
        f"{'–'.join(f'{count:,}' for count in dict.fromkeys((found[0], found[-1])))} of {size:,} patients"
        for size, found in counts.items()
    )
    return f"Cohorts of each world: {drawn}.\n\n{_table(lines)}"


def _distances(rows: Sequence[Row]) -> str:
    lines = [
        [
            "Task",
            "Predictions",
            "n",
            "Truth",
            "Mean index",
            "Mean limit",
            "Limit below the truth",
            "Limit at most 0.05",
            "Found too large",
            "Points of the curve held",
            "Whole curve held",
            "Replicates",
        ]
    ]
    lines += [
        [
            row["task"],
            row["scene"],
            f"{row['patients']:,}",
            f"{row['truth']:.3f}",
            f"{row['mean']:.3f}",
            f"{row['limit']:.3f}",
            *(_percent(row[name]) for name in ("limit_below_truth", "passes", "reach_above_truth", "points", "band")),
            str(row["band"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _slopes(rows: Sequence[Row]) -> str:
    lines = [["Hazards", "n", "Measure", "Truth", "Mean", "Half-width", "Covers", "Replicates"]]
    lines += [
        [
            row["hazards"],
            f"{row['patients']:,}",
            _mark(row["measure"]),
            f"{row['truth']:.2f}",
            f"{row['mean']:.2f}",
            f"{row['half_width']:.2f}",
            _percent(row["coverage"]),
            str(row["coverage"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _tails(rows: Sequence[Row]) -> str:
    lines = [["Errors", "n", "Measure", "Truth below the limits", "Truth above them", "Replicates"]]
    lines += [
        [
            row["errors"],
            f"{row['patients']:,}",
            _mark(row["measure"]),
            _percent(row["truth_below"]),
            _percent(row["truth_above"]),
            str(row["truth_above"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _pipeline(rows: Sequence[Row]) -> str:
    lines = [
        [
            "Task",
            "n",
            "Measure",
            "Truth",
            "Mean estimate",
            "Covers the recipe",
            "Covers the model",
            "Inflation, recipe",
            "Inflation, model",
            "Covers as widened",
            "Replicates",
        ]
    ]
    lines += [
        [
            row["task"],
            str(row["patients"]),
            _mark(row["measure"]),
            f"{row['truth']:.3f}",
            f"{row['mean_estimate']:.3f}",
            _percent(row["coverage"]),
            _percent(row["coverage_of_the_model"]),
            _number(row["inflation"]),
            _number(row["inflation_of_the_model"]),
            _percent(row["applied"]),
            str(row["coverage"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _differences(rows: Sequence[Row]) -> str:
    lines = [
        [
            "Task",
            "n",
            "Difference",
            "Measure",
            "Truth",
            "Mean estimate",
            "Covers",
            "Inflation",
            "Covers as widened",
            "Beyond one limit, recipe",
            "Beyond one limit, model",
            "Replicates",
        ]
    ]
    lines += [
        [
            row["task"],
            str(row["patients"]),
            row["recipe"].replace(" - ", " − "),
            _mark(row["measure"]),
            f"{row['truth']:.4f}",
            f"{row['mean_estimate']:.4f}",
            _percent(row["coverage"]),
            _number(row["inflation"]),
            *(_percent(row[name]) for name in ("applied", "beyond", "beyond_the_model")),
            str(row["coverage"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _overfitted(rows: Sequence[Row]) -> str:
    lines = [
        [
            "Task",
            "n",
            "Recipe",
            "True slope",
            "True ICI",
            "Slope below 0.85, eight repeats",
            "one repeat",
            "ICI at most 0.05, eight repeats",
            "one repeat",
            "Replicates",
        ]
    ]
    lines += [
        [
            row["task"],
            str(row["patients"]),
            row["recipe"],
            f"{row['slope']:.2f}",
            f"{row['ici']:.3f}",
            *(_percent(row[of][what]) for what in ("too_extreme", "close_enough") for of in ("repeated", "once")),
            str(row["repeated"]["too_extreme"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _widening(rows: Sequence[Row]) -> str:
    sizes = list(dict.fromkeys(row["patients"] for row in rows))
    lines = [["Task", "Measures of", "Recipe", *(f"n = {size}" if size != "all" else "all" for size in sizes), "model"]]
    found = {(row["task"], row["kind"], row["recipe"], row["patients"]): row for row in rows}
    for task, kind, recipe in dict.fromkeys((row["task"], row["kind"], row["recipe"]) for row in rows):
        own = [found.get((task, kind, recipe, size)) for size in sizes]
        of_model = found[task, kind, recipe, "all"]["of_model"]
        cells = [_number(row["of_recipe"]) if row else "–" for row in own]
        lines.append([task, kind, recipe.replace(" - ", " − "), *cells, _number(of_model)])
    return _table(lines)


def _membership(rows: Sequence[Row]) -> str:
    lines = [["Patients", "Features", "Attack", "Mean area", "Covers it", "Replicates"]]
    lines += [
        [
            f"{row['patients']:,}",
            str(row["features"]),
            row["attack"].replace("_", " "),
            f"{row['mean']:.3f}",
            f"{100 * row['coverage']:.1f} ± {100 * row['error']:.1f}",
            str(row["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _stored(rows: Sequence[Row]) -> str:
    lines = [["Recipe", "Patients", "Area", "Likelihood ratio", "Loss", "Limits hold", "Pass", "Fail", "Audits"]]
    lines += [
        [
            row["recipe"],
            str(row["patients"]),
            f"{row['area']:.3f}",
            f"{1000 * row['likelihood_ratio']:.1f}",
            f"{1000 * row['loss']:.1f}",
            _percent(row["holds"]),
            _percent(row["passes"]),
            _percent(row["fails"]),
            str(row["passes"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _looks(rows: Sequence[Row]) -> str:
    lines = [["Errors of the models", "Patients", "Looks", "Best passes", "Best passes, limits shared by 20"]]
    for row in rows:
        if row["limits"] == "95%":
            shared = next(
                other["best_passes"]
                for other in rows
                if other["limits"] != "95%" and all(other[key] == row[key] for key in ("models", "patients", "looks"))
            )
            lines.append(
                [
                    row["models"],
                    f"{row['patients']:,}",
                    str(row["looks"]),
                    _percent(row["best_passes"]),
                    _percent(shared),
                ]
            )
    return _table(lines)


def _clusters(rows: Sequence[Row]) -> str:
    """Return a line per measure and way, with the coverage in each world; limits that are not given hold nothing."""
    worlds = list(dict.fromkeys((row["clusters"], row["sd"]) for row in rows))
    found = {(row["measure"], row["way"], row["clusters"], row["sd"]): row for row in rows}
    lines = [["Measure", "Limits", *(f"{count}, sd {sd:g}" for count, sd in worlds)]]
    for measure, way in dict.fromkeys((row["measure"], row["way"]) for row in rows):
        own = [found[measure, way, *world] for world in worlds]
        lines.append([_mark(measure), way, *(_percent(row["coverage"]) for row in own)])
    counts = sorted({row["with_limits"]["replicates"] for row in rows})
    return f"Cohorts of each world: {', '.join(f'{count:,}' for count in counts)}.\n\n{_table(lines)}"


def _leaks(rows: Sequence[Row], kind: str) -> str:
    lines = [["Task", "n", "Events", "Planted", "Stops the study", "Named at least", "Cohorts"]]
    lines += [
        [
            row["task"],
            f"{row['patients']:,}",
            f"{row['rate']:.0%}",
            row["column"],
            _percent(row["stopped"]),
            _percent(row["named"]),
            str(row["named"]["replicates"]),
        ]
        for row in rows
        if row["kind"] == kind
    ]
    return _table(lines)


def _fairness(tables: dict[str, list[Row]], name: str) -> str:
    if name == "power":
        lines = [["Scene", "Judged by", "Events per group", "Pass", "Fail", "Insufficient", "Replicates"]]
        rows = tables["power"]
    else:
        lines = [["Scene", "Judged by", "Patients", "Pass", "Fail", "Insufficient", "Replicates"]]
        rows = [*tables["false_fail"], *tables["false_pass"]]
    for row in rows:
        amount = row["events_per_group"] if name == "power" else row["patients"]
        shares = [row[status] for status in ("pass", "fail", "insufficient")]
        lines.append(
            [row["scene"], f"`{row['margin']}`", f"{amount:,}", *map(_percent, shares), str(shares[0]["replicates"])]
        )
    return _table(lines)


def _answers(rows: Sequence[Row]) -> str:
    lines = [
        [
            "Task",
            "n",
            "Interval holds",
            "Mean width",
            "As recorded in training",
            "Difference shown",
            "Called unlike",
            "Cohorts",
        ]
    ]
    for row in rows:
        recorded, shown = (_percent(row[name]) if name in row else "–" for name in ("coverage_as_recorded", "shown"))
        given = row["coverage"]["replicates"] > 1
        lines.append(
            [
                row["task"],
                str(row["patients"]),
                _percent(row["coverage"]) if given else "–",
                f"{row['width']['value']:.3g}" if given else "–",
                recorded,
                shown,
                _percent(row["called_unlike"]),
                str(row["called_unlike"]["replicates"]),
            ]
        )
    return _table(lines)


def _group_answers(rows: Sequence[Row]) -> str:
    lines = [
        [
            "Is the group an input",
            "n",
            "Standard deviation of the errors",
            "Interval holds",
            "Mean width",
            "As recorded in training",
            "Said not to be shown",
            "Cohorts",
        ]
    ]
    for row in rows:
        recorded = row["coverage_as_recorded"]
        lines.append(
            [
                "yes: limits of its own" if row["known"] else "no: one interval for all",
                str(row["patients"]),
                {"usual": "1 (70% of the patients)", "scattered": "3 (30%)"}[row["group"]],
                _percent(row["coverage"]),
                f"{row['width']['value']:.3g}",
                _percent(recorded) if "se" in recorded else "–",
                _percent(row["called_not_shown"]),
                str(row["coverage"]["replicates"]),
            ]
        )
    return _table(lines)


def _effects(rows: Sequence[Row]) -> str:
    lines = [
        [
            "World",
            "n",
            "Measure",
            "Truth",
            "Mean estimate",
            "Covers the recipe",
            "Covers the model",
            "Inflation",
            "Spread over error",
            "Replicates",
        ]
    ]
    lines += [
        [
            row["world"],
            str(row["patients"]),
            _mark(row["measure"]),
            f"{row['truth']:.3f}",
            f"{row['mean']:.3f}",
            _percent(row["recipe"]),
            _percent(row["model"]),
            _number(row["factor"]),
            f"{row['spread']:.2f}",
            str(row["recipe"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _called(rows: Sequence[Row]) -> str:
    lines = [["World", "n", "Ranking called real", "Bands hold all groups", "Replicates"]]
    lines += [
        [
            row["world"],
            str(row["patients"]),
            _percent(row["called_real"]),
            _percent(row["bands_hold"]),
            str(row["called_real"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _losses(rows: Sequence[Row]) -> str:
    names = {"marginal": "the same for all", "features": "by features"}
    lines = [
        ["World", "n", "Measure", "Weights", "Truth", "Mean estimate", "Covers it", "Spread over error", "Cohorts"]
    ]
    lines += [
        [
            row["world"],
            f"{row['patients']:,}",
            _mark(row["measure"]),
            names[row["weights"]],
            f"{row['truth']:.3f}",
            f"{row['mean_estimate']:.3f}",
            _percent(row["coverage"]),
            f"{row['spread_over_error']:.2f}",
            str(row["coverage"]["replicates"]),
        ]
        for row in rows
    ]
    return _table(lines)


def _dependent(rows: Sequence[Row]) -> str:
    lines = [["World", "n", "Some feature named", "Cohorts"]]
    lines += [
        [row["world"], f"{row['patients']:,}", _percent(row["dependent"]), str(row["dependent"]["replicates"])]
        for row in rows
    ]
    return _table(lines)


def _mark(measure: str) -> str:
    metric = METRICS.get(measure)
    return f"`{measure}`" + (" (report only)" if metric is not None and metric.report_only else "")


def _percent(share: dict[str, float]) -> str:
    return f"{100 * share['value']:.1f} ± {100 * share['se']:.1f}%"


def _number(quantile: dict[str, float]) -> str:
    return f"{quantile['value']:.2f} ± {quantile['se']:.2f}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *body = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body))


# The part of the results -> its tables, by the names of their markers.
_TABLES: dict[str, Callable[[dict[str, Any]], dict[str, str]]] = {
    "coverage": lambda found: {"coverage": _coverage(found["rows"])},
    "calibration": lambda found: {"distances": _distances(found["distances"]), "slopes": _slopes(found["slopes"])},
    "tails": lambda found: {"tails": _tails(found["rows"])},
    "pipeline": lambda found: {
        "pipeline": _pipeline([row for row in found["measures"] if row["recipe"] == "searched"]),
        "differences": _differences([row for row in found["measures"] if " - " in row["recipe"]]),
        "widening": _widening(found["widening"]),
        "overfitted": _overfitted(found["overfitted"]),
    },
    "fairness": lambda found: {name: _fairness(found, name) for name in ("false_answers", "power")},
    "effects": lambda found: {"effects": _effects(found["measures"]), "called_real": _called(found["called"])},
    "answers": lambda found: {"answers": _answers(found["rows"])},
    "group_answers": lambda found: {"group_answers": _group_answers(found["rows"])},
    "membership": lambda found: {"membership": _membership(found["rows"]), "stored": _stored(found["recipes"])},
    "clusters": lambda found: {"clusters": _clusters(found["rows"])},
    "looks": lambda found: {"looks": _looks(found["rows"])},
    "losses": lambda found: {"losses": _losses(found["measures"]), "dependent": _dependent(found["dependent"])},
    "leaks": lambda found: {f"leaks_{kind}": _leaks(found["rows"], kind) for kind in ("leak", "honest")},
}
