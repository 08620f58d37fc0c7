"""A cohort whose patients one source names, and of whom others know more."""

import operator
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from theragate.study.origins import Origin
from theragate.study.sources import Single, SingleSource, TableFile
from theragate.study.spec import Name, Spec, unfit

__all__ = ["HAS", "JoinedSource", "Part", "Source"]

HAS = "has_"  # how the column begins that tells who has a part


class Part(Spec):
    """What another source knows of the same patients, and of how many of them at least."""

    source: SingleSource
    at_least: Annotated[float, Field(gt=0, le=1)] = Field(
        description="the share of the patients, above 0 and up to 1, of whom it has to know; 1: of everybody"
    )
    date: str | None = Field(
        default=None, exclude_if=operator.not_, description="its column that says since when a row is known"
    )
    prefix: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*_$")] | None = Field(
        default=None, exclude_if=operator.not_, description="what its columns' names begin with in the cohort"
    )


class JoinedSource(Origin):
    """Patients of a base, each with what the parts know of them, by the ids that all of them give their patients."""

    kind: Literal["joined"]
    base: SingleSource = Field(description="the source that says who is in the cohort")
    index: str | None = Field(
        default=None, exclude_if=operator.not_, description="the base's column of the day on which is predicted"
    )
    parts: Annotated[dict[Name, Part], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        dated = [name for name, part in self.parts.items() if part.date]
        if dated and self.index is None:
            raise unfit(f"`parts.{dated[0]}.date` is held against `index`, a column of the base", "no `index`")
        if self.index is not None and not dated:
            raise unfit("`index` is what the `date` of a part is held against", "no part with a `date`")
        for name, source in self.sources():
            if isinstance(source, TableFile) and source.id is None:
                raise unfit(
                    "each table of a joined source has an `id`, by which its rows find their patients",
                    f"`{name}` without",
                )
        given = Counter(part.prefix for part in self.parts.values() if part.prefix)
        twice = [prefix for prefix, times in given.items() if times > 1]
        if twice:
            raise unfit("each `prefix` is that of one part", f"`{twice[0]}` twice")
        return self

    def sources(self) -> Iterator[tuple[str, Single]]:
        """Yield the base and the parts, by where they stand below `source`."""
        yield "base", self.base
        yield from ((f"parts.{name}.source", part.source) for name, part in self.parts.items())

    @property
    def after_index(self) -> tuple[str, ...]:
        """The columns of what happened after the index date."""
        each = [("", self.base), *((part.prefix or "", part.source) for part in self.parts.values())]
        return tuple(f"{prefix}{name}" for prefix, source in each for name in source.after_index)


Source = Annotated[Single | JoinedSource, Field(discriminator="kind")]
