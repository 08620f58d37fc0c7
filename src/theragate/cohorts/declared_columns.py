"""The columns that ``params.yaml`` names must be in the cohort: a misspelt one would be passed over in silence."""

from collections.abc import Iterator, Sequence

from theragate.errors import DataError, did_you_mean
from theragate.study import SiteSplit, Study, TemporalSplit

__all__ = ["check_columns"]


def check_columns(columns: Sequence[str], study: Study) -> None:
    """Refuse a study that names a column which its cohort lacks.

    Parameters
    ----------
    columns
        Of the cohort, after de-identification; `read_outcome` looks for the outcome's columns itself.

    Raises
    ------
    DataError
        With the first such key, and the column that may be meant.
    """
    for key, column in _named(study):
        if column not in columns:
            raise DataError(
                f"params.yaml, key `studies.{study.name}.{key}`",
                rule="a column that a study names is in its cohort",
                received=f"`{column}`, which is not in it",
                remedy=f"{did_you_mean(column, columns)}Correct the name, or remove the entry.",
            )


def _named(study: Study) -> Iterator[tuple[str, str]]:
    if study.batch is not None:
        yield "batch.column", study.batch.column
    for column in study.features.dropped:
        yield "features.dropped", column
    for column in study.features.labels:
        yield "features.labels", column
    for name, group in study.subgroups.items():
        yield f"subgroups.{name}.column", group.column
    for name, scenario in study.scenarios.items():
        for column in (*scenario.missing, *scenario.noise):
            yield f"scenarios.{name}", column
    if isinstance(study.validation, TemporalSplit | SiteSplit):
        yield "validation.column", study.validation.column
