"""Measures against shapes whose truth is known, and against IBSI's digital phantom and its reference values."""

import numpy as np
import pytest
from cohorts.images.made import disk, scene
from skimage.measure import regionprops

from theragate.cohorts.images.measures import intensity_of, measured, shape_of, texture_of
from theragate.cohorts.images.resampled import resampled
from theragate.study import Texture

# The digital phantom of the Image Biomarker Standardisation Initiative (arXiv:1612.07003): four slices
# of grey values; 0 here is outside of its region of interest.
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)


def test_intensities_of_the_phantom_are_the_reference_values():
    found = intensity_of(PHANTOM[PHANTOM > 0].astype(float))
    reference = {"mean": 2.15, "skewness": 1.08, "kurtosis": -0.355, "p10": 1, "median": 1, "p90": 4, "range": 5}
    for name, value in reference.items():
        assert found[f"intensity_{name}"] == pytest.approx(value, rel=5e-3), name
    assert found["intensity_sd"] ** 2 == pytest.approx(3.05, rel=5e-3)


def test_texture_of_the_phantom_is_the_reference_value_of_each_feature():
    """Slice by slice and averaged, IBSI's `2D, averaged`; six levels from 1 to 6 are its grey values themselves."""
    spec = Texture(levels=6)
    slices = [texture_of(slice_.astype(float), slice_ > 0, spec) for slice_ in PHANTOM]
    reference = {
        "contrast": 5.28,
        "dissimilarity": 1.42,
        "homogeneity": 0.619,
        "uniformity": 0.368,
        "correlation": -0.0121,
        "entropy": 2.05,
    }
    for name, value in reference.items():
        mean = np.mean([found[f"texture_{name}"] for found in slices])
        assert mean == pytest.approx(value, rel=5e-3), name


def region(labels: np.ndarray):
    return regionprops(labels.astype(int))[0]


def test_a_disk_has_the_measures_of_a_disk_in_millimetres():
    found = shape_of(region(disk(side=220, radius=100, at=(110, 110))), 0.1)
    assert found["area_mm2"] == pytest.approx(np.pi * 100, rel=1e-3)
    assert found["perimeter_mm"] == pytest.approx(2 * np.pi * 10, rel=0.01)
    assert found["diameter_mm"] == pytest.approx(20, rel=1e-3)
    assert found["major_axis_mm"] == pytest.approx(20, rel=1e-3)
    assert found["circularity"] == pytest.approx(1, rel=0.02)
    assert found["solidity"] == pytest.approx(1, rel=0.02)
    assert found["roughness"] < 0.01
    assert found["eccentricity"] < 0.01


def test_a_longer_object_is_less_round():
    box = np.zeros((60, 120), dtype=int)
    box[20:40, 10:110] = 1
    found = shape_of(region(box), 1.0)
    assert found["area_mm2"] == 2000
    assert found["eccentricity"] == pytest.approx(np.sqrt(1 - 0.2**2), rel=1e-3)
    assert found["circularity"] < 0.6


def measure(image: np.ndarray, labels: np.ndarray, *, pixel_mm: float = 0.5, each: bool = False) -> dict[str, float]:
    return measured(
        image,
        labels,
        pixel_mm=pixel_mm,
        features=("shape", "intensity", "texture"),
        texture=Texture(),
        each=each,
    )


def test_several_objects_give_mean_deviation_and_the_three_largest():
    labels, sizes = np.zeros((200, 60), dtype=np.int32), (4, 5, 6, 7)
    for number, radius in enumerate(sizes, start=1):
        labels[(number - 1) * 50 : number * 50][disk(side=60, radius=radius, at=(25, 30))[:50] > 0] = number
    found = measure(np.random.default_rng(1).random((200, 60)), labels, pixel_mm=1.0, each=True)
    areas = np.array([disk(side=60, radius=radius, at=(25, 30)).sum() for radius in sizes])
    assert found["objects"] == 4
    assert found["mean_area_mm2"] == areas.mean()
    assert found["sd_area_mm2"] == pytest.approx(areas.std(ddof=1))
    assert found["largest_area_mm2"] == areas[1:].mean()
    alone = measure(np.random.default_rng(1).random((200, 60)), (labels == 2).astype(np.int32), each=True)
    assert alone["sd_area_mm2"] == 0.0


def test_texture_neither_moves_with_gain_and_offset_nor_survives_shuffling():
    image, labels = scene().astype(float), disk().astype(np.int32)
    first, scaled = (measure(values, labels) for values in (image, image * 3 + 100))
    for name in first:
        if name.startswith("texture"):
            assert scaled[name] == pytest.approx(first[name], rel=1e-9), name
    flat = texture_of(np.full((40, 40), 7.0), disk() > 0, Texture())
    assert flat["texture_contrast"] == 0
    assert flat["texture_uniformity"] == 1
    smooth = texture_of(np.add.outer(np.arange(40.0), np.arange(40.0)), disk() > 0, Texture())
    assert smooth["texture_contrast"] < first["texture_contrast"] / 5


def test_every_measure_is_finite_for_a_flat_image():
    found = measure(np.full((40, 40), 7.0), disk().astype(np.int32))
    assert all(np.isfinite(value) for value in found.values())
    assert found["intensity_kurtosis"] == 0


def test_the_measures_of_a_resampled_object_are_those_of_the_object():
    image, labels = scene(side=40).astype(float), disk().astype(np.int32)
    values, objects = resampled(image, labels, (0.5, 0.5), 0.25)
    assert values.shape == (80, 80)
    fine, coarse = measure(values, objects, pixel_mm=0.25), measure(image, labels, pixel_mm=0.5)
    for name in ("area_mm2", "diameter_mm", "intensity_mean"):
        assert fine[name] == pytest.approx(coarse[name], rel=0.02), name
    oblong, _ = resampled(image, labels, (1.0, 0.5), 0.5)
    assert oblong.shape == (80, 40)
    same, kept = resampled(image, labels, (0.5, 0.5), 0.5)
    np.testing.assert_array_equal(same, image)
    np.testing.assert_array_equal(kept, labels)
