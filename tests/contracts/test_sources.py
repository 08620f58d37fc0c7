"""The contract of a source: every kind gives the same plain table, and a version that names its content."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, get_args

import pyreadstat
import pytest
from cohorts.declared import WORDS, bundled, file, simulated, study_folder, table, tracked
from cohorts.fhir.records import encounter, patient, write
from cohorts.images.made import folder_of, source
from cohorts.servers import web_server
from cohorts.workbooks import write_workbook

from theragate.cohorts.sources import FORMATS, SOURCES, read_source
from theragate.cohorts.sources._bundled import COHORTS
from theragate.cohorts.sources._simulated import WORLDS
from theragate.digests import sha256_bytes
from theragate.drafting.forms.table import FINDERS
from theragate.study import (
    ENDINGS,
    ExpressionSource,
    FhirIndex,
    FhirSource,
    FileSource,
    Format,
    JoinedSource,
    Part,
    RecordsSource,
    Source,
    SqlSource,
    UrlSource,
    VariantSite,
    VcfSource,
)
from theragate.testing import check_source
from theragate.testing.variant_files import write_vcf


def every_format(folder: Path) -> list[FileSource]:
    """Write the small table in every format; return the sources that read it."""
    frame = table()
    write_workbook(folder / "t.xlsx", {"S": [list(frame), *frame.to_numpy().tolist()]})
    pyreadstat.write_sav(frame, folder / "t.sav")
    pyreadstat.write_dta(frame, folder / "t.dta")
    pyreadstat.write_xport(frame, folder / "t.xpt", file_format_version=8)
    frame.to_csv(folder / "t.tsv.gz", index=False, sep="\t")
    frame.to_csv(folder / "export.csv", index=False)
    fields = "record,base,text,,,\ncode,base,text,,,\nage,base,text,,,\n"
    header = "field_name,form_name,field_type,field_label,select_choices_or_calculations,identifier\n"
    (folder / "dictionary.csv").write_text(header + fields, encoding="utf-8")
    plain = [file(name) for name in ("t.csv", "t.parquet", "t.xlsx", "t.sav", "t.dta", "t.xpt")]
    return [*plain, file("t.tsv.gz", separator="\t"), file("export.csv", dictionary="dictionary.csv")]


def genotypes(folder: Path) -> VcfSource:
    """Write genotypes of two people; return the source that reads them."""
    site = VariantSite(chrom="10", pos=94942290, ref="C", alt=("T",))
    write_vcf(folder / "g.vcf.gz", {"v": site}, {"v": ["0/1", "./."]}, ("007", "8"), simulated=False)
    return VcfSource(kind="vcf", path="g.vcf.gz", build="GRCh38", variants={"v": site}, **WORDS)


def hospital_records(folder: Path) -> FhirSource:
    """Write records of one patient; return the source that reads them."""
    write(folder / "fhir", Patient=[patient("p1")], Encounter=[encounter("e1", "p1", "2020-01-01")])
    index = FhirIndex(view="encounters")
    return FhirSource(kind="fhir", path="fhir", index=index, columns={}, **WORDS)


def expression(folder: Path) -> ExpressionSource:
    """Write two genes of two people; return the source that reads them."""
    (folder / "genes.csv").write_text("gene,007,8\nTP53,1.5,\nESR1,2,3\n", encoding="utf-8")
    return ExpressionSource(kind="expression", path="genes.csv", values="as_they_are", patients_in="columns", **WORDS)


def joined(base: FileSource) -> JoinedSource:
    """Return the small table joined with itself."""
    again = Part(source=base, at_least=1.0, prefix="again_")
    return JoinedSource(kind="joined", base=base, parts={"again": again}, **WORDS)


@pytest.fixture
def every_source(tmp_path: Path) -> Iterator[list[Any]]:
    folder = study_folder(tmp_path)
    content = (folder / "t.csv").read_bytes()
    folder_of(tmp_path)
    (folder / "q.sql").write_text("SELECT * FROM t", encoding="utf-8")
    with closing(sqlite3.connect(folder / "t.db")) as connection, connection:
        table().to_sql("t", connection, index=False)
    with web_server() as web:
        web.content = content
        web_source = UrlSource(
            kind="url", url=web.url, sha256=sha256_bytes(content), format="csv", id="record", text=("code",), **WORDS
        )
        database = SqlSource(kind="sql", url_variable="RECORDS", query="q.sql", id="record", text=("code",), **WORDS)
        yield [
            *map(bundled, COHORTS),
            *every_format(folder),
            tracked("t.csv"),
            web_source,
            database,
            *map(simulated, WORLDS),
            genotypes(folder),
            source(text=("site",)),
            hospital_records(folder),
            expression(folder),
            joined(file("t.csv")),
        ]


def environ_of(root: Path) -> dict[str, str]:
    return {"RECORDS": f"sqlite:///{root / 'sources' / 's' / 't.db'}"}


def test_the_registry_holds_every_kind_that_a_study_may_declare():
    declared = get_args(get_args(Source)[0])
    assert [kind.model_fields["kind"].annotation for kind in declared] == [Literal[name] for name in SOURCES]
    assert [read.__module__.rpartition(".")[2] for read in SOURCES.values()] == [f"_{name}" for name in SOURCES]


def test_every_format_has_a_reader_a_finder_and_a_contract(every_source):
    assert set(FORMATS) == set(FINDERS) == set(get_args(Format))
    assert {spec.table_format for spec in every_source if spec.kind == "file"} == set(FORMATS)
    assert set(ENDINGS.values()) | {"redcap"} == set(FORMATS)


def test_every_source_gives_a_table_with_plain_columns_and_a_version(every_source, tmp_path):
    assert {spec.kind for spec in every_source} == set(SOURCES), "a source without a contract test"
    for spec in every_source:
        raw = check_source(spec, tmp_path, study="s", environ=environ_of(tmp_path))
        assert raw.simulated == (spec.kind == "simulated")


def test_the_same_table_is_read_from_every_kind_of_source(every_source, tmp_path):
    for spec in every_source:
        if spec.kind in {"bundled", "simulated"} or isinstance(spec, RecordsSource | JoinedSource):
            continue
        raw = read_source(spec, tmp_path, study="s", environ=environ_of(tmp_path))
        assert raw.id_column == "record"
        assert raw.frame.to_dict("list") == table().to_dict("list")
