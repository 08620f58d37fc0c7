"""The world ``nuclei``: fields of cell nuclei, as a microscope sees them, of patients who do not exist.

What tells malignant from benign is the size of the nuclei, how irregular their outlines are and how coarse their
chromatin is: qualities that Wolberg, Street and Mangasarian measured (Cancer Lett 1994;77:163). Each patient has a
degree of each, each nucleus its own around it, and the log odds of malignancy are their weighted sum, so that the best
possible AUROC is known. Two scanners, one at each site, differ in pixels, gain, blur and noise, and the outcome knows
nothing of it.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SITES", "Field", "Patient", "draw_field", "draw_patient"]

SITES = ("north", "south")

_SHARE_SOUTH = 0.4
_CORRELATION = 0.3  # between the three degrees
_WEIGHTS = np.array([1.25, 1.0, 1.0])  # of size, irregularity and chromatin in the log odds
_STRENGTH, _INTERCEPT = 1.24, -0.8
_FIELD = 0.128  # mm, each side
_NUCLEI, _TRIES = 12, 400
_BACKGROUND, _NUCLEUS = 3000.0, 1500.0  # grey values of a perfect scanner
_HARMONICS = np.arange(2, 7)
_GRAIN = 0.0009  # mm, of chromatin

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scanner:
    """What a scanner does to a field: the side of its pixels and its blur in mm, its gain, and the noise it adds."""

    name: str
    pixel_mm: float
    gain: float
    blur_mm: float
    noise: float


_SCANNERS = {"north": Scanner("SIMULATED A", 0.0005, 1.0, 0.0004, 40.0)} | {
    "south": Scanner("SIMULATED B", 0.0004, 1.15, 0.0007, 70.0)
}


@dataclass(frozen=True)
class Patient:
    """Who is drawn: the degrees of size, irregularity and chromatin, the risk that follows, and what is known."""

    degrees: Floats
    risk: float
    diagnosis: str
    site: str
    age: float

    @property
    def columns(self) -> dict[str, str | float]:
        """What the manifest of such patients says."""
        return {"diagnosis": self.diagnosis, "site": self.site, "age": self.age}


@dataclass(frozen=True)
class Field:
    """An image and its mask, each the bytes of a DICOM file."""

    image: bytes
    mask: bytes


def draw_patient(seed: int, place: int) -> Patient:
    """Draw the patient at a place, from 0: the same for any number of patients."""
    random = _stream(seed, place, 0)
    shared = random.standard_normal()
    degrees = np.sqrt(_CORRELATION) * shared + np.sqrt(1 - _CORRELATION) * random.standard_normal(3)
    risk = float(1 / (1 + np.exp(-(_INTERCEPT + _STRENGTH * float(_WEIGHTS @ degrees)))))
    diagnosis = "malignant" if random.random() < risk else "benign"
    site = SITES[int(random.random() < _SHARE_SOUTH)]
    return Patient(degrees, risk, diagnosis, site, float(np.clip(np.round(random.normal(55, 12)), 25, 89)))


def draw_field(seed: int, place: int, *, patient: Patient | None = None, patient_id: str | None = None) -> Field:
    """Draw the image of a patient and the mask of its nuclei, as DICOM files that say SIMULATED.

    Parameters
    ----------
    seed, place
        Of the world, and of the patient in it.
    patient
        Whose degrees and site are drawn, where another world knows the patient; by default the one of `draw_patient`.
    patient_id
        The PatientID in the headers; by default one that says SIMULATED, too.
    """
    patient = patient or draw_patient(seed, place)
    patient_id = patient_id or f"SIMULATED-{seed}-{place + 1}"
    scanner, random = _SCANNERS[patient.site], _stream(seed, place, 1)
    side = round(_FIELD / scanner.pixel_mm)
    labels = np.zeros((side, side), dtype=np.uint8)
    scene = np.full((side, side), _BACKGROUND) + 60 * _grain(side, 6 * _GRAIN / scanner.pixel_mm, random)
    chromatin = _grain(side, _GRAIN / scanner.pixel_mm, random)
    for number, (row, column, radius) in enumerate(_placed(patient, random), start=1):
        rows, columns, inside = _outline(row, column, radius, patient.degrees[1], scanner, side, random)
        coarse = 0.10 * np.exp(0.35 * patient.degrees[2] + 0.2 * random.standard_normal())
        stain = _NUCLEUS * np.exp(0.06 * random.standard_normal())
        part = stain * (1 + coarse * chromatin[rows, columns])
        scene[rows, columns][inside] = part[inside]
        labels[rows, columns][inside] = number
    return Field(
        _dicom(_scanned(scene, scanner, random), scanner, patient_id, _uids(seed, place, "image")),
        _dicom(labels, scanner, patient_id, _uids(seed, place, "mask")),
    )


def _placed(patient: Patient, random: np.random.Generator) -> list[tuple[float, float, float]]:
    """Place nuclei that neither touch nor leave the field; return rows, columns and radii in mm."""
    placed: list[tuple[float, float, float]] = []
    for _ in range(_TRIES):
        size = 0.14 * patient.degrees[0] + 0.14 * random.standard_normal()
        radius = float(np.clip(0.0065 * np.exp(size), 0.003, 0.016))
        row, column = random.uniform(1.5 * radius, _FIELD - 1.5 * radius, 2)
        if all(np.hypot(row - y, column - x) > 1.35 * (radius + other) for y, x, other in placed):
            placed.append((float(row), float(column), radius))
        if len(placed) == _NUCLEI:
            break
    return placed


def _outline(
    row: float,
    column: float,
    radius: float,
    irregularity: float,
    scanner: Scanner,
    side: int,
    random: np.random.Generator,
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Return the window of a nucleus, and which of its pixels are inside."""
    height = 0.045 * np.exp(0.4 * irregularity + 0.25 * random.standard_normal())
    waves = height * random.standard_normal(len(_HARMONICS)) / np.sqrt(_HARMONICS)
    phases = random.uniform(0, 2 * np.pi, len(_HARMONICS))
    reach = int(np.ceil(1.5 * radius / scanner.pixel_mm))
    middle = (int(row / scanner.pixel_mm), int(column / scanner.pixel_mm))
    windows = [slice(max(at - reach, 0), min(at + reach + 1, side)) for at in middle]
    down, right = (
        (np.arange(window.start, window.stop) + 0.5) * scanner.pixel_mm - at
        for window, at in zip(windows, (row, column), strict=True)
    )
    angle = np.arctan2(down[:, None], right[None])
    edge = 1 + np.cos(_HARMONICS[:, None, None] * angle + phases[:, None, None]).T @ waves
    return windows[0], windows[1], np.hypot(down[:, None], right[None]) < radius * np.clip(edge.T, 0.6, 1.4)


