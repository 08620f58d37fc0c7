"""Images and masks as tests need them: DICOM files by pydicom itself, and folders with a manifest."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from theragate.study import ImagesSource

WORDS = {"citation": "A citation.", "licence": "A licence."}
NAME, BORN = "Lovelace^Ada", "18151210"


def source(**keys: Any) -> ImagesSource:
    return ImagesSource.model_validate({"kind": "images", **WORDS, **keys})


def disk(side: int = 40, radius: float = 10.0, *, at: tuple[float, float] = (20.0, 20.0)) -> NDArray[np.uint8]:
    rows, columns = np.ogrid[:side, :side]
    return ((rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= radius**2).astype(np.uint8)


def scene(seed: int = 1, side: int = 40) -> NDArray[np.uint16]:
    """A bright disk in noise."""
    random = np.random.default_rng(seed)
    return (200 + 400 * disk(side).astype(np.uint16) + random.integers(0, 100, (side, side))).astype(np.uint16)


def dataset(pixels: NDArray[Any], *, patient: str = "17", **headers: Any) -> Dataset:
    """A DICOM image whose header is full of what must never leave it."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.PatientName, data.PatientID, data.PatientBirthDate = NAME, patient, BORN
    data.StudyDate, data.InstitutionName = "20240131", "Ward of " + NAME
    data.Modality, data.Manufacturer, data.ManufacturerModelName = "CT", "Maker", "Model 1"
    data.PixelSpacing = [0.5, 0.5]
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    data.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    data.BurnedInAnnotation = "NO"
    for name, value in headers.items():
        if value is None:
            del data[name]
        else:
            setattr(data, name, value)
    return data


def written(data: Dataset) -> bytes:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def dicom(pixels: NDArray[Any], **headers: Any) -> bytes:
    return written(dataset(pixels, **headers))


def png(pixels: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def tiff(*pages: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    first, *others = map(Image.fromarray, pages)
    first.save(stream, "TIFF", save_all=True, append_images=others)
    return stream.getvalue()


def folder_of(root: Path, patients: int = 3, *, study: str = "s") -> Path:
    """Write ``sources/<study>/images`` with a manifest; every image has its mask beside it."""
    folder = root / "sources" / study / "images"
    folder.mkdir(parents=True)
    lines = ["patient,image,mask,site,age,outcome"]
    for number in range(1, patients + 1):
        (folder / f"a{number}.dcm").write_bytes(dicom(scene(number), patient=f"00{number}"))
        (folder / f"a{number}-mask.png").write_bytes(png(disk(radius=6.0 + number % 5)))
        lines.append(f"00{number},a{number}.dcm,a{number}-mask.png,{'NS'[number % 2]},{50 + number},{number % 2}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
