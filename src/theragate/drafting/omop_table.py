"""The cohort that a drafted query gives, read from an OMOP common data model as the study will read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources import check_folder, open_source
from theragate.cohorts.table import Table
from theragate.drafting.forms.form import DraftedForm
from theragate.drafting.omop import OmopCohort, omop_query, unit_query
from theragate.errors import DataError
from theragate.files import write_text
from theragate.study import SqlSource, parse

__all__ = ["OmopRequest", "read_omop"]

_QUERY = "cohort.sql"


@dataclass(frozen=True)
class OmopRequest:
    """A cohort of a database, of which an environment variable holds the URL; both numbers are days."""

    variable: str
    cohort: OmopCohort
    observed_before: int = 365
    window: int = 365
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_omop(request: OmopRequest, study: str, root: Path, scratch: Scratch) -> tuple[Table, DraftedForm]:
    """Write the query below `root`, as in a project, and read what it gives.

    A measurement whose unit nobody has named is held to the one that all its values have.

    Raises
    ------
    ConfigurationError, StoreError, DataError
        As the source ``sql``; or if a measurement has values in several units.
    """
    folder = root / "sources" / study
    folder.mkdir(parents=True)
    check_folder(None, root, study=study)

    def opened(name: str, query: str, entry: Mapping[str, Any]) -> Table:
        write_text(folder / name, query)
        words = {"citation": "not yet", "licence": "not yet"}
        spec = parse(SqlSource, {"kind": "sql", "query": name, **entry, **words}, at="source")
        return open_source(spec, root, study=study, scratch=scratch, environ=request.environ).columns

    covariates, told = [], []
    for name, concepts in request.cohort.covariates:
        if concepts.domain == "measurement" and concepts.unit is None:
            entry = {"url_variable": request.variable, "id": "unit"}
            units = opened("units.sql", unit_query(concepts, request.cohort.schema), entry)
            concepts = replace(concepts, unit=_one_unit(name, units))
            told.append(f"`{name}`: all its values have the unit concept {concepts.unit}, which the query asks for")
        covariates.append((name, concepts))
    cohort = replace(request.cohort, covariates=tuple(covariates))
    parameters = {"observed_before": request.observed_before}
    parameters |= {"window": request.window} if covariates else {}
    read: dict[str, Any] = {"url_variable": request.variable, "parameters": parameters, "id": "person_id"}
    table = opened(_QUERY, omop_query(cohort), read)
    form = DraftedForm(folder / _QUERY, f"query `{_QUERY}`", {"kind": "sql", "query": _QUERY, **read}, told=told)
    return table, form


def _one_unit(name: str, units: Table) -> int:
    found = units.frame()
    if len(found) != 1:
        listed = ", ".join(f"{int(unit)}" for unit in found["unit"])
        raise DataError(
            f"--covariate {name}",
            rule="the values of a measurement have one unit",
            received=f"the unit concepts {listed} (0 is none)",
            remedy=f"Name the one that counts: `{name}=measurement:CONCEPT:UNIT`.",
        )
    return int(found["unit"].iloc[0])
