"""Names that read well in MLflow's tables and that its search accepts."""

import re
from collections.abc import Sequence

from theragate.evidence.types import GroupEvidence

__all__ = ["group_names"]

_WORDS = {"≤": "up to ", "≥": "from ", "<": "under ", ">": "above ", "–": " to ", "&": " and "}
_LONGEST = 150


def group_names(groups: Sequence[GroupEvidence]) -> list[str]:
    """Name each group in characters that MLflow accepts: ``sex female``, ``sex female and age_band up to 65``.

    MLflow refuses ``=``, ``[``, ``]``, ``≤`` and ``–`` in the name of a metric. Groups whose names would then be
    the same are numbered in their order.
    """
    names: list[str] = []
    for group in groups:
        name = _group_name(group)
        same = sum(other == name or other.startswith(f"{name} no. ") for other in names)
        names.append(f"{name} no. {same + 1}" if same else name)
    return names


def _group_name(group: GroupEvidence) -> str:
    attributes, labels = group.attribute.split(" & "), group.label.split(" & ")
    if len(attributes) != len(labels):
        return _readable(f"{group.attribute} {group.label}")
    return _readable(" and ".join(f"{a} {b}" for a, b in zip(attributes, labels, strict=True)))


def _readable(text: str) -> str:
    for sign, words in _WORDS.items():
        text = text.replace(sign, words)
    return " ".join(re.sub(r"[^\w.\- ]", " ", text).split())[:_LONGEST].strip()
