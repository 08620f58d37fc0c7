"""IBSI's features against its reference values; where pictologics cannot be installed, what is said instead."""

from importlib.util import find_spec

import numpy as np
import pytest
from cohorts.images.made import disk, folder_of, scene, source
from cohorts.images.test_measures import PHANTOM

from theragate.cohorts.images import radiomics
from theragate.cohorts.images.measures import measured
from theragate.cohorts.images.radiomics import radiomics_of
from theragate.cohorts.sources import read_source
from theragate.errors import ConfigurationError
from theragate.study import Texture

NEEDED = pytest.mark.skipif(find_spec("pictologics") is None, reason="pictologics needs Python 3.12 or above")

# Of the digital phantom as a volume, texture merged over 13 directions (arXiv:1612.07003), by the code of a feature.
REFERENCE = {
    "Intensity": {
        "q4le": 2.15,
        "ect3": 3.05,
        "ke2a": 1.08,
        "iph6": -0.355,
        "y12h": 1,
        "1gsf": 1,
        "qg58": 1,
        "8dwt": 4,
        "84iy": 6,
        "salo": 3,
        "2ojq": 5,
        "4fua": 1.55,
        "1128": 1.11,
        "n72l": 1.15,
        "7tet": 0.812,
        "9s40": 0.6,
        "n8ca": 567,
        "5zwq": 2.77,
    },
    "GLCM": {
        "gyby": 0.509,
        "60vm": 2.15,
        "ur99": 3.13,
        "tu9b": 2.57,
        "tf7r": 1.38,
        "d3yu": 3.21,
        "ntrs": 1.64,
        "zgxs": 4.3,
        "oeeb": 7.41,
        "p6qz": 2.11,
        "8zql": 0.291,
        "acui": 5.12,
        "8s9j": 1.38,
        "ib1z": 0.688,
        "ndrx": 0.856,
        "wf0z": 0.631,
        "1qco": 0.902,
        "e8jp": 0.0574,
        "ni2n": 0.183,
        "qwb0": 5.19,
        "dg8w": 7.41,
        "7nfm": 17.4,
        "ae86": 147,
        "r8dg": -0.0288,
        "jn9h": 0.269,
    },
    "GLRLM": {
        "22ov": 0.729,
        "w4kf": 2.76,
        "v3sw": 0.607,
        "g3qz": 9.64,
        "htzt": 0.372,
        "gd3a": 8.67,
        "ivpo": 2.16,
        "3kum": 15.6,
        "r5yn": 281,
        "ovbl": 0.43,
        "w92y": 328,
        "ic23": 0.501,
        "9zk5": 0.68,
        "8ce5": 3.48,
        "sxlw": 0.598,
        "hj9o": 2.62,
    },
    "GLSZM": {
        "p001": 0.255,
        "48p8": 550,
        "xmsy": 0.253,
        "5gn9": 15.6,
        "5rai": 0.0256,
        "hw1v": 2.76,
        "yh51": 503,
        "j17v": 1490,
        "jnsa": 1.4,
        "y1ro": 0.28,
        "4jp3": 1,
        "vb3a": 0.2,
        "p30p": 0.0676,
        "bylv": 2.64,
        "3nsa": 331,
        "gu8n": 2.32,
    },
    "GLDZM": {
        "0gbi": 1,
        "mb4i": 1,
        "s1ra": 0.253,
        "k26c": 15.6,
        "ruvg": 0.253,
        "dknj": 15.6,
        "a7wm": 0.253,
        "klth": 15.6,
        "vft7": 1.4,
        "7hp3": 0.28,
        "v294": 5,
        "iath": 1,
        "viww": 0.0676,
        "qk93": 2.64,
        "7wt1": 0,
        "gbdu": 1.92,
    },
    "NGTDM": {
        "qcde": 0.0296,
        "65he": 0.584,
        "nq30": 6.54,
        "hdez": 13.5,
        "1x9x": 0.763,
    },
    "NGLDM": {
        "sodn": 0.045,
        "imoq": 109,
        "tl9h": 0.693,
        "oae7": 7.66,
        "eq3f": 0.00963,
        "ja6d": 0.736,
        "nbzi": 102,
        "9qmg": 235,
        "fp8k": 37.9,
        "5spa": 0.512,
        "z87g": 4.86,
        "okji": 0.0657,
        "6xv8": 1,
        "1pfv": 3.05,
        "dnx2": 22.1,
        "fcbv": 4.4,
        "cas9": 0.0533,
    },
}


@NEEDED
def test_the_phantom_gives_the_reference_value_of_every_feature():
    volume = np.moveaxis(PHANTOM, 0, 2)
    found = radiomics_of(volume.astype(float), volume, volume > 0, most=6)
    reference = {code: value for values in REFERENCE.values() for code, value in values.items()}
    assert len(reference) > 100
    by_code = {name.rpartition("_")[2]: value for name, value in found.items()}
    assert len(by_code) == len(found) == 113
    for code, value in reference.items():
        # Three digits are published; of numbers of thousands, two decimals of the power.
        assert by_code[code] == pytest.approx(value, rel=6e-3, abs=6e-5), code


@NEEDED
def test_an_image_gives_the_same_bytes_again_and_agrees_with_the_base():
    image, labels = scene().astype(float), disk().astype(np.int32)

    def measure(*features: str):
        return measured(image, labels, pixel_mm=0.5, features=features, texture=Texture(), each=False)

    first, base = measure("ibsi"), measure("intensity", "texture")
    assert first == measure("ibsi")
    for ours, theirs in {
        "intensity_mean": "mean_intensity_q4le",
        "intensity_skewness": "intensity_skewness_ke2a",
        "intensity_kurtosis": "intensity_kurtosis_iph6",
    }.items():
        assert base[ours] == pytest.approx(first[f"ibsi_{theirs}"], rel=1e-9)
    assert base["texture_contrast"] == pytest.approx(first["ibsi_contrast_acui"], rel=0.02)  # averaged, not merged


@NEEDED
def test_what_is_not_defined_is_missing():
    flat = measured(
        np.full((40, 40), 7.0), disk().astype(np.int32), pixel_mm=0.5, features=("ibsi",), texture=Texture(), each=False
    )
    assert flat["ibsi_mean_intensity_q4le"] == 7.0
    assert all(value is None or np.isfinite(value) for value in flat.values())


def test_where_it_is_not_installed_it_is_said_what_to_install(tmp_path, monkeypatch):
    folder_of(tmp_path)
    monkeypatch.setattr(radiomics, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'theragate\[radiomics\]'` with Python 3.12 or above"):
        read_source(source(features=("ibsi",)), tmp_path, study="s")


def test_it_is_computed_of_one_object():
    with pytest.raises(ValueError, match="`ibsi` is computed of one object"):
        source(features=("ibsi",), objects="each")
