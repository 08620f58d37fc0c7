"""The contact sheet: every image is on it with its outline, and it is marked as one that shows patients."""

import numpy as np
import pytest
from cohorts.images.made import disk, scene
from PIL import Image

from theragate.cohorts.images.marked import MARK
from theragate.reports.gallery import draw_gallery


def draw(path, many: int, *, simulated: bool = False, reason: str = "They agreed."):
    pairs = [(scene(number).astype(float), disk(radius=8).astype(np.int32)) for number in range(many)]
    return draw_gallery(pairs, path, title="A study", reason=reason, simulated=simulated)


def test_it_is_marked_and_has_the_same_bytes_again(tmp_path):
    first, again = draw(tmp_path / "a.png", 7), draw(tmp_path / "b.png", 7)
    assert first.read_bytes() == again.read_bytes()
    with Image.open(first) as picture:
        assert picture.text == dict([MARK])


@pytest.mark.parametrize("many", [1, 6, 24])
def test_every_image_has_its_outline(tmp_path, many):
    with Image.open(draw(tmp_path / "a.png", many)) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    outline = (pixels[..., 0] - pixels[..., 2] > 150) & (pixels[..., 1] < 140)  # vermillion
    columns = outline.any(axis=0)
    begins = int((np.diff(columns.astype(int)) == 1).sum())
    assert begins >= min(many, 6)
    assert outline.sum() > 100 * many


def test_a_long_reason_hides_no_image(tmp_path):
    counts = []
    for name, reason in (("a.png", "They agreed."), ("b.png", "They agreed, all of them, in writing. " * 12)):
        with Image.open(draw(tmp_path / name, 12, reason=reason)) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        counts.append(int(((pixels[..., 0] - pixels[..., 2] > 150) & (pixels[..., 1] < 140)).sum()))
    assert counts[1] == pytest.approx(counts[0], rel=0.05)


def test_simulated_patients_are_marked_so(tmp_path):
    plain, simulated = draw(tmp_path / "a.png", 6), draw(tmp_path / "b.png", 6, simulated=True)
    assert plain.read_bytes() != simulated.read_bytes()
