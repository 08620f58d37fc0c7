"""`theragate gallery` shows images only where somebody says why they may be shown."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cohorts.images.made import WORDS, folder_of
from support import STUDY, small_study

from theragate import cli


def project_with(root: Path, source: dict[str, Any]) -> None:
    folder_of(root, 3, study=STUDY)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "params.yaml").write_text(
        yaml.safe_dump({"seed": 1, "studies": {STUDY: small_study() | {"source": source}}})
    )


@pytest.fixture
def gallery(tmp_path, monkeypatch, capsys):
    def run(**keys: Any) -> tuple[int, str]:
        project_with(tmp_path, {"kind": "images", **WORDS, **keys})
        monkeypatch.chdir(tmp_path)
        code = cli.main(["gallery", STUDY])
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run


def test_without_a_reason_nothing_is_shown(gallery, tmp_path):
    code, said = gallery()
    assert code == 1
    assert "pictures of patients are shown only where somebody says why they may be; received no reason" in said
    assert not (tmp_path / "reports").exists()


def test_with_a_reason_the_images_are_in_the_study_s_own_report(gallery, tmp_path):
    code, said = gallery(shown={"reason": "All patients agreed."})
    assert code == 0, said
    assert said == f"3 images with outlines, in reports/{STUDY}/gallery.png; it is not sent to MLflow\n"
    assert (tmp_path / "reports" / STUDY / "gallery.png").is_file()


def test_a_study_of_another_kind_has_no_gallery(gallery):
    code, said = gallery(kind="file", path="small.csv")
    assert code == 1
    assert "a gallery shows the images of a study whose source is of the kind `images`; received `file`" in said
