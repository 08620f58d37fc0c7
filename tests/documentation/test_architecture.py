"""Every room is in the picture of the house, every file exists, and the layers drawn are those that are enforced."""

import re
import tomllib

import pytest
from documentation.pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "architecture.md")
HOUSE = ROOT / "src" / "theragate"
PICTURE, LAYERS = PAGE.blocks
ROOMS = {path.name for path in HOUSE.iterdir() if (path / "__init__.py").is_file()}
MODULES = {path.stem for path in HOUSE.glob("*.py")} - {"__init__"}


def test_there_is_one_picture_and_one_list_of_layers():
    assert LAYERS.language == "layers"
    assert max(map(len, PICTURE.text.splitlines())) <= 110


def test_every_room_is_in_the_picture():
    assert sorted(ROOMS | MODULES) == sorted(
        room for room in ROOMS | MODULES if re.search(rf"\b{room}\b", PICTURE.text)
    )


def test_the_layers_are_those_that_are_enforced():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    enforced = next(contract["layers"] for contract in contracts if contract["name"] == "Who may import whom")
    assert LAYERS.text.splitlines() == [layer.replace("theragate.", "") for layer in enforced]


def test_every_room_has_its_layer():
    named = {name.partition(".")[0] for name in re.findall(r"[\w.]+", LAYERS.text)}
    assert named == ROOMS | MODULES


@pytest.mark.parametrize("name", sorted({span for span in PAGE.spans if re.fullmatch(r"[\w/]+\.py", span)}))
def test_every_file_is_where_the_page_says(name):
    assert (HOUSE / name).is_file()


@pytest.mark.parametrize("name", sorted({span for span in PAGE.spans if re.fullmatch(r"[\w/]+/", span)}))
def test_every_folder_is_where_the_page_says(name):
    assert (HOUSE / name).is_dir() or (ROOT / name).is_dir()


SAID = sorted(
    {
        *re.findall(r"`(\w+)` in `([\w/]+\.py)`", PAGE.text),
        *re.findall(r"`(\w+)` \(`([\w/]+\.py)`\)", Page(ROOT / "CONTRIBUTING.md").text),
    }
)


@pytest.mark.parametrize(("name", "file"), SAID, ids=[" in ".join(said) for said in SAID])
def test_what_a_file_is_said_to_have_is_defined_there(name, file):
    text = (HOUSE / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:def {name}\(|{name}\b.*=)", text, flags=re.MULTILINE)


@pytest.mark.parametrize("what", ["promotion decided", "AUROC computed", "a CSV file read"])
def test_what_readers_look_for_first_comes_first(what):
    table = PAGE.text.partition("## Where is …")[2].partition("\n## ")[0]
    assert f"| {what} | " in table
    assert PAGE.headings[1] == "Where is …"