def _grain(side: int, width: float, random: np.random.Generator) -> Floats:
    """Return smooth noise of mean 0 and deviation 1, whose grains are so many pixels wide."""
    from scipy import ndimage

    drawn = ndimage.gaussian_filter(random.standard_normal((side, side)), width, mode="wrap")
    return np.asarray(drawn / drawn.std())


def _scanned(scene: Floats, scanner: Scanner, random: np.random.Generator) -> NDArray[np.uint16]:
    from scipy import ndimage

    blurred = ndimage.gaussian_filter(scene, scanner.blur_mm / scanner.pixel_mm)
    noisy = scanner.gain * blurred + scanner.noise * random.standard_normal(scene.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 4095), dtype=np.uint16)


def _dicom(pixels: NDArray[Any], scanner: Scanner, patient_id: str, uids: tuple[str, str, str]) -> bytes:
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = uids
    data.PatientName, data.PatientID = "SIMULATED", patient_id
    data.Modality, data.Manufacturer, data.ManufacturerModelName = "GM", "SIMULATED", scanner.name
    data.ImageComments = "SIMULATED: this patient does not exist."
    data.BurnedInAnnotation = "NO"
    data.PixelSpacing = [scanner.pixel_mm, scanner.pixel_mm]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    data.BitsAllocated, data.BitsStored, data.PixelRepresentation = bits, min(bits, 12), 0
    data.HighBit = data.BitsStored - 1
    data.PixelData = pixels.tobytes()
    if len(data.PixelData) % 2:
        data.PixelData += b"\0"
    written = io.BytesIO()
    pydicom.dcmwrite(written, data, enforce_file_format=True)
    return written.getvalue()


def _uids(seed: int, place: int, kind: str) -> tuple[str, str, str]:
    """Return the UIDs of study, series and instance."""
    return _uid(seed, place, "study"), _uid(seed, place, f"{kind} series"), _uid(seed, place, kind)


def _uid(seed: int, place: int, kind: str) -> str:
    """Return a UID from a number of 128 bits (ISO/IEC 9834-8), the same for the same patient."""
    drawn = hashlib.sha256(f"theragate nuclei {seed} {place} {kind}".encode()).digest()[:16]
    return f"2.25.{int.from_bytes(drawn)}"


def _stream(seed: int, place: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, place, part]))
