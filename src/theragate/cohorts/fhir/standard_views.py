"""Views for what is asked most, in the form of any other ViewDefinition.

Their columns have the names that a recipe looks for: ``patient`` and ``time``, the ``system`` and ``code`` of what
happened, its ``value``, ``unit`` and ``comparator``.
"""

from typing import Any

__all__ = ["VIEWS"]


def _columns(**paths: str) -> list[dict[str, Any]]:
    return [{"name": name, "path": path} for name, path in paths.items()]


def _events(resource: str, *, time: str, code: str, where: tuple[str, ...] = (), **columns: str) -> dict[str, Any]:
    """Return a view of what happened: a row for each code."""
    return {
        "resourceType": "ViewDefinition",
        "resource": resource,
        "status": "active",
        "where": [{"path": path} for path in where],
        "select": [
            {"column": _columns(patient="subject.getReferenceKey(Patient)", time=time, **columns)},
            {"forEachOrNull": code, "column": _columns(system="system", code="code")},
        ],
    }


_VALUE = {
    "value": "(value.ofType(Quantity).value | value.ofType(integer)).first()",
    "unit": "(value.ofType(Quantity).code | value.ofType(Quantity).unit).first()",
    "comparator": "value.ofType(Quantity).comparator",
    "text": "(value.ofType(CodeableConcept).coding.code | value.ofType(CodeableConcept).text | "
    "value.ofType(string)).first()",
    "truth": "value.ofType(boolean)",
}

VIEWS: dict[str, dict[str, Any]] = {
    "patients": {
        "resourceType": "ViewDefinition",
        "resource": "Patient",
        "status": "active",
        "select": [
            {
                "column": [
                    {"name": "patient", "path": "getResourceKey()", "type": "id"},
                    {"name": "gender", "path": "gender", "type": "code"},
                    {"name": "birth_date", "path": "birthDate", "type": "date"},
                ]
            }
        ],
    },
    "deaths": {
        "resourceType": "ViewDefinition",
        "resource": "Patient",
        "status": "active",
        "where": [{"path": "deceased.ofType(dateTime).exists() or deceased.ofType(boolean) = true"}],
        "select": [{"column": _columns(patient="getResourceKey()", time="deceased.ofType(dateTime)")}],
    },
    "observations": {
        "resourceType": "ViewDefinition",
        "resource": "Observation",
        "status": "active",
        "where": [{"path": "status.where($this = 'cancelled').empty()"}],
        "select": [
            {
                "column": _columns(
                    patient="subject.getReferenceKey(Patient)",
                    time="(effective.ofType(dateTime) | effective.ofType(Period).start | effective.ofType(instant))"
                    ".first()",
                )
            },
            {
                "unionAll": [
                    {
                        "column": _columns(**_VALUE),
                        "select": [{"forEach": "code.coding", "column": _columns(system="system", code="code")}],
                    },
                    {
                        "forEach": "component",
                        "column": _columns(**_VALUE),
                        "select": [{"forEach": "code.coding", "column": _columns(system="system", code="code")}],
                    },
                ]
            },
        ],
    },
    "conditions": _events(
        "Condition",
        time="(onset.ofType(dateTime) | onset.ofType(Period).start | recordedDate).first()",
        code="code.coding",
        where=("verificationStatus.coding.where(code = 'refuted').empty()",),
    ),
    "encounters": _events(
        "Encounter",
        time="period.start",
        code="class",
        where=("status.where($this = 'cancelled' or $this = 'planned').empty()",),
        end="period.end",
    ),
    "medication_requests": _events(
        "MedicationRequest",
        time="authoredOn",
        code="medication.ofType(CodeableConcept).coding",
        where=(
            "status.where($this = 'cancelled' or $this = 'draft').empty()",
            "doNotPerform.where($this = true).empty()",
        ),
    ),
    "procedures": _events(
        "Procedure",
        time="(performed.ofType(dateTime) | performed.ofType(Period).start).first()",
        code="code.coding",
        where=("status.where($this = 'not-done' or $this = 'preparation').empty()",),
    ),
}
