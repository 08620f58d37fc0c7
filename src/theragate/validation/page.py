"""The data docs of one cohort: a single page that a clinician and an engineer can both read, offline."""

from html import escape

from theragate.evidence.published import SMALLEST_CELL
from theragate.numbers import number, percent
from theragate.study import Study
from theragate.validation._page_style import STYLE
from theragate.validation.types import CheckResult, LeakageFinding, Validation

__all__ = ["page"]


def page(validation: Validation, study: Study, *, published: bool = False) -> str:
    """Return the page as HTML.

    It needs no network and runs no script. It holds counts, shares and patients' ids, and no value of a patient.
    A `published` page, for readers who may not see the data, names no patient and says of 1 to 10 patients only that
    they are fewer than 11. The same validation gives the same bytes.
    """
    failed = [result for result in validation.results if not result.passed]
    parts = [
        f"<h1>Data check: {escape(study.card.title)}</h1>",
        f"<p class=soft>Study <code>{escape(study.name)}</code>. {escape(study.card.population)}</p>",
        _verdict(validation),
        _facts(validation),
        _checks(
            "What stops this study", [result for result in failed if result.severity == "critical"], published=published
        ),
        _twice(validation, published=published),
        _leaks(validation, study),
        _checks(
            "What a person should look at",
            [result for result in failed if result.severity == "warning"],
            published=published,
        ),
        _checks("What holds", [result for result in validation.results if result.passed], published=published),
        _legend(published=published),
    ]
    title = f"{escape(study.card.title)}: data check"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n" + "\n".join(filter(None, parts)) + "\n</main>\n</body>"
        "\n</html>\n"
    )


def _verdict(validation: Validation) -> str:
    leaks, warnings = len(validation.leaks), len(validation.warnings)
    if validation.passed:
        tone, head = (
            ("warn" if warnings or validation.suspected or validation.confounded else "good"),
            "The cohort may be learned from.",
        )
    else:
        tone, head = "bad", "The study stops here: nothing is learned from this cohort."
    counts = f"Critical failures: {len(validation.critical)}. Leaks: {leaks}. Warnings: {warnings}."
    if validation.confounded:
        counts += f" Confounded: {', '.join(f'<code>{escape(name)}</code>' for name in validation.confounded)}."
    if validation.suspected:
        counts += f" May be leaks: {', '.join(f'<code>{escape(name)}</code>' for name in validation.suspected)}."
    return f'<div class="verdict {tone}"><p><strong>{head}</strong></p><p>{counts}</p></div>'


def _twice(validation: Validation, *, published: bool) -> str:
    found = validation.duplicates
    if found is None:
        return (
            "<h2>Patients who occur twice</h2><p>No more rows are equal, or nearly equal, than those of "
            "different patients are by chance.</p>"
        )
    few = published and found.rows < SMALLEST_CELL
    amount = f"fewer than {SMALLEST_CELL} rows" if few else f"{found.rows:,} of {validation.patients:,} rows "
    amount += "" if few else f"({percent(found.share, 1)})"
    words = "as the study declares" if found.accepted else "which stops the study"
    named = "; ".join(f"{escape(first)} and {escape(second)}" for first, second in found.pairs)
    ids = f"<p class=small>ids {named}</p>" if named and not published else ""
    return (
        f"<h2>Patients who occur twice</h2><p>Rows that repeat another under another id: {amount}, {words}. By chance, "
        f"about {found.by_chance:g} of such different patients would be so alike.</p>{ids}"
    )


def _facts(validation: Validation) -> str:
    facts = {
        "Patients": f"{validation.patients:,}",
        "Expectations": f"{sum(result.passed for result in validation.results)} of {len(validation.results)} hold",
        "Cohort, SHA-256": f"<code>{escape(validation.cohort_sha256)}</code>",
        "Suite, SHA-256": f"<code>{escape(validation.suite_sha256)}</code>",
    }
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items()) + "</dl>"


def _checks(title: str, results: list[CheckResult], *, published: bool) -> str:
    if not results:
        return ""
    rows = "\n".join(_check(result, published=published) for result in results)
    return _table(title, ("Expectation", "Answer", "Patients that differ"), rows)


