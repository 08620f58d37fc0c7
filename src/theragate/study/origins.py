"""What is said of every source, and of those whose records have yet to become a table."""

from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field

from theragate.study.spec import Sentence, Spec

__all__ = ["Digest", "Origin", "PathBelow", "RecordsSource"]


def _below(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or not path.name:
        raise ValueError("a file is named by its path below `sources/<study>/`; a link there may lead elsewhere")
    return text


PathBelow = Annotated[str, AfterValidator(_below)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Origin(Spec):
    """What is said of every source: whom to cite, and under which licence it may be used."""

    citation: Sentence
    licence: Sentence

    @property
    def after_index(self) -> tuple[str, ...]:
        """The columns that know what happened after a patient's index date, which no model may learn from."""
        return ()


class RecordsSource(Origin):
    """Records of patients, of which a recipe makes a row a patient; it makes the rows of later patients, too.

    The recipe is all that is said here but for ``path``, and the files that it names below ``sources/<study>/``.
    """

    endings: ClassVar[tuple[str, ...]] = ()  # in small letters, how the name of a file of such records ends
    named_in: ClassVar[str | None] = None  # the column by which answers to several later patients have to be named

    kind: str
    path: PathBelow = Field(description="the file or folder of the records, below sources/<study>/")

    def takes(self, path: Path) -> bool:
        """Return whether a file or folder of later patients is one of such records, by its name alone."""
        return path.is_dir() or path.name.lower().endswith(self.endings)

    def at(self, path: str) -> Self:
        """Return the same recipe for records that lie elsewhere."""
        return self.model_copy(update={"path": path})
