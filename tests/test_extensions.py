"""Packages of others are found, digested and imported where they are named, and only there."""

import json
import shutil

import pytest
from made_extensions import GATE, MadeExtensions

from theragate import extensions
from theragate.errors import ExtensionError
from theragate.extensions import GATES, METRICS, collect, find, use, used

NAME, PACKAGE = "acme-theragate", "acme_gates"


def refused(match: str) -> pytest.RaisesExc[ExtensionError]:
    return pytest.raises(ExtensionError, match=match)


def test_what_is_installed_is_found_without_importing_it(acme: MadeExtensions) -> None:
    acme.gate(source=f"raise SystemExit\n{GATE}")
    extension = find(NAME)
    assert (extension.name, extension.version, len(extension.sha256)) == (NAME, "1.0", 64)
    assert {group: list(entries) for group, entries in extension.entries.items()} == {GATES: ["follow_up"]}
    assert not acme.imported(PACKAGE)


def test_the_same_files_have_the_same_digest_wherever_and_however_they_are_installed(acme, tmp_path) -> None:
    acme.gate()
    before = find(NAME).sha256
    info = acme.folder / "acme_theragate-1.0.dist-info"
    (info / "INSTALLER").write_text("pip\n")
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///somewhere"}))
    (acme.folder / PACKAGE / "__pycache__").mkdir()
    (acme.folder / PACKAGE / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"1")
    record = (info / "RECORD").read_text().splitlines()
    (info / "RECORD").write_text("\n".join([*reversed(record), "../../bin/acme,,", f"{PACKAGE}/__pycache__/x.pyc,,"]))
    assert find(NAME).sha256 == before
    (info / "RECORD").unlink()
    assert find(NAME).sha256 == before, "the sources of an editable installation are its files"


@pytest.mark.parametrize("path", ["__init__.py", "more.py", "tables/limits.csv", "more.pyc", ".hidden"])
def test_whatever_lies_in_the_package_counts_and_the_digests_of_the_record_do_not(acme, path) -> None:
    acme.gate()
    before = find(NAME).sha256
    file = acme.folder / PACKAGE / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("# something else\n")
    assert find(NAME).sha256 != before


def test_entry_points_count(acme) -> None:
    acme.gate()
    before = find(NAME).sha256
    info = acme.folder / "acme_theragate-1.0.dist-info" / "entry_points.txt"
    info.write_text(info.read_text().replace("FollowUp", "Follow"))
    assert find(NAME).sha256 != before


def test_a_module_beside_the_package_counts(acme) -> None:
    acme.add("acme-two", {"acme_main.py": "X = 1\n", "acme_helper.py": "Y = 1\n"}, {GATES: {"x": "acme_main:X"}})
    before = find("acme-two").sha256
    (acme.folder / "acme_helper.py").write_text("Y = 2\n")
    assert find("acme-two").sha256 != before


def test_a_package_that_shadows_it_has_another_digest(acme, monkeypatch, tmp_path) -> None:
    acme.gate()
    before = find(NAME).sha256
    shadow = tmp_path / "here" / PACKAGE
    shutil.copytree(acme.folder / PACKAGE, shadow)
    monkeypatch.syspath_prepend(tmp_path / "here")
    assert find(NAME).sha256 == before
    (shadow / "__init__.py").write_text("FollowUp = 1\n")
    assert find(NAME).sha256 != before


@pytest.mark.parametrize(
    ("entry_points", "match"),
    [
        ({}, "it has entry points in `theragate.gates`"),
        ({"console_scripts": {"acme": "acme_gates:main"}}, "it has entry points in `theragate.gates`"),
        ({GATES: {"x": "acme_gates"}}, r"`x` in `theragate.gates`: it is `module:object`; received `acme_gates`"),
        ({GATES: {"x": "theragate.gates:Gate"}}, "lies in files of its own; received Theragate itself"),
        (
            {GATES: {"x": "nowhere_at_all:Gate"}},
            "its package `nowhere_at_all` lies in files of its own; received no file",
        ),
        ({GATES: {"x": "sys:path"}}, "its package `sys` lies in files of its own; received no file"),
    ],
)
def test_what_adds_nothing_is_refused(acme, entry_points, match) -> None:
    acme.add(NAME, {f"{PACKAGE}/__init__.py": ""}, entry_points)
    with refused(match):
        find(NAME)


def test_what_is_not_installed_is_refused_with_what_to_do() -> None:
    with refused("^extension `acme-theragate`: it is installed; received no such distribution. Run `pip install"):
        find(NAME)


def no_flaw(name: str, value: object) -> None:
    """Take whatever there is."""


def test_only_what_is_used_is_imported(acme) -> None:
    acme.gate()
    extension = find(NAME)
    with refused("its code is imported where a study or a trust file names it"):
        collect([NAME], GATES, no_flaw)
    with refused("its code is imported where"):
        used(NAME, version=extension.version, sha256=extension.sha256)
    assert not acme.imported(PACKAGE)
    use(NAME)
    assert not acme.imported(PACKAGE), "to be allowed is not to be needed"
    assert collect([NAME], METRICS, no_flaw) == {}
    assert not acme.imported(PACKAGE)
    assert [kind.name for kind in collect([NAME], GATES, no_flaw).values()] == ["follow_up"]
    assert used(NAME, version="1.0", sha256=extension.sha256) == extension


def test_another_than_the_named_or_trusted_one_is_refused(acme) -> None:
    acme.gate()
    digest = find(NAME).sha256
    with refused(f"the digest 000000000000…; received version 1.0 with {digest[:12]}…"):
        use(NAME, trusted=["0" * 64])
    assert not extensions._USED
    assert use(NAME, trusted=["0" * 64, digest]).sha256 == digest
    for version, sha256 in (("2.0", digest), ("1.0", "0" * 64)):
        with refused(f"it is version {version} with the digest {sha256[:12]}…"):
            used(NAME, version=version, sha256=sha256)


def test_a_process_does_not_go_on_with_half_an_upgrade(acme) -> None:
    acme.gate()
    use(NAME)
    (acme.folder / PACKAGE / "__init__.py").write_text("# upgraded\n")
    with refused("it stays the same while a process uses it; .* Start the process again"):
        use(NAME)


@pytest.mark.parametrize(
    ("source", "received"),
    [
        ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("class FollowUp(\n", "SyntaxError"),
        ("Other = 1\n", "AttributeError"),
        ("raise RuntimeError('one\\ntwo')\n", "RuntimeError: one two"),
    ],
)
def test_what_cannot_be_imported_is_one_line(acme, source, received) -> None:
    acme.gate(source=source)
    with refused(rf"extension `{NAME}`, `follow_up` in `theragate.gates`: .*received {received}") as error:
        collect([use(NAME).name], GATES, no_flaw)
    assert "\n" not in str(error.value)


def test_what_is_collected_keeps_its_contract_and_has_a_name_of_its_own(acme) -> None:
    for name, package in ((NAME, PACKAGE), ("zenith-theragate", "zenith_theragate")):
        acme.gate(name, package)
        use(name)
    assert list(collect([NAME], GATES, no_flaw)) == ["follow_up"]
    with refused(f"extension `{NAME}`, `follow_up` in `theragate.gates`: it is red; received a blue one"):
        collect([NAME], GATES, lambda name, value: ("it is red", "a blue one"))
    with refused("extension `zenith-theragate`, .* received `follow_up`, which another extension's gate has"):
        collect(["zenith-theragate", NAME], GATES, no_flaw)
