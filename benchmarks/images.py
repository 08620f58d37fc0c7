"""What it costs to measure images, and to find again what was measured."""

import tempfile
import time
from pathlib import Path

from theragate.cohorts.images.nuclei import draw_field, draw_patient
from theragate.cohorts.sources import read_source
from theragate.study import ImagesSource

IMAGES = 200


def images() -> dict[str, float]:
    """Measure fields of twelve nuclei in this process, and read them again: milliseconds an image, and the ratio."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        _write(root / "sources" / "nuclei" / "images")
        spec = ImagesSource(
            kind="images",
            objects="each",
            text=("diagnosis",),
            citation="SIMULATED: the world of nuclei.",
            licence="None needed.",
        )
        seconds = []
        for _ in range(2):
            start = time.process_time()
            read_source(spec, root, study="nuclei")
            seconds.append((time.process_time() - start) / IMAGES)
    measured, kept = seconds
    return {"image_cpu_milliseconds": 1000 * measured, "image_kept_ratio": measured / kept}


def _write(folder: Path) -> None:
    folder.mkdir(parents=True)
    lines = ["patient,image,mask,diagnosis"]
    for place in range(IMAGES):
        field, patient = draw_field(1, place), draw_patient(1, place)
        (folder / f"{place}.dcm").write_bytes(field.image)
        (folder / f"{place}-mask.dcm").write_bytes(field.mask)
        lines.append(f"{place},{place}.dcm,{place}-mask.dcm,{patient.diagnosis}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
