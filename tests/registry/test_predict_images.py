"""From a later patient's image and its mask to the champion's answer, by the code that made the cohort."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import patients
import pytest
from cohorts.images.made import dicom, disk, folder_of, png, scene, source

from theragate.personal.answers import PersonalModel
from theragate.registry.loading import Champion
from theragate.registry.predict import DeclaredSource, predict_file

RECIPE = {"numbers": ("age",), "text": ("sex",), "masks": "{name}-mask.png", "features": ("shape",)}


@pytest.fixture(scope="module")
def personal() -> PersonalModel:
    """A model that learned from the area of what was outlined."""

    def draw(*of: Any, **keys: Any) -> pd.DataFrame:
        frame = plain(*of, **keys)
        return frame.assign(marker=60 + 20 * frame["marker"]).rename(columns={"marker": "area_mm2"})

    plain = patients.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patients, "draw", draw)
        patch.setattr(patients, "RULES", tuple(rule for rule in patients.RULES if rule.columns != ("marker",)))
        return patients.make_world.__wrapped__("binary", "logistic").fitted.personal


def answers(personal: PersonalModel, records: Path, root: Path) -> pd.DataFrame:
    champion = Champion("small_binary", "1", None, None, personal)  # type: ignore[arg-type] # nothing of them is asked
    declared = DeclaredSource(source(**RECIPE), (), root / "sources" / "s")
    target = root / "answers.csv"
    predict_file(champion, records, target, id_column="patient", declared=declared)
    return pd.read_csv(target, dtype={"patient": "str"})


def test_a_folder_with_a_manifest_is_answered_for_every_patient_in_it(personal, tmp_path):
    clinic = folder_of(tmp_path, 3)
    (clinic / "manifest.csv").write_text("patient,image,age,sex\n007,a1.dcm,60,f\n8,a3.dcm,71,m\n")
    found = answers(personal, clinic, tmp_path)
    areas = [disk(radius=6.0 + number).sum() * 0.25 for number in (1, 3)]
    expected = personal.answer(pd.DataFrame({"age": [60.0, 71.0], "sex": ["f", "m"], "area_mm2": areas}))
    assert list(found["patient"]) == ["007", "8"]
    assert expected["prediction"].notna().all()
    np.testing.assert_allclose(found["prediction"], expected["prediction"], rtol=1e-12)


def test_of_a_single_image_what_is_not_known_is_said(personal, tmp_path):
    (tmp_path / "sources" / "s").mkdir(parents=True)
    (tmp_path / "IM0815").write_bytes(dicom(scene()))
    (tmp_path / "IM0815-mask.png").write_bytes(png(disk()))
    found = answers(personal, tmp_path / "IM0815", tmp_path)
    assert list(found["patient"]) == ["IM0815"]
    assert found["prediction"].isna().all()
    assert "age" in found["reason"][0]
    assert "sex" in found["reason"][0]
    assert "area" not in found["reason"][0]
