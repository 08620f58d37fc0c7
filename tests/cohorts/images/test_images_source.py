"""From a folder of images to a table, its version and its notes; and what stops it, in one line each."""

import re
import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import yaml
from cohorts.images.made import NAME, dicom, disk, folder_of, png, scene, source
from support import ROOT

from theragate.cohorts.images import all_images
from theragate.cohorts.images.manifest import Listed
from theragate.cohorts.images.one_image import measure_image
from theragate.cohorts.sources import RawTable, SourceContext, read_later_records, read_source
from theragate.cohorts.sources._images import works_of
from theragate.errors import DataError
from theragate.study import HEADERS, ImagesSource
from theragate.study.images_source import Header
from theragate.study.spec import as_tuples
from theragate.testing import check_source
from theragate.workers.processes import Processes
from theragate.workers.site import files_of

KEPT = {"numbers": ("age", "outcome"), "text": ("site",)}


def read(root: Path, **keys: Any) -> RawTable:
    return read_source(source(**KEPT | keys), root, study="s")


def refusal(root: Path, **keys: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(root, **keys)
    said = str(caught.value)
    for secret in (NAME, "a1", "a2.dcm", "002"):
        assert secret not in said
    return said


def test_a_row_a_patient_with_what_is_kept_headers_pixels_and_features(tmp_path):
    folder_of(tmp_path)
    raw = check_source(source(**KEPT, headers=("modality", "scanner")), tmp_path, study="s")
    frame = raw.frame
    assert raw.id_column == "patient"
    assert list(frame["patient"]) == ["001", "002", "003"]
    assert list(frame.columns[:8]) == [
        "patient",
        "age",
        "outcome",
        "site",
        "modality",
        "scanner",
        "pixel_height_mm",
        "pixel_width_mm",
    ]
    assert set(frame["scanner"]) == {"Model 1"}
    assert list(frame["site"]) == ["S", "N", "S"]
    areas = [disk(radius=6.0 + number % 5).sum() * 0.25 for number in (1, 2, 3)]
    np.testing.assert_allclose(frame["area_mm2"], areas)
    assert raw.version.endswith("of the manifest and the names and digests of 6 files")
    assert raw.notes == ()


def test_nothing_of_a_header_that_is_not_kept_is_in_the_table(tmp_path):
    folder_of(tmp_path)
    raw = read(tmp_path)
    told = raw.frame.to_csv() + raw.version + "".join(raw.notes)
    for secret in (NAME, "18151210", "20240131", "Ward", "1.2.826", ".dcm"):
        assert secret not in told


def test_the_version_names_every_file(tmp_path):
    folder = folder_of(tmp_path)
    versions = {read(tmp_path).version}
    (folder / "a2-mask.png").write_bytes(png(disk(radius=11)))
    versions.add(read(tmp_path).version)
    manifest = (folder / "manifest.csv").read_text()
    (folder / "manifest.csv").write_text(manifest.replace(",52,", ",53,"))
    versions.add(read(tmp_path).version)
    assert len(versions) == 3


def test_an_image_is_measured_once_for_the_same_bytes_and_recipe(tmp_path, monkeypatch):
    folder = folder_of(tmp_path)
    measured: list[int] = []
    do = all_images.measure_image
    monkeypatch.setattr(all_images, "measure_image", lambda work: measured.append(work.position) or do(work))
    first = read(tmp_path)
    again = read(tmp_path)
    assert measured == [0, 1, 2]
    assert again.frame.equals(first.frame)
    (folder / "a2.dcm").write_bytes(dicom(scene(9), patient="002"))
    read(tmp_path)
    assert measured == [0, 1, 2, 1]
    read(tmp_path, features=("shape",))
    assert measured == [0, 1, 2, 1, 0, 1, 2]
    monkeypatch.setattr(all_images, "code_version", lambda recipe: "other")
    read(tmp_path)
    assert measured[-3:] == [0, 1, 2]
    assert len(measured) == 10


def test_a_kept_row_that_is_damaged_is_measured_again(tmp_path):
    folder_of(tmp_path)
    first = read(tmp_path)
    kept = [path for path in (tmp_path / ".theragate" / "images").rglob("*") if path.is_file()]
    assert len(kept) == 3
    for path, content in zip(kept, (b"", b"\n", kept[0].read_bytes().replace(b"1", b"2")), strict=True):
        assert path.stat().st_mode & 0o077 == 0
        path.write_bytes(content)
    assert read(tmp_path).frame.equals(first.frame)


def test_any_number_of_processes_gives_the_same_table(tmp_path):
    from theragate.cohorts.sources import Scratch, open_source

    folder_of(tmp_path, 5)
    tables = []
    for jobs in (1, 2):
        with Scratch(tmp_path) as scratch:
            downloads = tmp_path / f"state{jobs}" / "downloads"
            spec = source(**KEPT)
            table = open_source(
                spec, tmp_path, study="s", scratch=scratch, downloads=downloads, backend=Processes(jobs)
            )
            tables.append(table.columns.frame())
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)


