"""Every file, module, variable and name of code on the pages is one that exists."""

import ast
import importlib
import importlib.util
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from documentation.pages import ROOT, pages

EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
FILE = re.compile(
    r"[\w./<>-]*[\w>*]\.(?:csv|dvc|html|ini|json|jsonl|lock|md|npz|parquet|pem|png|py|skops|sql|toml|ubj|yaml)(?!\w)"
)
FOLDER = re.compile(r"(?:src|tests|docs|simulations|benchmarks|pipelines|expectations|sources|looks)/[\w./<>-]*/")
FILLED_IN = re.compile(r"<\w+>|[A-Z]{3,}(?:_[A-Z]+)*|my_study")
VARIABLE = re.compile(r"\b(?:THERAGATE|MLFLOW|DVC)_[A-Z_]+\b")
# In examples of what a reader brings, and the one file that is said not to be there.
ELSEWHERE = {"answers.csv", "cohort.csv", "cohort.csv.dvc", "cohort.sql", "export.csv", "uv.lock"}


@cache
def files() -> frozenset[str]:
    """What git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return frozenset(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


@cache
def code() -> str:
    """The text of the product and its pipeline, which name every file that they make."""
    named = [name for name in files() if name.startswith(("src/", "pipelines/")) and name.endswith(".py")]
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in [*sorted(named), "dvc.yaml", "Makefile"])


def tracked(name: str, page: Path) -> bool:
    """Whether `name`, with words to fill in, is a path of the repository: whole, from a room or from the page."""
    pattern = re.escape(FILLED_IN.sub("\0", name).removesuffix("/")).replace("\0", r"[\w-]+")
    here = re.escape(str(page.parent.relative_to(ROOT)) + "/") if page.parent != ROOT else ""
    whole = re.compile(rf"(?:(?:.*/)?{pattern}|{here}{pattern})(?:/.*)?")
    return any(whole.fullmatch(file) for file in files())


def made(name: str) -> bool:
    """Whether the code writes or reads a file of this name."""
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return FILLED_IN.sub("", last).strip("._-") in code() and len(last) > 5


@EVERY_PAGE
def test_files_exist_or_are_made(page):
    for span in page.spans:
        for name in (*FILE.findall(span), *FOLDER.findall(span)):
            if name.startswith("/") or "*" in name or name.rsplit("/", 1)[-1] in ELSEWHERE:
                continue
            known = tracked(name, page.path) or (not name.endswith((".py", "/")) and made(name))
            assert known, f"`{span}` names `{name}`"


@EVERY_PAGE
def test_modules_exist(page):
    for span in page.spans:
        for name in re.findall(r"\btheragate(?:\.\w+)+", span):
            assert resolves(name) or f'"{name}"' in code(), f"`{span}` is neither a module nor a tag"


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:depth]))
        except ModuleNotFoundError:
            continue
        return all((value := getattr(value, part, None)) is not None for part in parts[depth:])
    return False


@EVERY_PAGE
def test_examples_in_python_are_of_our_interface(page):
    for block in page.blocks:
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("theragate"):
                assert all(resolves(f"{node.module}.{alias.name}") for alias in node.names)
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("theragate."):
                assert resolves(ast.unparse(node))


@EVERY_PAGE
def test_examples_in_yaml_can_be_read(page):
    for block in page.blocks:
        if block.language == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict)


def variables_of_the_code() -> set[str]:
    return set(re.findall(r"\bTHERAGATE_[A-Z_]+\b", code()))


def test_every_setting_is_on_a_page_and_none_is_invented():
    written = {name for page in pages() for name in VARIABLE.findall(page.text)}
    ours = {name for name in written if name.startswith("THERAGATE_")}
    assert ours == variables_of_the_code()
    theirs = "".join(
        path.read_text(encoding="utf-8")
        for package in ("mlflow", "dvc")
        for spec in [importlib.util.find_spec(package)]
        for path in Path(spec.origin or "").parent.glob("**/*.py")
        if path.name in {"environment_variables.py", "env.py", "config.py", "__init__.py"}
    )
    assert {name for name in written - ours if name not in theirs} == set()
