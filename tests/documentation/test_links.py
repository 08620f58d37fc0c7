"""Links between the pages, and the pictures in them."""

import ast
import re
import subprocess

import pytest
from documentation.pages import ROOT, Page, pages
from PIL import Image

from docs.refresh import FIGURES, lock_of

EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@EVERY_PAGE
def test_links_lead_somewhere(page):
    for target in page.links:
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.path.parent / file).resolve() if file else page.path
        assert path.exists(), f"{target}: no such file"
        assert ROOT in path.parents, f"{target}: outside the repository"
        if anchor:
            assert anchor in Page(path).anchors, f"{target}: no such heading"


def test_every_page_can_be_reached_from_the_readme():
    reached: set[str] = set()
    waiting = [Page(ROOT / "README.md")]
    while waiting:
        page = waiting.pop()
        if page.name in reached:
            continue
        reached.add(page.name)
        for target in page.links:
            path = (page.path.parent / target.partition("#")[0]).resolve()
            if path.is_dir():
                waiting += [Page(file) for file in path.glob("*.md")]
            elif path.suffix == ".md" and path.is_file():
                waiting.append(Page(path))
    own = {page.name for page in pages() if page.name.count("/") < 2 or not page.name.startswith("sources/")}
    assert own - reached == set()


def taken_by_browser_tests() -> set[str]:
    """The names that the browser tests give to the pictures that they take."""
    return {
        f"{node.args[1].value}.png"
        for file in ROOT.glob("tests/**/*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pictures.take"
        and isinstance(node.args[1], ast.Constant)
    }


def test_every_picture_is_made_by_a_command_and_shown_on_a_page():
    made = taken_by_browser_tests() | set(FIGURES)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "docs/images"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    stored = {name.rsplit("/", 1)[-1] for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    shown = {target.rsplit("/", 1)[-1] for page in pages() for target in page.pictures}
    assert taken_by_browser_tests().isdisjoint(FIGURES)
    assert shown == stored == made


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_of_the_results_in_the_lock(name):
    with Image.open(ROOT / "docs" / "images" / name) as image:
        assert image.info["Source"] == lock_of(ROOT, FIGURES[name]), "run `make docs`"