def test_a_cluster_is_told_which_files_a_work_needs(tmp_path):
    folder = folder_of(tmp_path)
    context = SourceContext(folder.parent, tmp_path / "state", {})
    listed = [Listed("line 2", folder / "a1.dcm", folder / "a1-mask.png")]
    (work,) = works_of(listed, source(), context)
    assert [file.path.name for file in files_of(work)] == ["a1.dcm", "a1-mask.png"]
    (folder / "a1.dcm").write_bytes(dicom(scene(5)))
    with pytest.raises(DataError, match="it stays as it is while it is read; received one that was changed meanwhile"):
        measure_image(work)


def change(folder: Path, line: int, old: str, new: str) -> None:
    lines = (folder / "manifest.csv").read_text().splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (1, "image", "picture", "it has the column `image`; received no such column"),
        (1, ",age", ",Age", "it has the column `age`; received no such column. Did you mean `Age`?"),
        (3, "a2.dcm", "../a2.dcm", "line 3: `image` is the path of a file below the manifest's folder"),
        (
            3,
            "a2.dcm",
            "b2.dcm",
            "line 3: `image` is the path of a file below the manifest's folder, with slashes; rece",
        ),
        (
            3,
            "a2.dcm",
            "a1.dcm",
            "line 3: every patient has an image of her own, and a mask of its own (`image`); recei",
        ),
        (3, "a2-mask.png", "a1-mask.png", "a mask of its own (`mask`); received the file of line 2"),
        (3, "a2-mask.png", "", "line 3: an image has a mask; received none"),
        (3, "52", "old", "column `age`: "),
        (4, "003,", "001,", "line 4: a patient has one line, with one image; received the id of a line above"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path, line, old, new, said):
    change(folder_of(tmp_path), line, old, new)
    assert said in refusal(tmp_path)


def test_the_first_image_that_is_refused_is_named_and_where_others_are(tmp_path):
    folder = folder_of(tmp_path, 5)
    for number in (2, 4):
        (folder / f"a{number}.dcm").write_bytes(dicom(scene(), patient=f"00{number}", BurnedInAnnotation="YES"))
    (folder / "a5-mask.png").write_bytes(png(disk() * 0))
    assert refusal(tmp_path) == (
        "`sources/s/images/manifest.csv`, line 3: no text is burned into the pixels, since it may name the patient; "
        "received BurnedInAnnotation: YES, and the same rule is broken in line 5, others in line 6. Remove the text "
        "from the pixels and correct the header, or leave the image out."
    )


def test_two_patients_in_one_series_are_refused(tmp_path):
    folder = folder_of(tmp_path)
    for number in (1, 3):
        content = dicom(scene(number), patient=f"00{number}", SeriesInstanceUID="1.2.3")
        (folder / f"a{number}.dcm").write_bytes(content)
    said = "line 4: the images of two patients are of different series, by their DICOM headers; received the same in l"
    assert said in refusal(tmp_path)


def test_one_patient_under_two_ids_is_refused(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "a3.dcm").write_bytes(dicom(scene(3), patient="002"))
    assert "line 4: a patient has one line, and one id, by their DICOM headers; received the same in line 3" in refusal(
        tmp_path
    )


