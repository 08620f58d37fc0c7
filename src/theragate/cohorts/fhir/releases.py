"""By what a resource of another release of FHIR than R4 is known.

The records of an export do not say their release. How elements are called, and of what type they are, tells
others apart where it matters here; from the pages of each resource in DSTU 2, STU 3, R4 and R5, section "Differences".
"""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["another_release"]

_OLD, _OLDER, _NEW = "STU 3", "DSTU 2 and STU 3", "R5"

# Types that R4 does not have.
_TYPES = {
    "BodySite": "DSTU 2 and STU 3",
    "DeviceUseRequest": "DSTU 2",
    "DiagnosticOrder": "DSTU 2",
    "MedicationOrder": "DSTU 2",
    "NutritionIntake": _NEW,
    "ProcedureRequest": _OLDER,
    "ReferralRequest": _OLDER,
}


def _has(_value: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


# Of each type: an element that R4 does not have, or not so; how that is seen; where it is so.
_ELEMENTS: Mapping[str, tuple[tuple[str, Callable[[Any], bool], str], ...]] = {
    "AllergyIntolerance": (("clinicalStatus", _is_text, _OLDER), ("verificationStatus", _is_text, _OLD)),
    "Condition": (
        ("clinicalStatus", _is_text, _OLDER),
        ("verificationStatus", _is_text, _OLDER),
        ("context", _has, _OLD),
        ("participant", _has, _NEW),
    ),
    "Encounter": (
        ("class", _is_list, _NEW),
        ("class", _is_text, "DSTU 2"),
        ("actualPeriod", _has, _NEW),
        ("admission", _has, _NEW),
        ("reason", _has, "DSTU 2, STU 3 and R5"),
    ),
    "MedicationRequest": (("medication", _has, _NEW), ("context", _has, _OLD)),
    "MedicationStatement": (("medication", _has, _NEW), ("taken", _has, _OLD), ("wasNotTaken", _has, "DSTU 2")),
    "Observation": (("context", _has, _OLD), ("related", _has, _OLDER), ("comments", _has, "DSTU 2")),
    "Patient": (("animal", _has, _OLDER), ("careProvider", _has, "DSTU 2")),
    "Procedure": (
        ("context", _has, _OLD),
        ("notDone", _has, _OLD),
        ("notPerformed", _has, "DSTU 2"),
        ("occurrenceDateTime", _has, _NEW),
        ("occurrencePeriod", _has, _NEW),
        ("reported", _has, "DSTU 2"),
    ),
}


def another_release(resource: Mapping[str, Any]) -> str | None:
    """Return by what a resource is of another release than R4, and of which; None where it may be of R4.

    The answer names types and elements, never a value of a patient's.
    """
    kind = resource["resourceType"]
    if kind in _TYPES:
        return f"a resource `{kind}`, which {_TYPES[kind]} has and R4 has not"
    if kind == "CapabilityStatement" and not str(resource.get("fhirVersion", "4.")).startswith("4."):
        return "a `CapabilityStatement` of another `fhirVersion`"
    for name, tells, release in _ELEMENTS.get(kind, ()):
        if name in resource and tells(resource[name]):
            return f"`{kind}.{name}` as in {release}"
    return None
