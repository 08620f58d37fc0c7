"""Masks and what they outline."""

import numpy as np
import pytest
from cohorts.images.made import dataset, dicom, disk, png, scene, source, written
from cohorts.images.test_dicom import palette

from theragate.cohorts.images.files import read_picture
from theragate.cohorts.images.outlines import labels_of_mask, objects_of, segmented
from theragate.cohorts.images.refused import Refused
from theragate.study import Segmentation

IMAGE = read_picture(dicom(scene()))


def labels(mask: bytes, *, each: bool = False):
    return labels_of_mask(read_picture(mask), IMAGE, each=each)


def refusal(mask: bytes, *, each: bool = False) -> str:
    with pytest.raises(Refused) as caught:
        labels(mask, each=each)
    return f"{caught.value.rule}; received {caught.value.received}"


@pytest.mark.parametrize("inside", [1, 255])
def test_any_one_value_is_inside(inside):
    np.testing.assert_array_equal(labels(png(disk() * np.uint8(inside))) > 0, disk() > 0)


def test_a_segmentation_of_one_frame_and_a_palette_are_masks():
    bits = dataset(disk(), BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=1)
    bits.PixelData = np.packbits(disk().ravel(), bitorder="little").tobytes()
    np.testing.assert_array_equal(labels(written(bits)), disk())
    np.testing.assert_array_equal(labels(palette(disk())), disk())


def two() -> np.ndarray:
    return disk(radius=5, at=(10, 10)) + disk(radius=6, at=(28, 28))


def test_objects_that_do_not_touch_are_told_apart():
    found = labels(png(two()), each=True)
    assert set(np.unique(found)) == {0, 1, 2}
    numbered = disk(radius=5, at=(10, 10)) * 7 + disk(radius=6, at=(28, 28)) * 200
    np.testing.assert_array_equal(labels(png(numbered.astype(np.uint8)), each=True), found)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (png(disk(side=41)), "a mask has the size of its image; received 41 × 41 pixels, expected 40 × 40"),
        (png(disk() * 0), "a mask outlines something; received an empty one"),
        (png(disk() * 3 + disk(radius=4)), "a mask of one object holds 0 and one other value; received 2 other values"),
        (dicom(disk(), patient="99"), "a mask is of the patient of its image; received another PatientID"),
        (dicom(disk(), PixelSpacing=[0.6, 0.6]), "the pixels of a mask are as large as those of its image"),
        (png(np.stack([disk() * 250, disk() * 3, disk()], axis=2)), "a mask is grey; received one in colours"),
        (dicom(disk().astype(np.int16) * -1), "a mask holds whole numbers from 0"),
    ],
    ids=["size", "empty", "several", "patient", "pixels", "colours", "negative"],
)
def test_a_mask_that_is_none_is_refused(mask, said):
    assert said in refusal(mask)


def test_of_several_objects_those_that_are_cut_off_and_specks_are_left_out():
    mask = two() + disk(radius=6, at=(0, 30))
    mask[38, 5:8] = 1
    found = objects_of(labels(png(mask), each=True), each=True)
    np.testing.assert_array_equal(found > 0, two() > 0)
    with pytest.raises(Refused, match="of several, one lies wholly within"):
        objects_of(labels(png(disk(radius=6, at=(0, 30))), each=True), each=True)
    with pytest.raises(Refused, match="an object has at least 16 pixels"):
        objects_of(labels(png(disk(radius=1))), each=False)


def test_a_declared_threshold_outlines_what_is_bright_and_wide_enough():
    spec = Segmentation(method="otsu", bright=True, opening_mm=1.5, reason="The lesion is brighter.")
    image = IMAGE.values.copy()
    image[2:4, :] = 600.0  # a line as bright, 1 mm wide
    found = segmented(image, spec, 0.5)
    assert not found[2:4].any()
    assert (found > 0).sum() == pytest.approx(disk().sum(), rel=0.05)
    dark = segmented(-image, spec.model_copy(update={"bright": False}), 0.5)
    np.testing.assert_array_equal(dark > 0, found > 0)
    with pytest.raises(Refused, match="the threshold finds something"):
        segmented(image, spec.model_copy(update={"opening_mm": 9.0}), 0.5)
    with pytest.raises(Refused, match="grey values differ"):
        segmented(image * 0, spec, 0.5)


def test_either_a_mask_or_a_threshold_is_declared():
    spec = {"method": "otsu", "bright": True, "opening_mm": 1.0, "reason": "It is bright."}
    with pytest.raises(ValueError, match="either `masks` says"):
        source(masks="{name}-mask.png", segmentation=spec)
    with pytest.raises(ValueError, match="a mask is named after its image"):
        source(masks="mask.png")
