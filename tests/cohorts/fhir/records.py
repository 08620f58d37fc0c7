"""Records of a few patients in FHIR R4, written out as a server exports them."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LOINC, ICD, UCUM = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10", "http://unitsofmeasure.org"
CREATININE, PRESSURE, SYSTOLIC, SMOKING = "2160-0", "85354-9", "8480-6", "72166-2"


def patient(key: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": key, "gender": "female", "birthDate": "1950-06-15"} | more


def _of(kind: str, key: str, who: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": key, "subject": {"reference": f"Patient/{who}"}} | more


def concept(system: str, code: str, *others: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": each, "code": one} for each, one in ((system, code), *others)]}


def quantity(value: float, unit: str | None = "mg/dL", **more: Any) -> dict[str, Any]:
    said = {"unit": unit, "code": unit, "system": UCUM} if unit is not None else {}
    return {"value": value} | said | more


def observation(key: str, who: str, code: str, day: str, value: Any, **more: Any) -> dict[str, Any]:
    values = value if value is None or isinstance(value, dict) else quantity(value)
    content = {"status": "final", "code": concept(LOINC, code), "effectiveDateTime": day, "valueQuantity": values}
    return _of("Observation", key, who, **(content | more))


def pressure(key: str, who: str, day: str, systolic: float, diastolic: float) -> dict[str, Any]:
    parts = [
        {"code": concept(LOINC, code), "valueQuantity": quantity(value, "mm[Hg]")}
        for code, value in ((SYSTOLIC, systolic), ("8462-4", diastolic))
    ]
    content = {"status": "final", "code": concept(LOINC, PRESSURE), "effectiveDateTime": day, "component": parts}
    return _of("Observation", key, who, **content)


def encounter(key: str, who: str, day: str, *, kind: str = "IMP", **more: Any) -> dict[str, Any]:
    content = {"status": "finished", "class": {"system": "http://x/act", "code": kind}, "period": {"start": day}}
    return _of("Encounter", key, who, **(content | more))


def condition(key: str, who: str, code: str, day: str, **more: Any) -> dict[str, Any]:
    return _of("Condition", key, who, code=concept(ICD, code), onsetDateTime=day, **more)


def write(folder: Path, **files: Iterable[Any]) -> Path:
    """Write a file of NDJSON for each argument: ``Observation_1=[…]``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, resources in files.items():
        lines = [json.dumps(each) for each in resources]
        (folder / f"{name.replace('_', '.')}.ndjson").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return folder


def pack(path: Path) -> Path:
    """Pack a file by gzip, in its place."""
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    return packed


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]} | more
