"""Sources of others: kinds of `source` that an extension adds."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from inspect import isabstract
from typing import Annotated, Any, Literal, get_args

from pydantic import SerializeAsAny, WrapValidator

from theragate.digests import canonical_json
from theragate.extensions import SOURCES, collect, used_names
from theragate.study.joined_source import Source
from theragate.study.origins import Origin
from theragate.study.spec import as_tuples

__all__ = ["OUR_KINDS", "AnySource", "ExtensionSource", "RecordedSource", "is_ours", "source_kinds"]

OUR_KINDS: tuple[str, ...] = tuple(
    name for kind in get_args(get_args(Source)[0]) for name in get_args(kind.model_fields["kind"].annotation)
)


class ExtensionSource(Origin):
    """The base of a source in a package of others: its keys in ``params.yaml``, and how its table is read.

    A subclass gives ``kind`` the type ``Literal`` of its own name, adds its keys as fields, and reads. `read` raises an
    error of `theragate.errors` where the source is missing or broken, and whatever else it raises becomes one line
    without its message, because that may quote a patient's row.
    """

    kind: str

    @abstractmethod
    def read(self, context: Any) -> Any:
        """Return the table.

        Parameters
        ----------
        context
            A `theragate.cohorts.sources.SourceContext`: the study's folder, a folder for downloads, the environment.

        Returns
        -------
        theragate.cohorts.sources.RawTable
            The rows, a version that says which edition they are (the same rows have the same), and the name of the
            column with the source's own patient ids.
        """


def source_kinds(extensions: Iterable[str]) -> Mapping[str, type[ExtensionSource]]:
    """Return the kinds of source that extensions add; this process uses them already.

    Raises
    ------
    ExtensionError
        If one cannot be imported or is none, or its name is that of one of ours or of another extension's.
    """
    return collect(extensions, SOURCES, _flaw)


def is_ours(kind: Any) -> bool:
    """Return whether there is a source of this kind without any extension."""
    return kind in OUR_KINDS


def _flaw(name: str, kind: Any) -> tuple[str, str] | None:
    """Return the first rule that a source breaks, and what it has instead."""
    if not (isinstance(kind, type) and issubclass(kind, ExtensionSource)):
        return "it is a class made from `theragate.study.ExtensionSource`", f"an object of type {type(kind).__name__}"
    if isabstract(kind):
        return "it reads a table in `read`", "a class without it"
    if is_ours(name):
        return "its name is none of ours", f"`{name}`"
    if kind.model_fields["kind"].annotation != Literal[name]:  # type: ignore[comparison-overlap] # the name is known only now
        return f'its `kind` is of the type `Literal["{name}"]`, as the entry point is called', "another type"
    return None


def _made(value: Any, validate: Callable[[Any], Any]) -> Any:
    """Take a source that was made by its extension as it is; whatever else there is is one of ours."""
    return value if isinstance(value, ExtensionSource) else validate(value)


def _recorded(value: Any, validate: Callable[[Any], Any]) -> Any:
    """Read a source that was recorded, by the extensions that this process uses."""
    kind = value.get("kind") if isinstance(value, dict) else None
    theirs = {} if is_ours(kind) else source_kinds(used_names())
    if isinstance(kind, str) and kind in theirs:
        return theirs[kind].model_validate_json(canonical_json(value), strict=True)
    return _made(as_tuples(value), validate)  # what JSON wrote has become plain values on the way here


# A source in a study, where `Study.read` makes those of the extensions that it names; and one in a record of ours.
AnySource = SerializeAsAny[Annotated[Source, WrapValidator(_made)]]
RecordedSource = SerializeAsAny[Annotated[Source, WrapValidator(_recorded)]]
