"""Which column of a new table says who was treated in one place, or is of one family."""

from dataclasses import dataclass, field
from typing import Any

from theragate.cohorts.clusters import number_clusters
from theragate.cohorts.table import Rows, Table
from theragate.drafting.words import cluster_rank
from theragate.study import CLUSTER, MARK

__all__ = ["DraftedClusters", "draft_clusters"]

FEWEST = 3  # clusters: with fewer, no fold of a training part can be tested in without dividing one


@dataclass(frozen=True)
class DraftedClusters:
    """The column of the clusters, if there is one, how many there are, and columns named alike, each with why not."""

    column: str | None = None
    count: int = 0
    dropped: dict[str, str] = field(default_factory=dict)

    @property
    def entry(self) -> dict[str, Any]:
        """The entry ``clusters`` of the study, or nothing."""
        if self.column is None:
            return {}
        reason = (
            f"{MARK}: `{self.column}` has {self.count:,} values and is named like a place of treatment or a family. Do "
            "patients with the same value resemble one another? If it is something else, remove `clusters`: the column "
            "is then learned from."
        )
        return {"clusters": {"column": self.column, "reason": reason}}

    def numbered(self, table: Table) -> Table:
        """Return the table as `ingest` will have it: numbers in place of the names of clusters."""
        if self.column is None:
            return table
        numbers = number_clusters(table[self.column], links=None)
        return table.without([self.column]).having(CLUSTER, numbers)


def draft_clusters(frame: Rows, own: list[str]) -> DraftedClusters:
    """Find the column by its name, in six languages, and by its values: some that several patients share.

    Of several such columns the places of treatment come before families, and fewer clusters before more, since those
    are the outer ones as a rule.

    Parameters
    ----------
    frame
        The table without its ids.
    own
        The columns of the outcome and of the treatment.
    """
    ranks = {str(name): cluster_rank(str(name)) for name in frame.columns if name not in own}
    named = [(rank, frame[name].nunique(), name) for name, rank in ranks.items() if rank is not None]
    several = sorted((rank, count, name) for rank, count, name in named if 1 < count < len(frame))
    dropped: dict[str, str] = {}
    chosen: tuple[str, int] | None = None
    for _, count, name in several:
        missing = int(frame[name].isna().sum())
        if missing:
            dropped[name] = (
                f"{MARK}: the column is named like a place of treatment or a family, and {missing:,} patients lack it. "
                "Once it is complete, name it under `clusters`."
            )
        elif count < FEWEST:
            dropped[name] = (
                f"{MARK}: the column is named like a place of treatment or a family, and has {count} values: too few "
                "to say how a model does in another. Is it something else, which a model may see?"
            )
        elif chosen is None:
            chosen = name, count
        else:
            dropped[name] = f"{MARK}: the column is named like clusters too, and `clusters` names `{chosen[0]}`."
    if CLUSTER in frame.columns and chosen and chosen[0] != CLUSTER:
        chosen = None  # the name is taken
    return (
        DraftedClusters(column=chosen[0], count=chosen[1], dropped=dropped)
        if chosen
        else DraftedClusters(dropped=dropped)
    )
