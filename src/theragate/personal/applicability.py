"""Which inputs the model was tested with: what may be missing, how far numbers reach, and which categories are common.

Where no held-out patient was like this one, nobody knows how well the model does, so that there is no number. What was
missing is imputed, and an imputed prediction is as good as it was when others lacked the same inputs; never to have
lacked them is not to know. That missing values be handled in development and validation as they will be in use: Sperrin
et al., J Clin Epidemiol 2020;125:183; Sisk et al., Stat Methods Med 2023;32:1461.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Final, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from theragate.learning.features import MISSING_TEXT, Feature
from theragate.numbers import plural
from theragate.personal.input_names import InputNames
from theragate.personal.input_rules import Flags, Reasons
from theragate.study import Spec

__all__ = ["LEAST_OF_CLASS", "LEAST_PATIENTS", "ApplicabilityDomain", "MissingPattern", "fit_domain", "missing_inputs"]

Floats: TypeAlias = NDArray[np.float64]

# With 10 events the ratio of observed to expected is known to a factor of exp(1.96/√10) = 1.9; with 20 patients a mean
# error to 0.4 of its standard deviation. With fewer, how well the model does without an input is simply not known.
LEAST_PATIENTS: Final = 20
LEAST_OF_CLASS: Final = 10
_PAIRED: Final = 200  # of more inputs that may be missing, pairs are not looked at
_RARE: Final = 10  # a category of fewer tested patients is doubted,
_ALONE: Final = 2  # and of fewer than this, nobody was held out while another taught the model the category
_BEYOND: Final = 0.25  # of the tested span; up to there, how unusual a patient is decides
_NAMED: Final = 4  # inputs that one reason names

Place = Annotated[int, Field(ge=0)]
Pairs: TypeAlias = tuple[tuple[Place, Place], ...]


class MissingPattern(Spec):
    """One way in which inputs were missing for held-out patients: as the cohort lacks them, or as a scenario has it.

    ``scenario`` is its name, empty where patients are as they are. ``always`` are the inputs that all of the patients
    lacked, ``sometimes`` those that enough lacked and others did not, and ``most`` is how many of these enough patients
    lacked at once. Of two of ``sometimes``, by their places in it, ``apart`` are those that nobody lacked together, and
    ``bound`` those of which too few lacked the first alone.
    """

    scenario: str = ""
    always: tuple[str, ...]
    sometimes: tuple[str, ...]
    most: Annotated[int, Field(ge=0)]
    apart: Pairs = ()
    bound: Pairs = ()

    def covers(self, missing: Flags, names: Sequence[str]) -> Flags:
        """Return which patients lack inputs as these did, (n,); `missing` has shape (n, features)."""
        places = {name: place for place, name in enumerate(names)}
        always = [places[name] for name in self.always]
        sometimes = [places[name] for name in self.sometimes]
        others = np.ones(len(names), dtype=bool)
        others[always + sometimes] = False
        some = missing[:, sometimes]
        covered = missing[:, always].all(axis=1) & ~missing[:, others].any(axis=1) & (some.sum(axis=1) <= self.most)
        for pairs, second in ((self.apart, some), (self.bound, ~some)):
            if pairs:
                of_first = np.zeros((len(sometimes), len(sometimes)), dtype=np.float32)
                of_first[tuple(np.array(pairs).T)] = 1
                covered &= ~((some.astype(np.float32) @ of_first > 0) & second).any(axis=1)
        return np.asarray(covered, dtype=bool)


class ApplicabilityDomain(Spec):
    """``ranges``: how far out a number may lie, by input; ``untested``, ``rare``: categories of too few patients."""

    missing: tuple[MissingPattern, ...]
    ranges: dict[str, tuple[float, float]]
    untested: dict[str, tuple[str, ...]]
    rare: dict[str, tuple[str, ...]]

    def way_of(self, missing: Flags, names: Sequence[str]) -> NDArray[np.intp]:
        """Return by the place in ``missing`` the first way that covers a patient, -1 for none; (n,)."""
        covered = np.column_stack([way.covers(missing, names) for way in self.missing])
        return np.where(covered.any(axis=1), covered.argmax(axis=1), -1)

    def in_words(self, names: InputNames) -> str:
        """Say which inputs may be missing, and how."""
        single = dict.fromkeys(name for way in self.missing for name in way.sometimes)
        together = [way.always for way in self.missing if way.always and not {*way.always} <= {*single}]
        ways = [*map(names.plainly, single), *(_all_of([names.plainly(name) for name in way]) for way in together)]
        if not ways:
            return "No input may be missing: without one, there is no answer."
        return f"May be missing: {'; '.join(ways)}. Without any other input, there is no answer."

    def fits(self, features: Sequence[str]) -> bool:
        """Return whether all of it is about these features, and at least one way of missing inputs was tested."""
        named = {*self.ranges, *self.untested, *self.rare}
        named |= {name for way in self.missing for name in (*way.always, *way.sometimes)}
        places = [
            place < len(way.sometimes) for way in self.missing for pair in (*way.apart, *way.bound) for place in pair
        ]
        return bool(self.missing) and named <= {*features} and all(places)

    def judge(
        self, features: pd.DataFrame, *, unread: Flags, refused: Reasons, doubts: Reasons, names: InputNames
    ) -> None:
        """Add why patients get no number, or one to doubt.

        Parameters
        ----------
        features
            One row per patient, as `as_features` gives them.
        unread
            Of whom an input could not be read, so that what is missing is not known, (n,).
        refused, doubts
            What the reasons are added to.
        names
            How a reason calls an input.
        """
        for name, (low, high) in self.ranges.items():
            values = features[name].to_numpy()
            with np.errstate(invalid="ignore"):
                outside = (values < low) | (values > high)
            limits = f"outside {low:g} to {high:g}"
            refused.add(outside, f"{names.of(name)}: {limits}, beyond which the model was never tested")
        for name, categories in self.untested.items():
            text = "a category of so few patients that the model was never tested with it"
            refused.add(features[name].isin(categories).to_numpy(), f"{names.of(name)}: {text}")
        for name, categories in self.rare.items():
            text = f"the model was tested with fewer than {plural(_RARE, 'patient')} of this category"
            doubts.add(features[name].isin(categories).to_numpy(), f"{names.of(name)}: {text}")
        self._judge_missing(features, unread, refused, names)

    def _judge_missing(self, features: pd.DataFrame, unread: Flags, refused: Reasons, words: InputNames) -> None:
        names = [str(name) for name in features.columns]
        missing = missing_inputs(features)
        untested = ~unread & (self.way_of(missing, names) < 0)
        if not untested.any():
            return
        may = {name for way in self.missing for name in (*way.always, *way.sometimes)}
        never = missing & np.array([name not in may for name in names])
        explained = untested & never.any(axis=1)
        _by_pattern(never, explained, lambda lacked: _never([words.of(names[place]) for place in lacked]), refused)
        most = max(len(way.always) + way.most for way in self.missing)
        many = untested & ~explained & (missing.sum(axis=1) > most)
        refused.add(many, f"more inputs are missing at once than the {most} that the model was tested without")
        rest = untested & ~explained & ~many
        _by_pattern(missing, rest, lambda lacked: _combination([words.of(names[place]) for place in lacked]), refused)


def fit_domain(
    frames: Iterable[tuple[str, pd.DataFrame]],
    schema: Sequence[Feature],
    *,
    classes: Mapping[str, Flags],
    learned: Mapping[str, Sequence[str]],
) -> ApplicabilityDomain:
    """Learn from held-out patients what the model was tested with.

    Parameters
    ----------
    frames
        The held-out patients as `as_features` gives them, each with the name of a scenario: first as they are.
    schema
        The features.
    classes
        Of which kinds some patients are needed, by name, each of shape (n,): with and without the event, in each arm.
    learned
        The categories that the model has learned, by feature of text.
    """
    ways, ranges, counts = list[MissingPattern](), dict[str, tuple[float, float]](), dict[str, dict[str, int]]()
    for scenario, frame in frames:
        if not ways:
            numbers = [feature.name for feature in schema if feature.type == "number"]
            ranges = {name: _range(frame[name].to_numpy()) for name in numbers if frame[name].notna().any()}
            counts = {name: _counts(frame[name], categories) for name, categories in learned.items()}
        way = _missing_pattern(missing_inputs(frame), [feature.name for feature in schema], [*classes.values()])
        if way not in ways:
            ways.append(way.model_copy(update={"scenario": scenario}))
    return ApplicabilityDomain(
        missing=tuple(ways), ranges=ranges, untested=_between(counts, 0, _ALONE), rare=_between(counts, _ALONE, _RARE)
    )


def missing_inputs(features: pd.DataFrame) -> Flags:
    """Return which features are missing, shape (n, features)."""
    return np.asarray((features.isna() | (features == MISSING_TEXT)).to_numpy(), dtype=bool)


def _missing_pattern(missing: Flags, names: Sequence[str], classes: Sequence[Flags]) -> MissingPattern:
    members = np.array([*classes, np.ones(len(missing))], dtype=np.float64)
    least = np.array([*(LEAST_OF_CLASS for _ in classes), LEAST_PATIENTS])
    always = missing.all(axis=0)
    enough = (members @ missing >= least[:, None]).all(axis=0)
    some = np.flatnonzero(enough & ~always)
    gaps = missing[:, some]
    lacked = gaps.sum(axis=1)
    # Of each class, how many inputs the last of those lacked who are just enough patients.
    reached = [np.sort(lacked[one > 0])[::-1] for one in members]
    most = min(int(found[need - 1]) if len(found) >= need else 0 for found, need in zip(reached, least, strict=True))
    apart, bound = _pairs(gaps) if len(some) <= _PAIRED else ((), ())
    return MissingPattern(
        always=tuple(np.asarray(names, dtype=object)[always]),
        sometimes=tuple(np.asarray(names, dtype=object)[some]),
        most=most,
        apart=apart,
        bound=bound,
    )


def _pairs(gaps: Flags) -> tuple[Pairs, Pairs]:
    """Return which two columns nobody lacks together, and which first ones too few lack while the second is known."""
    lacked = gaps.astype(np.float64)
    together = lacked.T @ lacked
    alone = np.diag(together)[:, None] - together
    different = ~np.eye(len(together), dtype=bool)
    return _places(np.triu(together == 0, 1)), _places((alone < LEAST_OF_CLASS) & different)


def _places(flags: Flags) -> Pairs:
    return tuple((int(first), int(second)) for first, second in np.argwhere(flags))


def _counts(values: pd.Series, categories: Sequence[str]) -> dict[str, int]:
    found = values.value_counts()
    return {category: int(found.get(category, 0)) for category in categories}


def _between(counts: Mapping[str, Mapping[str, int]], least: int, below: int) -> dict[str, tuple[str, ...]]:
    """Return the categories, by feature, that at least so many patients had, and fewer than so many."""
    found = {name: tuple(one for one, count in of.items() if least <= count < below) for name, of in counts.items()}
    return {name: categories for name, categories in found.items() if categories}


def _range(values: Floats) -> tuple[float, float]:
    """Return limits beyond all values, rounded outwards, so that they are nobody's own."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    beyond = _BEYOND * ((high - low) or max(abs(high), 1.0))
    step = 10.0 ** np.floor(np.log10(beyond))
    outward = step * np.floor((low - beyond) / step), step * np.ceil((high + beyond) / step)
    least = 0.0 if low >= 0 else -np.inf  # what was never negative is no amount below 0
    return float(f"{max(outward[0], least):.9g}"), float(f"{outward[1]:.9g}")


def _all_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}, all together"


def _by_pattern(missing: Flags, rows: Flags, reason: Callable[[NDArray[np.intp]], str], reasons: Reasons) -> None:
    """Give each of `rows` the reason that follows from the places of what it lacks."""
    which = np.flatnonzero(rows)
    patterns, number = np.unique(missing[which], axis=0, return_inverse=True)
    for place, pattern in enumerate(patterns):
        alike = np.zeros(len(rows), dtype=bool)
        alike[which[number.ravel() == place]] = True
        reasons.add(alike, reason(np.flatnonzero(pattern)))


def _never(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]}: missing, and the model was never tested without it; give its value"
    return f"{_listed(names)}: missing, and the model was never tested without them; give their values"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _combination(names: Sequence[str]) -> str:
    if not names:
        return "an input is given that was missing for everybody whom the model was tested on"
    listed = _listed(names)
    missing = "missing together" if len(names) > 1 else "missing by itself"
    return f"{listed}: {missing}, and the model was never tested with just that combination; give the values"
