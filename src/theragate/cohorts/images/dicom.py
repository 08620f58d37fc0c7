"""DICOM files: pixels as physical values, headers by an allow-list, and a refusal for whatever else is in the way."""

import hashlib
import io
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theragate.cohorts.images.picture import Picture, check_size
from theragate.cohorts.images.refused import Refused
from theragate.study import HEADERS

__all__ = ["is_dicom", "read_dicom"]

_NUMBERS = {name for name in HEADERS if name.endswith(("_mm", "_kv", "_tesla", "_ms")) or name == "bits"}
_LONGEST = 64  # characters of a header
_OWNER = {"patient": "PatientID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}
_GREY, _COLOUR = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_DIRECTORY = "1.2.840.10008.1.3.10"


def is_dicom(content: bytes) -> bool:
    """Return whether a file says that it is DICOM."""
    return content[128:132] == b"DICM"


def read_dicom(content: bytes) -> Picture:
    """Read one image from the bytes of a DICOM file.

    Pixels become physical values by the rescale slope and intercept or the modality LUT of the file (Hounsfield units
    of a CT); MONOCHROME1, in which less is brighter, is turned round. Only what stands in `HEADERS` is taken of the
    header.

    Raises
    ------
    Refused
        If it is no image of one frame, text may be burned into it, it is compressed as nothing here can read, or it
        is broken; no word of its header is repeated.
    """
    with _quiet():
        try:
            return _read(content)
        except (Refused, ImportError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - a broken header raises anything, and its words may name a patient
            raise _broken(type(error).__name__) from None


def _read(content: bytes) -> Picture:
    import pydicom
    from pydicom.pixels.utils import pixel_array

    dataset = pydicom.dcmread(io.BytesIO(content))
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    _check_image(dataset)
    check_size(int(dataset.Rows), int(dataset.Columns))
    _check_readable(syntax)
    try:
        stored = pixel_array(dataset)
    except Exception as error:
        if not syntax.is_compressed:
            raise
        raise _undecodable(syntax.name, type(error).__name__) from None
    annotation = dataset.get("BurnedInAnnotation")
    return Picture(
        values=_physical(dataset, stored),
        stored=stored,
        pixel_mm=_pixel(dataset),
        padding=_padding(dataset, stored),
        headers={name: _header(dataset, name) for name in HEADERS},
        owner={name: digest for name, keyword in _OWNER.items() if (digest := _digest(dataset.get(keyword)))},
        annotation=str(annotation) if annotation else None,
    )


def _check_image(dataset: Any) -> None:
    """Refuse what is no single image, or may show who the patient is."""
    if dataset.file_meta.get("MediaStorageSOPClassUID") == _DIRECTORY:
        raise Refused("it is an image", received="a DICOMDIR, an index", remedy="Name the images that it lists.")
    if "PixelData" not in dataset or "Rows" not in dataset:
        raise Refused(
            "it is an image",
            received="a DICOM file without whole-number pixels, such as a report or contours",
            remedy="Export the image; draw contours (RTSTRUCT) as a mask of its size.",
        )
    if "DoseGridScaling" in dataset:
        raise Refused(
            "its values are those of an image",
            received="a dose, which is scaled otherwise",
            remedy="Export the image that it was planned on.",
        )
    if str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "YES":
        raise Refused(
            "no text is burned into the pixels, since it may name the patient",
            received="BurnedInAnnotation: YES",
            remedy="Remove the text from the pixels and correct the header, or leave the image out.",
        )
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise Refused(
            "an image is one frame",
            received=f"{frames:,} frames",
            remedy="Export the frame that is measured as a file of its own.",
        )


def _check_readable(syntax: Any) -> None:
    """Refuse a compression for which nothing is installed."""
    from pydicom.pixels.decoders.base import get_decoder

    if syntax is None:
        raise Refused(
            "the header names a transfer syntax", received="none", remedy="Export it as a DICOM file (part 10)."
        )
    if not syntax.is_compressed:
        return
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise _undecodable(syntax.name, "no decoder")


def _undecodable(name: str, why: str) -> Refused:
    return Refused(
        "it is stored uncompressed, or compressed in a way that can be read here",
        received=f"{name} ({why})",
        remedy="Decompress it, such as with `gdcmconv --raw` or `dcmdjpeg`.",
    )


def _broken(why: str) -> Refused:
    return Refused(
        "it is a whole DICOM file", received=f"a broken one ({why})", remedy="Export or copy the image again."
    )


def _physical(dataset: Any, stored: NDArray[Any]) -> NDArray[np.float64]:
    from pydicom.pixels.processing import apply_modality_lut

    interpretation = str(dataset.PhotometricInterpretation)
    if interpretation in _COLOUR:
        return np.asarray(stored, dtype=np.float64)
    if interpretation not in _GREY:
        raise Refused(
            f"an image is one of {', '.join((*_GREY, *_COLOUR))}",
            received="another photometric interpretation",
            remedy="Export it in grey or in RGB.",
        )
    values = np.asarray(stored, dtype=np.float64)
    inverted = interpretation == "MONOCHROME1"
    if inverted:
        bits = int(dataset.BitsStored)
        values = (-1.0 if int(dataset.PixelRepresentation) else 2.0**bits - 1.0) - values
    if dataset.get("ModalityLUTSequence"):
        if inverted:
            raise Refused(
                "a modality LUT belongs to an image in which more is brighter",
                received="MONOCHROME1",
                remedy="Export it as MONOCHROME2.",
            )
        return np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64)
    slope, intercept = (
        float(default if dataset.get(keyword) is None else dataset.get(keyword))
        for keyword, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    if not (math.isfinite(slope) and math.isfinite(intercept) and slope):
        raise Refused(
            "rescale slope and intercept are finite numbers, the slope not 0",
            received="others",
            remedy="Export the image again.",
        )
    return np.asarray(values * slope + intercept)


def _pixel(dataset: Any) -> tuple[float, float] | None:
    """Return the height and width of a pixel in the patient; not those at a detector, behind the patient."""
    spacing = dataset.get("PixelSpacing")
    if not spacing:
        return None
    height, width = float(spacing[0]), float(spacing[1])
    if not (0 < height < math.inf and 0 < width < math.inf):
        raise Refused(
            "the pixel spacing is above 0",
            received="something else",
            remedy="Correct the header, or export the image again.",
        )
    return height, width


def _padding(dataset: Any, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    value = dataset.get("PixelPaddingValue")
    if value is None or stored.ndim != 2:
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((int(value), int(value if limit is None else limit)))
    return np.asarray((stored >= low) & (stored <= high))


def _header(dataset: Any, name: str) -> str | float | None:
    value = dataset.get(HEADERS[name])
    if name in _NUMBERS:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None
        return number if math.isfinite(number) else None
    text = "" if value is None else " ".join(str(value).split())
    return text[:_LONGEST] or None


def _digest(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return hashlib.sha256(text.encode()).hexdigest()[:32] if text else ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Let pydicom neither warn nor log: both repeat values of the header."""
    logger = logging.getLogger("pydicom")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled
