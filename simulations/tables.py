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
Cell = Callable[[Row], str]


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
    columns = (
        ("Task", _word("task")),
        ("Predictions", _word("scene")),
        ("n", _patients),
        ("Truth", _fixed("truth", 3)),
        ("Mean index", _fixed("mean", 3)),
        ("Mean limit", _fixed("limit", 3)),
        ("Limit below the truth", _rate("limit_below_truth")),
        ("Limit at most 0.05", _rate("passes")),
        ("Found too large", _rate("reach_above_truth")),
        ("Points of the curve held", _rate("points")),
        ("Whole curve held", _rate("band")),
        ("Replicates", _replicates("band")),
    )
    return _lined(rows, columns)


def _slopes(rows: Sequence[Row]) -> str:
    columns = (
        ("Hazards", _word("hazards")),
        ("n", _patients),
        ("Measure", _measure),
        ("Truth", _fixed("truth", 2)),
        ("Mean", _fixed("mean", 2)),
        ("Half-width", _fixed("half_width", 2)),
        ("Covers", _rate("coverage")),
        ("Replicates", _replicates("coverage")),
    )
    return _lined(rows, columns)


def _tails(rows: Sequence[Row]) -> str:
    columns = (
        ("Errors", _word("errors")),
        ("n", _patients),
        ("Measure", _measure),
        ("Truth below the limits", _rate("truth_below")),
        ("Truth above them", _rate("truth_above")),
        ("Replicates", _replicates("truth_above")),
    )
    return _lined(rows, columns)


def _pipeline(rows: Sequence[Row]) -> str:
    columns = (
        ("Task", _word("task")),
        ("n", _patients),
        ("Measure", _measure),
        ("Truth", _fixed("truth", 3)),
        ("Mean estimate", _fixed("mean_estimate", 3)),
        ("Covers the recipe", _rate("coverage")),
        ("Covers the model", _rate("coverage_of_the_model")),
        ("Inflation, recipe", _quantile("inflation")),
        ("Inflation, model", _quantile("inflation_of_the_model")),
        ("Covers as widened", _rate("applied")),
        ("Replicates", _replicates("coverage")),
    )
    return _lined(rows, columns)


def _differences(rows: Sequence[Row]) -> str:
    columns = (
        ("Task", _word("task")),
        ("n", _patients),
        ("Difference", _recipe),
        ("Measure", _measure),
        ("Truth", _fixed("truth", 4)),
        ("Mean estimate", _fixed("mean_estimate", 4)),
        ("Covers", _rate("coverage")),
        ("Inflation", _quantile("inflation")),
        ("Covers as widened", _rate("applied")),
        ("Beyond one limit, recipe", _rate("beyond")),
        ("Beyond one limit, model", _rate("beyond_the_model")),
        ("Replicates", _replicates("coverage")),
    )
    return _lined(rows, columns)


def _overfitted(rows: Sequence[Row]) -> str:
    columns = (
        ("Task", _word("task")),
        ("n", _patients),
        ("Recipe", _word("recipe")),
        ("True slope", _fixed("slope", 2)),
        ("True ICI", _fixed("ici", 3)),
        ("Slope below 0.85, eight repeats", _rate("repeated", "too_extreme")),
        ("one repeat", _rate("once", "too_extreme")),
        ("ICI at most 0.05, eight repeats", _rate("repeated", "close_enough")),
        ("one repeat", _rate("once", "close_enough")),
        ("Replicates", _replicates("repeated", "too_extreme")),
    )
    return _lined(rows, columns)


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
    columns = (
        ("Patients", _patients),
        ("Features", _word("features")),
        ("Attack", lambda row: row["attack"].replace("_", " ")),
        ("Mean area", _fixed("mean", 3)),
        ("Covers it", lambda row: f"{100 * row['coverage']:.1f} ± {100 * row['error']:.1f}"),
        ("Replicates", _word("replicates")),
    )
    return _lined(rows, columns)


def _stored(rows: Sequence[Row]) -> str:
    columns = (
        ("Recipe", _word("recipe")),
        ("Patients", _patients),
        ("Area", _fixed("area", 3)),
        ("Likelihood ratio", lambda row: f"{1000 * row['likelihood_ratio']:.1f}"),
        ("Loss", lambda row: f"{1000 * row['loss']:.1f}"),
        ("Limits hold", _rate("holds")),
        ("Pass", _rate("passes")),
        ("Fail", _rate("fails")),
        ("Audits", _replicates("passes")),
    )
    return _lined(rows, columns)


def _looks(rows: Sequence[Row]) -> str:
    shared = {_world(row): row["best_passes"] for row in rows if row["limits"] != "95%"}
    columns = (
        ("Errors of the models", _word("models")),
        ("Patients", _patients),
        ("Looks", _word("looks")),
        ("Best passes", _rate("best_passes")),
        ("Best passes, limits shared by 20", lambda row: _percent(shared[_world(row)])),
    )
    return _lined([row for row in rows if row["limits"] == "95%"], columns)


def _world(row: Row) -> tuple[Any, ...]:
    return row["models"], row["patients"], row["looks"]


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
    columns = (
        ("Task", _word("task")),
        ("n", _patients),
        ("Events", lambda row: f"{row['rate']:.0%}"),
        ("Planted", _word("column")),
        ("Stops the study", _rate("stopped")),
        ("Named at least", _rate("named")),
        ("Cohorts", _replicates("named")),
    )
    return _lined([row for row in rows if row["kind"] == kind], columns)


