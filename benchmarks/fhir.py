"""An export of FHIR of a million resources, read into a row a patient: time and memory in a process of its own."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json

from theragate.cohorts.sources import read_source
from theragate.study import FhirColumn, FhirIndex, FhirSource, Window

ROOT = Path(__file__).resolve().parents[1]
RESOURCES, EACH = 1_000_000, 40  # resources in all, and of each patient
LOINC, CLASSES = "http://loinc.org", "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LABS = {"2160-0": "mg/dL", "718-7": "g/dL", "2345-7": "mg/dL", "2951-2": "mmol/L", "1988-5": "mg/L"}
YEAR = Window(first_day=-365, last_day=0)
UCUM = "http://unitsofmeasure.org"


def fhir_export() -> dict[str, float]:
    """Read five laboratory values, blood pressure and two counts of 25,000 patients from 40 resources each.

    Beside the seconds of the processor stands how often a JSON parser alone could have read the same lines meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = write_export(Path(folder) / "sources" / "s" / "export", RESOURCES // EACH)
        command = [sys.executable, "-m", "benchmarks.fhir", folder]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    million = written / 1_000_000
    return {
        "fhir_million_cpu_seconds": found["cpu_seconds"] / million,
        "fhir_million_mib": found["mib"],
        "fhir_over_json": found["cpu_seconds"] / found["json_cpu_seconds"],
    }


def write_export(folder: Path, patients: int, *, seed: int = 0) -> int:
    """Write records of so many patients, 40 for each; return how many resources there are."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    kinds = {"Patient": _patient, "Encounter": _encounters, "Condition": _conditions, "Observation": _observations}
    total = 0
    for kind, make in kinds.items():
        with (folder / f"{kind}.ndjson").open("w", encoding="utf-8") as file:
            for number in range(patients):
                for each in make(number, random):
                    file.write(json.dumps(each, separators=(",", ":")) + "\n")
                    total += 1
    return total


def _patient(number: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    yield {
        "resourceType": "Patient",
        "id": f"patient-{number:08d}",
        "meta": {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z"},
        "name": [{"use": "official", "family": "Nobody", "given": ["At", "All"]}],
        "gender": "female" if random.random() < 0.5 else "male",
        "birthDate": f"{random.integers(1930, 2000)}-0{random.integers(1, 9)}-1{random.integers(0, 9)}",
        "address": [{"line": ["1 No Street"], "city": "Nowhere", "country": "XX"}],
    }


def _of(kind: str, number: int, at: int) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "id": f"{kind.lower()}-{number:08d}-{at:03d}",
        "meta": {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z"},
        "subject": {"reference": f"Patient/patient-{number:08d}"},
    }


def _encounters(number: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    for at in range(3):
        day = f"2023-{random.integers(1, 10):02d}-{random.integers(1, 28):02d}"
        yield _of("Encounter", number, at) | {
            "status": "finished",
            "class": {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                "code": "IMP" if at == 0 else "AMB",
            },
            "period": {"start": f"{day}T08:00:00+01:00", "end": f"{day}T17:00:00+01:00"},
        }


def _conditions(number: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    for at in range(4):
        code = str(random.choice(["E11.9", "I10", "N18.3", "J44.9", "C50.9"]))
        yield _of("Condition", number, at) | {
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "verificationStatus": {"coding": [{"code": "confirmed"}]},
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": code}], "text": "a diagnosis"},
            "onsetDateTime": f"20{random.integers(10, 23)}-05-01",
        }


def _observations(number: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    for at in range(EACH - 8):
        day = f"202{random.integers(2, 4)}-{random.integers(1, 13):02d}-{random.integers(1, 29):02d}"
        content = _of("Observation", number, at) | {
            "status": "final",
            "category": [{"coding": [{"system": "http://x/category", "code": "laboratory", "display": "Laboratory"}]}],
            "effectiveDateTime": f"{day}T09:30:00+01:00",
            "issued": f"{day}T11:30:00.000+01:00",
        }
        if at % 8 == 0:
            parts = [(code, _quantity(float(random.integers(60, 180)), "mm[Hg]")) for code in ("8480-6", "8462-4")]
            content["code"] = {"coding": [{"system": LOINC, "code": "85354-9", "display": "Blood pressure"}]}
            content["component"] = [
                {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": value} for code, value in parts
            ]
        else:
            code = str(random.choice([*LABS, "4548-4", "6690-2", "777-3"]))
            content["code"] = {"coding": [{"system": LOINC, "code": code, "display": "A value"}], "text": "A value"}
            content["valueQuantity"] = _quantity(round(float(random.uniform(0.5, 150)), 2), LABS.get(code, "1"))
        yield content


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def recipe() -> FhirSource:
    """Return how a row is made of these records."""
    columns = {
        f"lab_{code.replace('-', '_')}": FhirColumn(
            view="observations", codes=(f"{LOINC}|{code}",), take="last", window=YEAR, unit=unit
        )
        for code, unit in LABS.items()
    }
    pressure = {"view": "observations", "codes": (f"{LOINC}|8480-6",), "window": YEAR, "unit": "mm[Hg]"}
    columns["systolic"] = FhirColumn(take="mean", **pressure)
    columns["diabetes"] = FhirColumn(view="conditions", codes=("http://hl7.org/fhir/sid/icd-10|E11*",), take="exists")
    columns["visits"] = FhirColumn(view="encounters", take="count", window=YEAR)
    index = FhirIndex(view="encounters", codes=(f"{CLASSES}|IMP",))
    return FhirSource(
        kind="fhir", path="export", citation="Drawn.", licence="None needed.", index=index, columns=columns
    )


def main(root: Path) -> None:
    """Read the export below a folder, and its lines by a JSON parser alone; print what each took."""
    lines = 0
    start = time.process_time()
    for path in sorted((root / "sources" / "s" / "export").iterdir()):
        with path.open("rb") as file:
            for line in file:
                lines += bool(from_json(line))
    parsed = time.process_time() - start
    start = time.process_time()
    frame = read_source(recipe(), root, study="s").frame
    seconds = time.process_time() - start
    if len(frame) * EACH != lines or frame["systolic"].isna().all():
        raise RuntimeError("the export was not read whole")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_seconds": seconds, "json_cpu_seconds": parsed, "mib": mib}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
