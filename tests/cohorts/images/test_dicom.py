"""Pixels and headers of DICOM files: physical values, an allow-list, and refusals in words."""

import io

import numpy as np
import pydicom
import pytest
from cohorts.images.made import BORN, NAME, dataset, dicom, disk, png, scene, tiff, written
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGExtended12Bit, JPEGLossless, MediaStorageDirectoryStorage, RLELossless

from theragate.cohorts.images.dicom import read_dicom
from theragate.cohorts.images.files import read_picture
from theragate.cohorts.images.refused import Refused
from theragate.study import HEADERS


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read_picture(content)
    refused = caught.value
    said = f"{refused.rule}; received {refused.received}. {refused.remedy}"
    assert NAME not in said
    assert BORN not in said
    return said


def test_pixels_become_physical_values():
    picture = read_dicom(dicom(scene().astype(np.int16) - 300, RescaleSlope=2.0, RescaleIntercept=-1000.0))
    np.testing.assert_array_equal(picture.values, (scene().astype(float) - 300) * 2 - 1000)
    assert picture.pixel_mm == (0.5, 0.5)
    assert picture.annotation == "NO"


def test_an_image_in_which_less_is_brighter_is_turned_round():
    dark = dicom(4095 - scene(), PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(read_dicom(dark).values, scene())
    signed = (-1 - scene().astype(np.int32)).astype(np.int16)
    np.testing.assert_array_equal(read_dicom(dicom(signed, PhotometricInterpretation="MONOCHROME1")).values, scene())


def test_run_length_encoding_gives_the_same_pixels():
    data = dataset(scene())
    data.compress(RLELossless)
    np.testing.assert_array_equal(read_dicom(written(data)).values, scene())


def test_jpeg_2000_without_losses_gives_the_same_pixels():
    stream = io.BytesIO()
    Image.fromarray(scene()).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    data = dataset(scene(), PixelData=encapsulate([stream.getvalue()]))
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    np.testing.assert_array_equal(read_dicom(written(data)).values, scene())


def test_bits_beside_those_of_the_image_are_left_out():
    """Old files keep overlays there."""
    overlaid = (scene() % 4096) | np.uint16(0x8000)
    np.testing.assert_array_equal(read_dicom(dicom(overlaid, BitsStored=12, HighBit=11)).values, scene() % 4096)


def test_tiff_is_read_and_several_pages_are_refused():
    np.testing.assert_array_equal(read_picture(tiff(scene())).values, scene())
    assert "an image is one frame; received 2 pages" in refusal(tiff(scene(1), scene(2)))
    floats = read_picture(tiff(scene().astype(np.float32) / 7))
    np.testing.assert_array_equal(floats.values, (scene().astype(np.float32) / 7).astype(float))


def test_a_palette_and_transparency_are_told_apart_from_grey():
    assert read_picture(palette(disk())).palette
    stacked = np.stack([scene() % 256] * 4, axis=2).astype(np.uint8)
    assert "a picture is grey or RGB, without transparency" in refusal(png(stacked))


def palette(labels: np.ndarray) -> bytes:
    picture, stream = Image.fromarray(labels, "P"), io.BytesIO()
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(stream, "PNG")
    return stream.getvalue()


def test_only_what_the_list_allows_is_taken_of_a_header():
    picture = read_dicom(dicom(scene(), KVP="120", SliceThickness="1.25", StationName="CT-0815"))
    assert set(picture.headers) == set(HEADERS)
    assert picture.headers["modality"] == "CT"
    assert picture.headers["scanner"] == "Model 1"
    assert (picture.headers["tube_voltage_kv"], picture.headers["slice_thickness_mm"]) == (120.0, 1.25)
    told = f"{picture.headers}{picture.owner}"
    for secret in (NAME, "Lovelace", BORN, "20240131", "CT-0815", "Ward"):
        assert secret not in told


def test_names_never_come_into_the_list():
    """A new entry of the list is a technical one: none of these value representations names people, days or devices."""
    from pydicom.datadict import dictionary_VR

    assert {dictionary_VR(keyword) for keyword in HEADERS.values()} <= {"CS", "LO", "SH", "DS", "US"}
    device = {"StationName", "DeviceSerialNumber", "InstitutionName", "AccessionNumber", "StudyID", "PatientID"}
    assert not device & set(HEADERS.values())


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"BurnedInAnnotation": "YES"}, "no text is burned into the pixels"),
        ({"NumberOfFrames": 3, "PixelData": scene().tobytes() * 3}, "an image is one frame; received 3 frames"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "an image is one of MONOCHROME1, MONOCHROME2, RGB"),
        ({"RescaleSlope": 0.0, "RescaleIntercept": 0.0}, "rescale slope and intercept are finite numbers, the slope"),
        ({"PixelSpacing": [0.0, 0.5]}, "the pixel spacing is above 0"),
        ({"DoseGridScaling": 1e-6}, "its values are those of an image; received a dose"),
        ({"PixelData": None}, "a DICOM file without whole-number pixels"),
        ({"PixelData": b"\0\0"}, "it is a whole DICOM file; received a broken one"),
        ({"Rows": 60000, "Columns": 60000}, "an image has at most 67,108,864 pixels; received 60,000 × 60,000"),
    ],
    ids=["text", "frames", "palette", "slope", "spacing", "dose", "no pixels", "cut", "large"],
)
def test_what_cannot_be_measured_is_refused_in_words(headers, said):
    assert said in refusal(dicom(scene(), **headers))


def test_a_compression_that_nothing_here_reads_is_named():
    data = dataset(scene(), PixelData=encapsulate([b"\xff\xd8\xff\xd9"]))
    for syntax in (JPEGLossless, JPEGExtended12Bit):
        data.file_meta.TransferSyntaxUID = syntax
        said = refusal(written(data))
        assert f"received {syntax.name}" in said
        assert "gdcmconv --raw" in said


def test_an_index_of_a_disk_is_no_image():
    data = dataset(scene(), PixelData=None, SOPClassUID=MediaStorageDirectoryStorage)
    assert "a DICOMDIR" in refusal(written(data))


def test_what_is_no_image_is_refused():
    assert "received an empty file" in refusal(b"")
    assert "received a file that begins otherwise" in refusal(b"patient,image\n1,2\n")
    assert "it is a whole PNG or TIFF" in refusal(png(scene())[:200])
    assert "whole DICOM file" in refusal(dicom(scene())[:-500])
    headless = io.BytesIO(dicom(scene())[132:])
    assert "a file that begins otherwise" in refusal(headless.getvalue())


def test_a_broken_header_neither_warns_nor_logs(caplog, recwarn):
    content = dicom(scene(), PatientBirthDate=None).replace(b"MONOCHROME2", b"MONOCHROM\xe92")
    refusal(content)
    assert not caplog.records
    assert not recwarn.list


def test_the_place_of_padding_is_known():
    pixels = scene().astype(np.int16)
    pixels[:5] = -2000
    picture = read_dicom(dicom(pixels, PixelPaddingValue=-2000))
    assert picture.padding is not None
    assert picture.padding[:5].all()
    assert not picture.padding[5:].any()


def test_pydicom_is_as_loud_as_before_for_others():
    read_dicom(dicom(scene()))
    assert not pydicom.config.logger.disabled
