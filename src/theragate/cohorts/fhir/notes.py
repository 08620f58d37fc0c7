"""What is told of the records that a cohort was made from: what was left out, what was decided, of how many."""

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from theragate.cohorts.counted import counted
from theragate.cohorts.units import is_unit

if TYPE_CHECKING:
    from theragate.cohorts.fhir.collected import Collected
    from theragate.cohorts.fhir.recipe import Gathered

__all__ = ["notes_of"]


def notes_of(gathered: "Gathered", *, cohort: Set[int], undated: int, errors: int) -> tuple[str, ...]:
    """Return sentences, none of which gives a number below 11.

    Parameters
    ----------
    gathered
        What was read.
    cohort
        The numbers of the patients of the patients' view.
    undated
        How many of these have no index date.
    errors
        How many resources tell of what the server could not export.
    """
    return tuple(_notes(gathered, cohort, undated, errors))


def _notes(gathered: "Gathered", cohort: Set[int], undated: int, errors: int) -> Iterator[str]:
    if errors:
        yield f"{counted(errors, 'resource')} `OperationOutcome` tell of what the server did not export."
    if undated:
        yield f"{counted(undated, 'patient')} without an index date were left out."
    for kind, count in sorted(gathered.in_error.items()):
        yield f"{counted(count, 'resource')} `{kind}` were entered in error and left out."
    if gathered.versions:
        references = counted(gathered.versions, "reference")
        yield f"{references} to a version of a patient were taken for references to the patient."
    for name, each in gathered.views.items():
        if name == gathered.spec.patients and not each.collected:
            continue
        unmatched = each.nobody + sum(count for patient, count in each.patients.items() if patient not in cohort)
        if unmatched:
            resources = counted(unmatched, "resource")
            yield f"{resources} of the view `{name}` name no patient of the cohort and were left out."
    for collected in gathered.all:
        yield from _of_value(collected)


def _of_value(collected: "Collected") -> Iterator[str]:
    name, spec = collected.name, collected.spec
    missed = [code for code in spec.codes if code not in collected.wanted.met]
    if missed:
        listed = ", ".join(f"`{code}`" for code in missed)
        yield f"`{name}`: no record has the code{'s' if len(missed) > 1 else ''} {listed}."
    if collected.undated:
        yield f"`{name}`: {counted(collected.undated, 'row')} without a whole date were left out."
    if collected.compared:
        became = "taken as the bound" if spec.inequalities == "bound" else "taken as missing"
        yield f"`{name}`: {counted(collected.compared, 'value')} with a comparator, such as `<5`, were {became}."
    for unit, count in sorted(collected.converted.items()):
        said = f"in `{unit}`" if unit and is_unit(unit) else "in another unit" if unit else "without a unit"
        yield f"`{name}`: {counted(count, 'value')} {said} were converted to `{spec.unit}`."
