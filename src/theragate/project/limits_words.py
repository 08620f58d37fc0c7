"""What a reader has to know of limits that were changed after a result was seen, in words."""

from typing import Any

from theragate.gates.words import listing
from theragate.numbers import declared, plural
from theragate.project.former_policies import Former, FormerPolicy

__all__ = ["limits_words"]

MOST_CHANGES = 6  # that are listed of one policy
_TEXTS = ("reason", "unreviewed")  # keys that hold no limit


def limits_words(former: Former) -> list[str]:
    """Say that held-out data were judged under other policies too, what those decided, and what is known of them.

    Returns
    -------
    A sentence about all of them, then one about each; empty where there was no other.
    """
    if not former.policies:
        return []
    first = (
        f"{plural(former.under_others, 'look')} of {former.looks} at these held-out data {_were(former.under_others)} "
        "under another policy than the present one, by the ledger of looks."
    )
    return [first, *map(_one, former.policies)]


def _one(policy: FormerPolicy) -> str:
    decided = listing(list(dict.fromkeys(decision.replace("_", " ") for decision in policy.decisions)))
    of = " of these very predictions" if policy.same_predictions == policy.decisions else ""
    return f"Policy {policy.sha256[:12]} decided {decided}{of}: {_known(policy)}"


def _known(policy: FormerPolicy) -> str:
    if policy.changes is None:
        return "what it said is not known: no commit of params.yaml, read as it is read today, gives it for this study."
    limits = {key: values for key, values in policy.changes.items() if key.rpartition(".")[2] not in _TEXTS}
    if not limits:
        return f"the same limits, with other texts (commit {policy.commit})."
    told = [f"{key} was {_value(was)} and is {_value(now)}" for key, (was, now) in limits.items()]
    more = [f"{plural(len(told) - MOST_CHANGES, 'other')}"] if len(told) > MOST_CHANGES else []
    return f"{'; '.join([*told[:MOST_CHANGES], *more])} (commit {policy.commit})."


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "not set"}[value]
    if isinstance(value, int | float):
        return declared(value)
    if isinstance(value, list | tuple):
        return " to ".join(map(_value, value)) if len(value) == 2 else listing([*map(_value, value)] or ["none"])
    return str(value)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