def _check(result: CheckResult, *, published: bool) -> str:
    word, tone = ("holds", "good") if result.passed else ("fails", "bad" if result.severity == "critical" else "warn")
    about = " · ".join(
        [*(f"<code>{escape(column)}</code>" for column in result.columns), f"<code>{escape(result.id)}</code>"]
    )
    unit = f"Unit: {result.unit}." if result.unit else ""
    lines = [f"<p>{escape(result.description)}</p>"]
    lines += [f"<p class=small>{escape(text)}</p>" for text in (unit, result.reason) if text]
    lines += [f"<p><em>{escape(text)}</em></p>" for text in (result.note,) if text]
    answer = f'<span class="mark {tone}">{word}</span> <span class=small>{result.severity}</span>'
    return (
        f"<tr><th scope=row>{''.join(lines)}<p class=small>{about}</p></th>"
        f'<td data-label="Answer">{answer}</td>'
        f'<td data-label="Patients that differ">{_patients(result, published=published)}</td></tr>'
    )


def _patients(result: CheckResult, *, published: bool) -> str:
    if result.unexpected is None:
        return "<span class=small>concerns all patients together</span>"
    if published and 0 < result.unexpected < SMALLEST_CELL:
        return f"fewer than {SMALLEST_CELL}"
    text = f"{result.unexpected:,}"
    if result.unexpected and result.unexpected_share is not None:
        text += f" ({percent(result.unexpected_share, 1)})"
    if result.rows and not published:
        more = f" and {result.unexpected - len(result.rows):,} more" if result.unexpected > len(result.rows) else ""
        text += f"<p class=small>ids {escape(', '.join(result.rows))}{more}</p>"
    return text


def _leaks(validation: Validation, study: Study) -> str:
    rows = "\n".join(_leak(leak, study) for leak in validation.leakage)
    among = (
        f"<p class=small>Looked for among {validation.leaks_among:,} patients drawn at random; missing values and "
        "categories that patients of one outcome alone have, among all.</p>"
        if validation.leaks_among
        else ""
    )
    if not rows:
        return (
            "<h2>Leaks</h2><p>No feature knows the outcome in a way that a new patient’s record could not: each was "
            f"held, alone and in pairs and threes, against what the study expects of a whole model.</p>{among}"
        )
    return _table("Leaks", ("Feature", "Answer", "Found"), rows) + among


def _leak(leak: LeakageFinding, study: Study) -> str:
    label = study.features.labels.get(leak.feature)
    name = f"<code>{escape(leak.feature)}</code>" + (f" ({escape(label)})" if label else "")
    tone = "bad" if leak.severity == "critical" else "warn"
    statistic = ""
    if leak.estimate is not None:
        statistic = f"{escape(leak.statistic)} {number(leak.estimate, 3)}"
        if leak.lower is not None and leak.upper is not None:
            statistic += f" (95% interval {number(leak.lower, 3)} to {number(leak.upper, 3)})"
        statistic += f", limit {number(leak.limit, 3)}" if leak.limit is not None else ""
    return (
        f"<tr><th scope=row><p>{name}</p><p class=small>{escape(leak.sentence)}</p></th>"
        f'<td data-label="Answer"><span class="mark {tone}">{leak.check.replace("_", " ")}</span> '
        f'<span class=small>{leak.severity}</span></td><td data-label="Found">{statistic}</td></tr>'
    )


def _table(title: str, heads: tuple[str, ...], rows: str) -> str:
    cells = "".join(f"<th scope=col>{head}</th>" for head in heads)
    return f"<h2>{title}</h2>\n<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _legend(*, published: bool) -> str:
    patients = (
        f"Patients are not named, and between 1 and {SMALLEST_CELL - 1} of them are not counted."
        if published
        else "Patients are named by id; what was measured in them stands nowhere on this page."
    )
    return (
        "<h2>How to read this page</h2>"
        "<p>A <strong>critical</strong> expectation that fails stops the study. A <strong>warning</strong> lets it go "
        f"on, and its gate allows only a few. {patients} Missing values break only expectations that say a value is "
        "known.</p>"
        "<p>A <strong>leak</strong> is a feature that knows the outcome because it was recorded after it, or is it "
        "under another name. Drop it under <code>features.dropped</code> in params.yaml, with the reason, or mend the "
        "source.</p>"
    )
