"""Which code a module runs: by its imports, wherever they stand, and told anew when a file has changed."""

import os
from pathlib import Path

import pytest

from theragate.project.imported_code import read_package

FILES = {
    "__init__.py": '"""A package."""\n__all__ = ["late"]\n\ndef late():\n    from shop.till import pay\n',
    "till.py": "from shop.money import euros\n",
    "money/__init__.py": "from shop.money.coins import CENTS as cents\n",
    "money/coins.py": "CENTS = 100\n",
    "money/euros.py": "import json\n",
    "door.py": "def enter():\n    from . import till\n",
    "typed.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop.till\nelse:\n    import shop.door\n"
    ),
    "alone.py": "import os.path\nfrom shop import __name__ as name\n",
    "money/rates.csv": "1,2\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "shop"


@pytest.mark.parametrize(
    ("module", "reached"),
    [
        ("till", ["money", "money.coins", "money.euros", "till"]),
        ("money.coins", ["money", "money.coins"]),
        ("door", ["door", "money", "money.coins", "money.euros", "till"]),
        ("typed", ["door", "money", "money.coins", "money.euros", "till", "typed"]),
    ],
)
def test_imports_are_followed_in_functions_and_through_packages_but_not_those_of_types(module, reached, shop):
    assert read_package(shop, {}).reached([f"shop.{module}"]) == tuple(f"shop.{name}" for name in reached)


def test_what_a_package_would_import_later_is_not_run_by_who_passes_through_it(shop):
    assert read_package(shop, {}).reached(["shop.money.coins"]) == ("shop.money", "shop.money.coins")
    assert "shop.till" in read_package(shop, {}).reached(["shop.alone"]), "which imports the package itself"


def test_a_module_that_is_not_there_is_an_error(shop):
    with pytest.raises(KeyError):
        read_package(shop, {}).reached(["shop.cellar"])


@pytest.mark.parametrize(
    ("changed", "differ"),
    [
        ("money/coins.py", {"till", "door", "money.coins"}),
        ("till.py", {"till", "door"}),
        ("money/rates.csv", {"till", "door", "money.coins"}),
        ("__init__.py", set()),  # it does nothing
        ("alone.py", set()),
    ],
)
def test_a_digest_changes_with_the_code_that_is_reached_and_with_no_other(changed, differ, shop):
    names = ("till", "door", "money.coins")
    before = {name: read_package(shop, {}).digest([f"shop.{name}"]) for name in names}
    with (shop / changed).open("a", encoding="utf-8") as stream:
        stream.write("# another\n")
    after = {name: read_package(shop, {}).digest([f"shop.{name}"]) for name in names}
    assert {name for name in names if before[name] != after[name]} == differ


def test_what_is_known_is_used_and_what_has_changed_is_read_again(shop):
    known: dict = {}
    first = read_package(shop, known).digest(["shop.till"])
    assert set(known) == set(FILES)
    known["till.py"]["says"]["sha256"] = "0" * 64
    assert read_package(shop, known).digest(["shop.till"]) != first, "the file itself was not read"
    os.utime(shop / "till.py", ns=(1, 1))
    assert read_package(shop, known).digest(["shop.till"]) == first
    (shop / "till.py").unlink()
    read_package(shop, known)
    assert "till.py" not in known


@pytest.mark.parametrize("broken", [{"till.py": 1}, {"till.py": {"stamp": []}}, {"till.py": {"stamp": [], "says": {}}}])
def test_knowledge_that_makes_no_sense_is_made_again(broken, shop):
    stamps = read_package(shop, known := {}), known["till.py"]["stamp"]
    for entry in broken.values():
        if isinstance(entry, dict):
            entry["stamp"] = stamps[1]
    assert read_package(shop, broken).digest(["shop.till"]) == stamps[0].digest(["shop.till"])


def test_what_python_and_editors_leave_behind_is_no_code(shop):
    before = read_package(shop, {}).digest(["shop.till"])
    (shop / "__pycache__").mkdir()
    for name in ("__pycache__/till.pyc", "money/coins.pyc", "money/.coins.py.swp", "money/coins.py.part"):
        (shop / name).write_text("left")
    assert read_package(shop, {}).digest(["shop.till"]) == before
