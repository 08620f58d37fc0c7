"""Subgroups as gates see them: who is missing altogether, and whose numbers are too few to be shown."""

from collections.abc import Mapping
from typing import Protocol

from theragate.evidence.published import SMALLEST_CELL, publish
from theragate.evidence.types import Evidence

__all__ = ["MISSING", "lacking_groups", "withheld_groups"]

MISSING = "Missing"


class _Attribute(Protocol):
    @property
    def judged(self) -> bool: ...
    @property
    def groups(self) -> int: ...


def lacking_groups(attributes: Mapping[str, _Attribute], evidence: Evidence) -> dict[str, str]:
    """Return the judged attributes of which a declared group is not in the evidence, each with a sentence."""
    lacking = {}
    for name, attribute in attributes.items():
        present = {group.label for group in evidence.groups if group.attribute == name and group.label != MISSING}
        if attribute.judged and len(present) < attribute.groups:
            lacking[name] = f"only {len(present)} of {attribute.groups} declared groups are in the evidence"
    return lacking


def withheld_groups(evidence: Evidence) -> frozenset[str]:
    """Return the keys of groups whose numbers a finding does not show, since it is published with the model.

    They are those that published evidence withholds (see `theragate.evidence.published.publish`).
    """
    if evidence.cohort.patients < SMALLEST_CELL and not evidence.cohort.simulated:
        return frozenset(group.key for group in evidence.groups)
    shown = {group.key for group in publish(evidence).groups}
    return frozenset(group.key for group in evidence.groups if group.key not in shown)
