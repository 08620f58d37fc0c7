"""A source of others is declared, read and recorded like one of ours, where the study names its package."""

import json
from pathlib import Path

import pytest
from made_extensions import SOURCE, MadeExtensions
from support import STUDY, Project

from theragate.cohorts.provenance import Provenance
from theragate.cohorts.sources import read_source
from theragate.errors import ConfigurationError, DataError, ExtensionError
from theragate.extensions import SOURCES, use
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.study import load_study, spec_of
from theragate.study.added_sources import source_kinds

NAME = "acme-source"


def kinds_of(*names: str):
    return source_kinds(use(name).name for name in names)


@pytest.fixture
def declared(acme: MadeExtensions, project: Project) -> Project:
    """The small study, which reads its table by the source of the extension."""
    acme.source()
    project.study["extensions"] = [NAME]
    origin = {key: project.study["source"][key] for key in ("citation", "licence")}
    project.study["source"] = {"kind": "acme", "file": project.table.name, "rows": 1000, "id": "record", **origin}
    project.write()
    return project


def study_of(project: Project):
    return load_study(project.root / "params.yaml", STUDY)


def test_it_reads_the_cohort_and_is_recorded(declared: Project, acme: MadeExtensions, monkeypatch) -> None:
    monkeypatch.chdir(declared.root)
    assert exit_code(ingest, [STUDY]) == 0
    written = json.loads((declared.root / "data" / STUDY / "provenance.json").read_text())
    assert written["source"] == {**declared.study["source"]}
    assert written["version"] == "acme 1"
    recorded = spec_of(Provenance, written, subject="provenance", remedy="none")
    assert recorded.source == study_of(declared).source
    assert recorded.model_dump(mode="json") == written


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("rows", "many", rf"key `studies.{STUDY}.source.rows`.*integer"),
        ("row", 3, rf"key `studies.{STUDY}.source.row`.*Did you mean `rows`"),
        ("kind", "acmee", "of the kind bundled, .*, acme, or .*; received `acmee`. Did you mean `acme`"),
    ],
)
def test_its_keys_are_checked_where_they_stand(declared: Project, key, value, match) -> None:
    declared.study["source"][key] = value
    declared.write()
    with pytest.raises(ConfigurationError, match=match):
        study_of(declared)


def test_a_study_that_does_not_name_the_extension_knows_no_such_kind(declared: Project) -> None:
    study_of(declared)  # from here on this process uses the extension
    del declared.study["extensions"]
    declared.write()
    with pytest.raises(
        ConfigurationError,
        match=r"source.kind`: a source is of the kind bundled, .*, or of one that",
    ):
        study_of(declared)


@pytest.mark.parametrize("names", ["acme-source", [3], ["Acme_Source"], ["acme-source", "acme-source"], [[]], {}])
def test_extensions_of_another_form_are_one_line(declared: Project, names) -> None:
    declared.study["extensions"] = names
    declared.write()
    with pytest.raises(ConfigurationError, match=rf"params.yaml, key `studies.{STUDY}"):
        study_of(declared)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        (
            "class AcmeSource(ExtensionSource)",
            "class AcmeSource",
            "a class made from `theragate.study.ExtensionSource`",
        ),
        ("    def read(", "    def fetch(", "it reads a table in `read`; received a class without it"),
        ('Literal["acme"]', "str", 'its `kind` is of the type `Literal\\["acme"\\]`'),
    ],
)
def test_what_is_no_source_is_one_line(acme: MadeExtensions, before, after, match) -> None:
    assert before in SOURCE
    acme.source(source=SOURCE.replace(before, after))
    with pytest.raises(ExtensionError, match=f"extension `{NAME}`, `acme` in `theragate.sources`: .*{match}"):
        kinds_of(NAME)


def test_a_kind_that_is_taken_is_refused(acme: MadeExtensions) -> None:
    source = SOURCE.replace('Literal["acme"]', 'Literal["file"]')
    acme.add(NAME, {"acme_source.py": source}, {SOURCES: {"file": "acme_source:AcmeSource"}})
    with pytest.raises(ExtensionError, match="its name is none of ours; received `file`"):
        kinds_of(NAME)
    acme.source("acme-one", "acme_one")
    acme.source("acme-two", "acme_two")
    with pytest.raises(ExtensionError, match=r"`acme-two`, .*its name is its own; received `acme`, which another"):
        kinds_of("acme-one", "acme-two")


@pytest.mark.parametrize(
    ("body", "kind", "match"),
    [
        ('raise KeyError("Ada Lovelace, 1815")', ExtensionError, "an error of `theragate.errors`; received KeyError"),
        ("return None", ExtensionError, "it gives a `RawTable`; received an object of type NoneType"),
        ('return RawTable(frame, version=" ", id_column=None)', ExtensionError, "its table has a version"),
        ('return RawTable(frame, version="1", id_column="nobody")', ExtensionError, "no column `nobody`"),
        (
            'return RawTable(frame, version="1", id_column=None, simulated=True)',
            ExtensionError,
            "begins with SIMULATED",
        ),
        ('return RawTable(frame[:0], version="1", id_column=None)', DataError, "at least one patient"),
        (
            'raise DataError("the archive", rule="it is open", received="a closed one", remedy="Open it.")',
            DataError,
            "the archive: it is open",
        ),
    ],
)
def test_what_it_gives_is_checked_and_no_message_quotes_a_row(
    acme: MadeExtensions, tmp_path, body, kind, match
) -> None:
    acme.source(source=SOURCE.replace('return RawTable(frame, version="acme 1", id_column=self.id)', body))
    (tmp_path / "sources" / "s").mkdir(parents=True)
    (tmp_path / "sources" / "s" / "t.csv").write_text("a\n1\n")
    spec = kinds_of(NAME)["acme"](kind="acme", file="t.csv", rows=5, citation="A citation.", licence="A licence.")
    with pytest.raises(kind, match=match) as error:
        read_source(spec, Path(tmp_path), study="s")
    assert "Lovelace" not in str(error.value)
