"""The world of nuclei keeps to what it says: its best AUROC, two scanners, and files that say SIMULATED."""

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from cohorts.images.made import source
from sklearn.metrics import roc_auc_score

from theragate.cohorts.images.files import read_picture
from theragate.cohorts.images.nuclei import draw_field, draw_patient
from theragate.cohorts.sources import read_source
from theragate.errors import ConfigurationError

DRAWN = {"simulated": {"world": "nuclei", "patients": 50, "seed": 3}, "objects": "each"}


def test_the_best_possible_auroc_is_that_of_the_risk():
    patients = [draw_patient(11, place) for place in range(20_000)]
    malignant = np.array([patient.diagnosis == "malignant" for patient in patients])
    assert roc_auc_score(malignant, [patient.risk for patient in patients]) == pytest.approx(0.918, abs=0.006)
    assert malignant.mean() == pytest.approx(0.4, abs=0.02)
    south = np.array([patient.site == "south" for patient in patients])
    assert south.mean() == pytest.approx(0.4, abs=0.02)
    assert abs(malignant[south].mean() - malignant[~south].mean()) < 0.03


def test_a_field_is_the_same_bytes_and_another_for_another_place_or_seed():
    assert draw_field(3, 0) == draw_field(3, 0)
    assert len({draw_field(seed, place).image for seed, place in ((3, 0), (3, 1), (4, 0))}) == 3


def test_every_file_says_that_nobody_is_in_it():
    field = draw_field(3, 0)
    for content in (field.image, field.mask):
        data = pydicom.dcmread(io.BytesIO(content))
        assert str(data.PatientName) == "SIMULATED"
        assert data.ImageComments == "SIMULATED: this patient does not exist."
        assert "StudyDate" not in data


def test_another_world_may_say_who_the_patient_is():
    ours = draw_patient(3, 0)
    large = replace(ours, degrees=ours.degrees + np.array([3.0, 0.0, 0.0]), site="south")
    field = draw_field(3, 0, patient=large, patient_id="hospital-7")
    image, plain = pydicom.dcmread(io.BytesIO(field.image)), pydicom.dcmread(io.BytesIO(draw_field(3, 0).image))
    assert image.PatientID == "hospital-7"
    assert image.ManufacturerModelName == "SIMULATED B"
    areas = [
        (read_picture(mask).stored > 0).mean() / (1 + read_picture(mask).stored.max())
        for mask in (field.mask, draw_field(3, 0).mask)
    ]
    assert areas[0] > 1.5 * areas[1]
    assert plain.PatientID == "SIMULATED-3-1"


def test_scanners_differ_and_nuclei_lie_apart_within_the_field():
    sites = {}
    for place in range(6):
        field, patient = draw_field(3, place), draw_patient(3, place)
        image, mask = read_picture(field.image), read_picture(field.mask)
        sites[patient.site] = image.pixel_mm
        side = image.values.shape[0]
        assert side * image.pixel_mm[0] == pytest.approx(0.128)
        assert 8 <= mask.stored.max() <= 12
        border = np.concatenate([mask.stored[[0, -1]].ravel(), mask.stored[:, [0, -1]].ravel()])
        assert not border.any()
    assert sites == {"north": (0.0005, 0.0005), "south": (0.0004, 0.0004)}


def test_the_source_draws_the_same_patients_for_any_number_of_them(tmp_path):
    keys = {"text": ("diagnosis", "site"), "headers": ("scanner",)}
    raw = read_source(source(**DRAWN, **keys), tmp_path, study="s")
    assert raw.simulated
    assert raw.id_column is None
    assert raw.version.startswith("SIMULATED: images of the world nuclei, seed 3, ")
    assert set(zip(raw.frame["site"], raw.frame["scanner"], strict=True)) == {
        ("north", "SIMULATED A"),
        ("south", "SIMULATED B"),
    }
    assert list(raw.frame["diagnosis"]) == [draw_patient(3, place).diagnosis for place in range(50)]
    assert not raw.frame.isna().any(axis=None)


def test_what_is_not_known_of_them_cannot_be_kept(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"what is known of simulated patients is diagnosis, site, age; received"
    ):
        read_source(source(**DRAWN, text=("sites",)), tmp_path, study="s")
    with pytest.raises(ValueError, match="`simulated` draws the images"):
        source(**DRAWN, path="elsewhere")
