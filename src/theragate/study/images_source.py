"""Diagnostic images with outlines, of which a recipe makes numbers: the source of the kind ``images``."""

import operator
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from theragate.study.origins import Digest, PathBelow, RecordsSource
from theragate.study.spec import Sentence, Spec

__all__ = [
    "HEADERS",
    "Embedding",
    "ImagesSource",
    "Resampling",
    "Segmentation",
    "Shown",
    "SimulatedImages",
    "Texture",
]

# What may be taken from a DICOM header, and nothing else: the column of the cohort, and DICOM's keyword.
HEADERS: dict[str, str] = {
    "modality": "Modality",
    "manufacturer": "Manufacturer",
    "scanner": "ManufacturerModelName",
    "body_part": "BodyPartExamined",
    "laterality": "Laterality",
    "view": "ViewPosition",
    "kernel": "ConvolutionKernel",
    "lossy": "LossyImageCompression",
    "bits": "BitsStored",
    "slice_thickness_mm": "SliceThickness",
    "tube_voltage_kv": "KVP",
    "field_strength_tesla": "MagneticFieldStrength",
    "echo_time_ms": "EchoTime",
    "repetition_time_ms": "RepetitionTime",
}
Header = Literal[
    "modality",
    "manufacturer",
    "scanner",
    "body_part",
    "laterality",
    "view",
    "kernel",
    "lossy",
    "bits",
    "slice_thickness_mm",
    "tube_voltage_kv",
    "field_strength_tesla",
    "echo_time_ms",
    "repetition_time_ms",
]
Measured = Literal["shape", "intensity", "texture", "ibsi"]
Millimetres = Annotated[float, Field(gt=0, lt=100)]
_NAME = "{name}"
_FOLDER = "images"


def _rule(text: str) -> str:
    path = PurePosixPath(text)
    if text.count(_NAME) != 1 or text == _NAME or ".." in path.parts or path.is_absolute() or "\\" in text:
        raise ValueError("a mask is named after its image, as in `{name}-mask.dcm`, where {name} is without its ending")
    return text


class Segmentation(Spec):
    """How an image without a mask is outlined: a threshold by Otsu, then an opening by a disk."""

    method: Literal["otsu"]
    bright: bool = Field(description="whether what is outlined is brighter than what is around it")
    opening_mm: Millimetres = Field(description="the radius of the disk; what is narrower than it is left out")
    reason: Sentence


class Resampling(Spec):
    """The side of the square pixels that all images are brought to before they are measured, and why."""

    pixel_mm: Millimetres
    reason: Sentence


class Texture(Spec):
    """How grey values are counted for texture: in so many levels between the least and the largest of an object."""

    levels: Annotated[int, Field(ge=4, le=256)] = 32
    distance: Annotated[int, Field(ge=1, le=16)] = Field(default=1, description="in pixels, after any resampling")


class Embedding(Spec):
    """A network of the user's own, of whose answer each number is a feature; it is the file of that digest or none."""

    model: PathBelow = Field(description="an ONNX file, below sources/<study>/")
    sha256: Digest
    size: Annotated[int, Field(ge=8, le=2048)] = Field(description="the side in pixels of the square that it is shown")
    window: tuple[float, float] = Field(description="the values of the image that become 0 and 1")
    mean: tuple[float, ...] = Field(default=(0.0,), description="subtracted from each channel; one for all or three")
    deviation: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(1.0,), description="by which it is divided")
    margin: Annotated[float, Field(ge=0, le=2)] = Field(
        default=0.1, description="how much is shown around the outline, as a share of its longer side"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window[0] >= self.window[1]:
            raise ValueError("`window` names the smaller value first")
        if {len(self.mean), len(self.deviation)} - {1, 3}:
            raise ValueError("`mean` and `deviation` have one number, or three")
        return self


class Shown(Spec):
    """Why pictures of these patients may be shown to whoever reads the study's report."""

    reason: Sentence


class SimulatedImages(Spec):
    """Images that are drawn from a world whose truth is known, and go through the bytes of DICOM files like others."""

    world: Literal["nuclei"]
    patients: Annotated[int, Field(ge=50, le=100_000)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]


class ImagesSource(RecordsSource):
    """A folder of images with their masks, and a CSV file that says whose they are; a row a patient of features.

    ``path`` is the folder. Each line of ``manifest`` in it names a patient (``id``), the path of an image below the
    folder (``image``), that of a mask (``mask``, unless ``masks`` says how it is called), and what else is kept.
    """

    endings: ClassVar[tuple[str, ...]] = (".dcm", ".dicom", ".ima", ".png", ".tif", ".tiff")

    kind: Literal["images"]
    path: PathBelow = Field(default=_FOLDER, description="the folder of the images, below sources/<study>/")
    simulated: SimulatedImages | None = Field(default=None, exclude_if=operator.not_)
    manifest: PathBelow = Field(default="manifest.csv", description="the table in that folder")
    id: str = Field(default="patient", description="the column of the manifest that names a patient")
    numbers: tuple[str, ...] = Field(default=(), description="columns of the manifest to keep, of numbers")
    text: tuple[str, ...] = Field(default=(), description="columns of the manifest to keep, of codes or words")
    missing: tuple[str, ...] = Field(default=(), description="cells of these which mean that nothing is known")
    headers: tuple[Header, ...] = Field(default=("modality",), description="what is kept of a DICOM header")
    masks: Annotated[str, AfterValidator(_rule)] | None = Field(
        default=None, description="how the mask of an image is called, such as `{name}-mask.dcm`"
    )
    segmentation: Segmentation | None = Field(default=None, exclude_if=operator.not_)
    objects: Literal["one", "each"] = Field(
        default="one",
        description="whether the mask outlines one object, or several (cells), of which means, deviations and the mean "
        "of the three largest are taken",
    )
    features: tuple[Measured, ...] = Field(default=("shape", "intensity", "texture"))
    texture: Texture = Texture()
    embedding: Embedding | None = Field(default=None, exclude_if=operator.not_)
    resampling: Resampling | None = Field(default=None, exclude_if=operator.not_)
    pixel_mm: tuple[Millimetres, Millimetres] | None = Field(
        default=None, description="height and width of a pixel, where a file does not say it (PNG and TIFF never do)"
    )
    colour: Literal["luminance"] | None = Field(
        default=None, description="what is taken of images in colour; without it they are refused"
    )
    shown: Shown | None = Field(default=None, exclude_if=operator.not_)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.simulated and "path" in self.model_fields_set and self.path != _FOLDER:
            raise ValueError("`simulated` draws the images, so that there is no `path`")
        if self.masks and self.segmentation:
            raise ValueError("either `masks` says how masks are called, or `segmentation` how an outline is drawn")
        if not self.features and self.embedding is None:
            raise ValueError("something is measured: `features`, an `embedding`, or both")
        if "ibsi" in self.features and self.objects == "each":
            raise ValueError("`ibsi` is computed of one object (`objects: one`)")
        names = [self.id, "image", "mask", *self.numbers, *self.text]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"`{twice}` is one column, and kept once")
        return self

    def takes(self, path: Path) -> bool:
        """Return whether these are images: a folder, or a file by its ending; DICOM files often have none."""
        return super().takes(path) or not path.suffix

    def at(self, path: str) -> Self:
        """Return the same recipe for images that lie elsewhere, which are real."""
        return self.model_copy(update={"path": path, "simulated": None})
