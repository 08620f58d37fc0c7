"""Evidence for many readers: small cells are withheld, and whatever would give them away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theragate.errors import EvidenceError
from theragate.evidence.types import (
    ClusterEvidence,
    CohortFacts,
    Estimate,
    Evidence,
    Family,
    GroupEvidence,
    TreatmentEvidence,
)

__all__ = ["SMALLEST_CELL", "publish"]

SMALLEST_CELL = 11

_ROUNDING = 1e-9
_WHY = f"withheld: a cell of under {SMALLEST_CELL} patients, or needed to keep one secret"


def publish(evidence: Evidence) -> Evidence:
    """Withhold small cells; of simulated patients, who do not exist, nothing is withheld.

    A cell is the number of patients of a group, or of those among them with the event, or known to be without it.

    1. A group with a cell under 11 is withheld. None at all counts as small: it says the same of every member.
    2. So is whatever would give it away by subtraction. The labels of one attribute add up to the cohort; the cells
       of an intersection add up to the cohort and, in each row and column, to a single group. Where a withheld number
       follows from all sums together, or the unknown groups of a sum have a small cell together, the smallest known
       group of that sum is withheld too, until nothing follows.
    3. The withheld groups of an attribute are replaced by one, with their number of patients together and without
       events or metrics, so that everybody stays counted.
    4. Contrasts and members of families that name a withheld group are left out.
    5. Clusters of patients are groups in all of this, and the size of the smallest, where it is a small cell, is
       withheld too.
    6. A cohort with a small cell loses both its counts of events; so do the arms of a treatment.

    Rates, figures and the number of patients lost to follow-up are no cells. Exact intervals between which a withheld
    number must lie are not searched for.

    Raises
    ------
    EvidenceError
        If the whole cohort has fewer than 11 patients.
    """
    if evidence.cohort.simulated:
        return evidence
    if evidence.cohort.patients < SMALLEST_CELL:
        raise EvidenceError(
            f"study `{evidence.study}`, evidence",
            rule=f"what is published rests on at least {SMALLEST_CELL} patients",
            received=f"{evidence.cohort.patients}",
            remedy="Keep the evidence where the data is.",
        )
    hidden = _hidden(evidence.groups)
    keys = {group.key for group in hidden}
    return evidence.model_copy(
        update={
            "cohort": _counts_withheld(evidence.cohort),
            "groups": _with_rest(
                [group for group in evidence.groups if group.key not in keys], hidden, evidence, of=evidence.groups
            ),
            "contrasts": tuple(
                item
                for item in evidence.contrasts
                if not keys & {f"{item.attribute}={item.group}", f"{item.attribute}={item.other}"}
            ),
            "families": _families(evidence, keys),
            "treatment": _treatment(evidence.treatment, keys),
            "clusters": _clusters(evidence),
        }
    )


@dataclass(frozen=True)
class _Sum:
    """Groups that add up to `total`; None stands for the cohort, which is always known."""

    total: str | None
    parts: tuple[str, ...]


def _hidden(groups: Sequence[GroupEvidence]) -> list[GroupEvidence]:
    by_key = {group.key: group for group in groups}
    hidden = {group.key for group in groups if _small([group])}
    sums = _sums(groups)
    while more := _to_hide(sums, hidden, by_key):
        hidden.add(more)
    return [group for group in groups if group.key in hidden]


def _to_hide(sums: Sequence[_Sum], hidden: set[str], by_key: dict[str, GroupEvidence]) -> str | None:
    """Return the next group to withhold: the smallest known one of a sum that gives something away."""
    solved = _solved(sums, hidden)
    for line in sums:
        unknown = [key for key in line.parts if key in hidden]
        alone = line.total not in hidden and bool(unknown) and _small([by_key[key] for key in unknown])
        if not alone and not solved & {*unknown, line.total}:
            continue
        known = [key for key in line.parts if key not in hidden]
        if not known and line.total is not None and line.total not in hidden:
            return line.total
        if known:
            return min(known, key=lambda key: (by_key[key].n, key))
    return None


def _solved(sums: Sequence[_Sum], hidden: set[str]) -> set[str]:
    """Return the hidden groups whose number follows from all sums together: those that no solution can move."""
    names = sorted(hidden)
    if not names:
        return set()
    column = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(sums), len(names)))
    for row, line in zip(matrix, sums, strict=True):
        for key in line.parts:
            if key in column:
                row[column[key]] += 1
        if line.total in column:
            row[column[line.total]] -= 1
    _, size, directions = np.linalg.svd(matrix)
    free = directions[int((size > _ROUNDING).sum()) :]
    return {name for name, column in zip(names, free.T, strict=True) if not (np.abs(column) > _ROUNDING).any()}


def _sums(groups: Sequence[GroupEvidence]) -> list[_Sum]:
    labels: dict[str, list[str]] = {}
    for group in groups:
        labels.setdefault(group.attribute, []).append(group.label)
    sums = []
    for attribute, own in labels.items():
        sums.append(_Sum(None, tuple(f"{attribute}={label}" for label in own)))
        first, joined, second = attribute.partition(" & ")
        if joined:
            present, cells = set(own), labels
            rows = [(f"{first}={a}", [f"{a} & {b}" for b in cells[second]]) for a in cells[first]]
            columns = [(f"{second}={b}", [f"{a} & {b}" for a in cells[first]]) for b in cells[second]]
            sums += [
                _Sum(total, tuple(f"{attribute}={label}" for label in parts if label in present))
                for total, parts in rows + columns
            ]
    return sums


def _small(groups: Sequence[GroupEvidence]) -> bool:
    cells = [(group.n, group.events, group.non_events) for group in groups]
    return any(
        sum(count for count in column if count is not None) < SMALLEST_CELL
        for column in zip(*cells, strict=True)
        if None not in column
    )


def _with_rest(
    kept: Sequence[GroupEvidence],
    hidden: Sequence[GroupEvidence],
    evidence: Evidence,
    *,
    of: Sequence[GroupEvidence],
) -> tuple[GroupEvidence, ...]:
    rest = []
    for attribute in dict.fromkeys(group.attribute for group in hidden):
        merged = [group for group in hidden if group.attribute == attribute]
        patients = sum(group.n for group in merged)
        rest.append(
            GroupEvidence(
                attribute=attribute,
                label=f"withheld ({len(merged)} groups)",
                judged=any(group.judged for group in merged),
                n=patients,
                share=patients / evidence.cohort.patients,
                events=None,
                non_events=None,
                metrics=dict.fromkeys(merged[0].metrics, Estimate.absent(_WHY)),
            )
        )
    order = list(dict.fromkeys(group.attribute for group in of))
    return tuple(sorted([*kept, *rest], key=lambda group: order.index(group.attribute)))


def _clusters(evidence: Evidence) -> ClusterEvidence | None:
    """Withhold small clusters; those that are left out are replaced by one row, as groups are."""
    clusters = evidence.clusters
    if clusters is None:
        return None
    hidden = _hidden(clusters.each)
    keys = {each.key for each in hidden}
    kept = [each for each in clusters.each if each.key not in keys]
    order = clusters.model_copy(update={"each": _with_rest(kept, hidden, evidence, of=clusters.each)})
    small = clusters.smallest is not None and (clusters.smallest < SMALLEST_CELL or bool(hidden))
    return order.model_copy(update={"smallest": None}) if small else order


def _families(evidence: Evidence, keys: set[str]) -> dict[str, Family]:
    dropped = {
        f"{item.metric}[{item.key}]"
        for item in evidence.contrasts
        if keys & {f"{item.attribute}={item.group}", f"{item.attribute}={item.other}"}
    }
    published = {}
    for family_name, family in evidence.families.items():
        metrics = {member.partition("[")[0] for member in family.members}
        of_hidden = [*keys, *(f"{key} - reference" for key in keys)]
        dropped_here = dropped | {f"{metric}[{name}]" for metric in metrics for name in of_hidden}
        kept = family.among([member for member in family.members if member not in dropped_here])
        if kept.members:
            published[family_name] = kept
    return published


def _treatment(treatment: TreatmentEvidence | None, keys: set[str]) -> TreatmentEvidence | None:
    """Leave out the bands of withheld groups, and the events of all arms where one has few patients with or without."""
    if treatment is None:
        return None
    cells = [cell for arm in treatment.arms for cell in (arm.events, arm.non_events) if cell is not None]
    few = any(cell < SMALLEST_CELL for cell in cells)
    nothing = {"events": None, "non_events": None}
    return treatment.model_copy(
        update={
            "arms": tuple(arm.model_copy(update=nothing) if few else arm for arm in treatment.arms),
            "bands": {key: band for key, band in treatment.bands.items() if key not in keys},
        }
    )


def _counts_withheld(cohort: CohortFacts) -> CohortFacts:
    if cohort.events is None or cohort.non_events is None:
        return cohort
    if min(cohort.events, cohort.non_events) >= SMALLEST_CELL:
        return cohort
    return cohort.model_copy(update={"events": None, "non_events": None, "censored_before_horizon": None})