def _fairness(tables: dict[str, list[Row]], name: str) -> str:
    power = name == "power"
    columns = (
        ("Scene", _word("scene")),
        ("Judged by", lambda row: f"`{row['margin']}`"),
        ("Events per group" if power else "Patients", _count("events_per_group" if power else "patients")),
        ("Pass", _rate("pass")),
        ("Fail", _rate("fail")),
        ("Insufficient", _rate("insufficient")),
        ("Replicates", _replicates("pass")),
    )
    return _lined(tables["power"] if power else [*tables["false_fail"], *tables["false_pass"]], columns)


def _answers(rows: Sequence[Row]) -> str:
    def where_given(cell: Cell) -> Cell:
        return lambda row: cell(row) if row["coverage"]["replicates"] > 1 else "–"

    columns = (
        ("Task", _word("task")),
        ("n", _patients),
        ("Interval holds", where_given(_rate("coverage"))),
        ("Mean width", where_given(_width)),
        ("As recorded in training", _rate_if_known("coverage_as_recorded")),
        ("Difference shown", _rate_if_known("shown")),
        ("Called unlike", _rate("called_unlike")),
        ("Cohorts", _replicates("called_unlike")),
    )
    return _lined(rows, columns)


def _group_answers(rows: Sequence[Row]) -> str:
    spread = {"usual": "1 (70% of the patients)", "scattered": "3 (30%)"}
    columns = (
        (
            "Is the group an input",
            lambda row: "yes: limits of its own" if row["known"] else "no: one interval for all",
        ),
        ("n", _patients),
        ("Standard deviation of the errors", lambda row: spread[row["group"]]),
        ("Interval holds", _rate("coverage")),
        ("Mean width", _width),
        ("As recorded in training", _rate_if_known("coverage_as_recorded")),
        ("Said not to be shown", _rate("called_not_shown")),
        ("Cohorts", _replicates("coverage")),
    )
    return _lined(rows, columns)


def _effects(rows: Sequence[Row]) -> str:
    columns = (
        ("World", _word("world")),
        ("n", _patients),
        ("Measure", _measure),
        ("Truth", _fixed("truth", 3)),
        ("Mean estimate", _fixed("mean", 3)),
        ("Covers the recipe", _rate("recipe")),
        ("Covers the model", _rate("model")),
        ("Inflation", _quantile("factor")),
        ("Spread over error", _fixed("spread", 2)),
        ("Replicates", _replicates("recipe")),
    )
    return _lined(rows, columns)


def _called(rows: Sequence[Row]) -> str:
    columns = (
        ("World", _word("world")),
        ("n", _patients),
        ("Ranking called real", _rate("called_real")),
        ("Bands hold all groups", _rate("bands_hold")),
        ("Replicates", _replicates("called_real")),
    )
    return _lined(rows, columns)


def _losses(rows: Sequence[Row]) -> str:
    names = {"marginal": "the same for all", "features": "by features"}
    columns = (
        ("World", _word("world")),
        ("n", _patients),
        ("Measure", _measure),
        ("Weights", lambda row: names[row["weights"]]),
        ("Truth", _fixed("truth", 3)),
        ("Mean estimate", _fixed("mean_estimate", 3)),
        ("Covers it", _rate("coverage")),
        ("Spread over error", _fixed("spread_over_error", 2)),
        ("Cohorts", _replicates("coverage")),
    )
    return _lined(rows, columns)


def _dependent(rows: Sequence[Row]) -> str:
    columns = (
        ("World", _word("world")),
        ("n", _patients),
        ("Some feature named", _rate("dependent")),
        ("Cohorts", _replicates("dependent")),
    )
    return _lined(rows, columns)


# Cells of a row


def _word(key: str) -> Cell:
    return lambda row: str(row[key])


def _count(key: str) -> Cell:
    return lambda row: f"{row[key]:,}"


def _fixed(key: str, digits: int) -> Cell:
    return lambda row: f"{row[key]:.{digits}f}"


def _rate(*keys: str) -> Cell:
    return lambda row: _percent(_within(row, keys))


def _rate_if_known(key: str) -> Cell:
    return lambda row: _percent(row[key]) if "se" in row.get(key, {}) else "–"


def _quantile(key: str) -> Cell:
    return lambda row: _number(row[key])


def _replicates(*keys: str) -> Cell:
    return lambda row: str(_within(row, keys)["replicates"])


def _patients(row: Row) -> str:
    return f"{row['patients']:,}"


def _measure(row: Row) -> str:
    return _mark(row["measure"])


def _recipe(row: Row) -> str:
    return str(row["recipe"].replace(" - ", " − "))


def _width(row: Row) -> str:
    return f"{row['width']['value']:.3g}"


def _within(row: Row, keys: Sequence[str]) -> Row:
    for key in keys:
        row = row[key]
    return row


def _lined(rows: Iterable[Row], columns: Sequence[tuple[str, Cell]]) -> str:
    """Return a line per row; each column is its heading and what it shows of a row."""
    return _table([[heading for heading, _ in columns], *([cell(row) for _, cell in columns] for row in rows)])


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
