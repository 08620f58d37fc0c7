"""Which kind of file it is, by its first bytes; PNG and TIFF."""

import io
import warnings

import numpy as np

from theragate.cohorts.images.dicom import is_dicom, read_dicom
from theragate.cohorts.images.picture import Picture, check_size
from theragate.cohorts.images.refused import Refused

__all__ = ["read_picture"]

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_GREY, _COLOUR = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"), ("RGB",)


def read_picture(content: bytes) -> Picture:
    """Read an image or a mask.

    Raises
    ------
    Refused
        If it is neither DICOM, PNG nor TIFF, or breaks a rule of its kind.
    """
    if is_dicom(content):
        return read_dicom(content)
    if content.startswith((_PNG, *_TIFF)):
        return _read_plain(content)
    raise Refused(
        "it is a DICOM file (part 10), or PNG or TIFF",
        received="an empty file" if not content else "a file that begins otherwise",
        remedy="Name an image; a DICOM file begins with 128 bytes and `DICM`.",
    )


def _read_plain(content: bytes) -> Picture:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's about size, which is checked here
            with Image.open(io.BytesIO(content), formats=("PNG", "TIFF")) as picture:
                frames = int(getattr(picture, "n_frames", 1))
                check_size(picture.height, picture.width)
                mode = picture.mode
                stored = np.asarray(picture) if frames == 1 else np.zeros((1, 1))
    except (Refused, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a broken picture raises anything
        raise Refused(
            "it is a whole PNG or TIFF",
            received=f"a broken one, or of a kind that cannot be read ({type(error).__name__})",
            remedy="Export or copy the image again.",
        ) from None
    if frames != 1:
        raise Refused(
            "an image is one frame",
            received=f"{frames:,} pages",
            remedy="Export the page that is measured as a file of its own.",
        )
    if mode not in (*_GREY, *_COLOUR, "P"):
        raise Refused(
            "a picture is grey or RGB, without transparency",
            received=f"Pillow's mode `{mode}`",
            remedy="Export it in grey, without an alpha channel.",
        )
    return Picture(values=np.asarray(stored, dtype=np.float64), stored=stored, palette=mode == "P")