def test_what_headers_do_not_tell_is_said_with_counts(tmp_path):
    folder = folder_of(tmp_path, 12)
    for number in range(1, 13):
        content = dicom(scene(number), patient="ANONYMOUS", BurnedInAnnotation=None)
        (folder / f"a{number}.dcm").write_bytes(content)
    (folder / "a13.dcm").write_bytes(dicom(scene()))
    change(folder, 3, "a2.dcm,a2-mask.png", ",")
    raw = read(tmp_path)
    assert raw.notes == (
        "All headers have one PatientID, so that it could not be compared with the manifest.",
        "Whether text is burned into the pixels is not said of 11 images; look at them before anybody else does.",
        "Of fewer than 11 patients there is no image, and so no features.",
        "The manifest does not name fewer than 11 files of the folder.",
    )
    assert raw.frame.loc[1, ["area_mm2", "modality"]].isna().all()
    assert raw.frame["area_mm2"].notna().sum() == 11


def test_a_folder_without_images_is_refused(tmp_path):
    assert "`sources/s/images`: it is a folder of images with their manifest; received no such folder" in refusal(
        tmp_path
    )
    folder = tmp_path / "sources" / "s" / "images"
    folder.mkdir(parents=True)
    assert "a CSV file says whose the images are; received no such file" in refusal(tmp_path)
    (folder / "manifest.csv").write_text("patient,image,mask,site,age,outcome\n001,,,N,50,1\n")
    assert "it names images; received none" in refusal(tmp_path)
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert "a folder of images is no symbolic link" in refusal(tmp_path)


def test_pixels_without_a_size_and_pixels_that_are_not_square_say_what_to_declare(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "a2.dcm").write_bytes(dicom(scene(2), patient="002", PixelSpacing=None))
    assert "line 3: the size of a pixel is known; received a header without PixelSpacing" in refusal(tmp_path)
    frame = read(tmp_path, pixel_mm=(0.5, 0.5)).frame
    assert list(frame["pixel_height_mm"]) == [0.5] * 3
    (folder / "a2.dcm").write_bytes(dicom(scene(2), patient="002", PixelSpacing=[1.0, 0.5]))
    assert "what is measured has square pixels; received pixels of another height than width" in refusal(tmp_path)
    resampling = {"pixel_mm": 0.5, "reason": "All scanners are brought to the grid of the finest."}
    frame = read(tmp_path, resampling=resampling).frame
    assert frame.loc[1, "area_mm2"] == pytest.approx(disk(radius=8).sum() * 0.5, rel=0.05)
    assert frame.loc[1, "pixel_height_mm"] == 1.0


def test_colour_is_refused_unless_it_is_said_what_is_taken_of_it(tmp_path):
    folder = folder_of(tmp_path)
    colours = np.stack([scene(2) % 256, scene(2) % 256, scene(2) % 256], axis=2).astype(np.uint8)
    (folder / "a2.dcm").write_bytes(dicom(colours, patient="002"))
    assert "line 3: an image is grey, unless `source.colour` says what is taken of its colours" in refusal(tmp_path)
    frame = read(tmp_path, colour="luminance").frame
    inside = (scene(2) % 256)[disk(radius=8) > 0]
    assert frame.loc[1, "intensity_mean"] == pytest.approx(inside.mean())


def test_an_outline_on_padding_is_refused(tmp_path):
    folder = folder_of(tmp_path)
    pixels = scene(2).astype(np.int16)
    pixels[18:22] = -2000
    (folder / "a2.dcm").write_bytes(dicom(pixels, patient="002", PixelPaddingValue=-2000))
    assert "line 3: an outline lies within the image; received pixels that the header calls padding" in refusal(
        tmp_path
    )


def test_plain_pictures_give_the_numbers_of_dicom(tmp_path):
    folder = folder_of(tmp_path)
    plain = read(tmp_path).frame
    for number in (1, 2, 3):
        (folder / f"a{number}.png").write_bytes(png(scene(number)))
        change(folder, number + 1, f"a{number}.dcm", f"a{number}.png")
    frame = read(tmp_path, pixel_mm=(0.5, 0.5)).frame
    features = [name for name in frame if name.startswith(("texture", "intensity")) or name.endswith(("_mm", "_mm2"))]
    pd.testing.assert_frame_equal(frame[features], plain[features], check_exact=True)
    assert frame["modality"].isna().all()


def test_a_declared_outline_needs_no_mask(tmp_path):
    folder = folder_of(tmp_path)
    for line in (1, 2, 3, 4):
        change(folder, line, f"a{line - 1}-mask.png" if line > 1 else "mask", "" if line > 1 else "nothing")
    how = {"method": "otsu", "bright": True, "opening_mm": 1.0, "reason": "The lesion is brighter."}
    frame = read(tmp_path, segmentation=how).frame
    np.testing.assert_allclose(frame["area_mm2"], disk().sum() * 0.25, rtol=0.05)


