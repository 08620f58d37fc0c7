"""How gates and cards put metrics, counts and groups into words; numbers are written by ``evidence/writing.py``."""

import math

from theragate.evidence.catalogue import METRICS

__all__ = [
    "capital",
    "group_words",
    "listing",
    "rounded_up",
    "title",
]

_COUNTS = {"events": "patients with the event", "non_events": "patients without the event"}


def rounded_up(amount: float) -> int:
    """Round a needed number up to two digits, and to at least 1: it is known no better."""
    step = int(10 ** max(len(str(math.ceil(amount))) - 2, 0))
    return max(math.ceil(amount / step) * step, 1)


def listing(parts: list[str]) -> str:
    """Join as in a sentence: ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capital(text: str) -> str:
    """Begin a sentence."""
    return text[:1].upper() + text[1:]


def group_words(attribute: str, label: str) -> str:
    """Name a subgroup in a sentence: ``sex female``, ``age band >75``, ``sex & age band: male & ≤65``."""
    name = attribute.replace("_", " ")
    return f"{name}: {label}" if " & " in attribute else f"{name} {label}"


def title(metric: str) -> str:
    """Return what a metric is called inside a sentence; a log ratio is spoken of as the ratio."""
    metric = metric.removeprefix("log_") if metric == "log_observed_expected" else metric
    name = METRICS[metric].title if metric in METRICS else _COUNTS.get(metric, metric.replace("_", " "))
    return name if name.startswith("Brier") else name[:1].lower() + name[1:]