def later(root: Path, path: Path, **keys: Any) -> RawTable:
    return read_later_records(source(**KEPT | keys), path, root / "sources" / "s", environ={})


def test_later_images_go_through_the_code_that_made_the_cohort(tmp_path):
    cohort = read_source(source(**KEPT), (folder_of(tmp_path), tmp_path)[1], study="s").frame
    clinic = tmp_path / "clinic"
    clinic.mkdir()
    for name in ("a2.dcm", "a2-mask.png", "a3.dcm", "a3-mask.png"):
        shutil.copy(tmp_path / "sources" / "s" / "images" / name, clinic / name)
    rule = {"masks": "{name}-mask.png"}
    one = later(tmp_path, clinic / "a2.dcm", **rule)
    assert list(one.frame) == list(cohort)
    measured = list(cohort.columns[cohort.columns.get_loc("modality") :])
    pd.testing.assert_frame_equal(one.frame[measured], cohort.loc[[1], measured].reset_index(drop=True))
    assert one.frame[["age", "outcome", "site"]].isna().all(axis=None)
    both = later(tmp_path, clinic, **rule).frame
    pd.testing.assert_frame_equal(both[measured], cohort.loc[[1, 2], measured].reset_index(drop=True))
    (clinic / "manifest.csv").write_text("patient,image,mask,age\n9,a3.dcm,a3-mask.png,70\n")
    named = later(tmp_path, clinic).frame
    assert named[["patient", "age"]].to_dict("list") == {"patient": ["9"], "age": [70.0]}
    assert not (clinic / ".theragate").exists()
    assert not (tmp_path / ".theragate" / "images").joinpath("clinic").exists()


def test_a_later_image_without_its_mask_is_refused_by_the_name_that_was_typed(tmp_path):
    folder_of(tmp_path)
    lonely = tmp_path / "IM0001"
    lonely.write_bytes(dicom(scene()))
    assert source().takes(lonely)
    with pytest.raises(DataError, match="`IM0001`: an image has a mask; received none"):
        later(tmp_path, lonely, masks="{name}-mask.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="`empty`: it holds images: DICOM, PNG or TIFF; received none"):
        later(tmp_path, tmp_path / "empty")


def test_the_example_of_the_page_is_read_as_it_says(tmp_path):
    page = (ROOT / "docs" / "sources" / "images.md").read_text(encoding="utf-8")
    entry, lines = (re.search(f"```{kind}\n(.*?)```", page, re.DOTALL).group(1) for kind in ("yaml", "text"))
    spec = ImagesSource.model_validate(as_tuples(yaml.safe_load(entry)["source"]), strict=True)
    folder = tmp_path / "sources" / "my_study" / spec.path
    folder.mkdir(parents=True)
    (folder / spec.manifest).write_text(lines)
    for patient, image, mask, *_ in (line.split(",") for line in lines.splitlines()[1:]):
        (folder / image).parent.mkdir()
        (folder / image).write_bytes(dicom(scene(), patient=patient))
        (folder / mask).write_bytes(png(disk()))
    frame = check_source(spec, tmp_path, study="my_study").frame
    known = frame[["patient", "age", "site", "diagnosis"]].to_dict("list")
    assert known == {
        "patient": ["0001", "0002"],
        "age": [61.0, 48.0],
        "site": ["north", "south"],
        "diagnosis": ["benign", "malignant"],
    }
    kept, table = set(known) | {"pixel_height_mm", "pixel_width_mm", *spec.headers}, page.partition("| `features` |")[2]
    shape = re.findall(r"`(\w+)`", table.partition("| `shape` |")[2].partition("\n")[0])
    others = [
        f"{group}_{name}"
        for group in ("intensity", "texture")
        for name in re.findall(r"`(\w+)`", table.partition(f"`{group}_` ")[2].partition("\n")[0])
    ]
    assert list(frame.columns.difference(kept, sort=False)) == [*shape, *others]


def test_the_page_lists_the_headers_that_may_be_kept():
    page = (ROOT / "docs" / "sources" / "images.md").read_text(encoding="utf-8")
    listed = page.partition("of this list: ")[2].partition(".\n")[0]
    assert re.findall(r"`(\w+)`", listed) == list(HEADERS) == list(get_args(Header))
