"""Genotypes of VCF files: what is not known is missing and never wild type, and a wrong file is refused in words."""

import ctypes
import gzip
import os
import re
from pathlib import Path
from typing import Any

import cyvcf2
import numpy as np
import pandas as pd
import pytest
import yaml
from cohorts.genomes.people import REFERENCE, SAMPLES, SNV, folder, snv, source, text

from theragate.cohorts.sources import RawTable, read_later_records, read_source
from theragate.cohorts.sources._warfarin import warfarin
from theragate.errors import DataError
from theragate.study import LeastQuality, StarAlleles, VariantSite, VcfSource
from theragate.study.spec import as_tuples
from theragate.testing import check_source
from theragate.testing.variant_files import WARFARIN_SITES, WARFARIN_STARS, warfarin_genotypes, write_vcf

MISSING = float("nan")
ROOT = Path(__file__).resolve().parents[3]


def read(root: Path, content: str, **keys: Any) -> RawTable:
    (folder(root) / "g.vcf").write_text(content, encoding="utf-8")
    return read_source(source(**keys), root, study="study")


def column(root: Path, content: str, name: str = "snv", **keys: Any) -> list[Any]:
    values = read(root, content, **keys).frame[name]
    return [None if pd.isna(value) else value for value in values]


def refusal(root: Path, content: str | bytes, *, path: str = "g.vcf", **keys: Any) -> str:
    (folder(root) / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read_source(source(path, **keys), root, study="study")
    said = str(caught.value)
    assert "\n" not in said
    assert not any(sample in said for sample in SAMPLES)
    return said


def later(root: Path, content: str, **keys: Any) -> RawTable:
    (root / "elsewhere").mkdir(exist_ok=True)
    path = root / "elsewhere" / "one.vcf"
    path.write_text(content, encoding="utf-8")
    return read_later_records(source(**keys), path, folder(root), environ={})


def test_alternate_alleles_are_counted_and_the_contract_holds(tmp_path):
    (folder(tmp_path) / "g.vcf").write_text(text(snv("0/0", "0|1", "1/0", "1/1")))
    raw = check_source(source(), tmp_path, study="study")
    assert raw.frame["snv"].tolist() == [0, 1, 1, 2]
    assert raw.frame[raw.id_column].tolist() == [*SAMPLES]
    assert not raw.simulated
    assert not any(sample in raw.version for sample in SAMPLES)


@pytest.mark.parametrize("genotype", ["./.", ".", "0/.", "./0", "1/.", ".|1", "0", "1", "0/2", "2/2"])
def test_what_is_not_known_is_missing_and_never_wild_type(tmp_path, genotype):
    """A library's own types of genotypes count `0/.` as wild type and `0/2` as one of the declared alleles."""
    assert column(tmp_path, text(snv(genotype, "0/0", "0/1", "1/1", alt="T,G"))) == [None, 0, 1, 2]


def test_letters_are_in_one_order_and_on_the_strand_that_is_asked_for(tmp_path):
    lines = text(snv("0/0", "1/0", "1|1", "./."))
    for strand, expected in (("+", ["C/C", "C/T", "T/T", None]), ("-", ["G/G", "A/G", "A/A", None])):
        site = SNV.model_copy(update={"coding": "letters", "strand": strand})
        assert column(tmp_path, lines, variants={"snv": site}) == expected


def test_several_alternates_of_a_site_are_counted_together_or_shown(tmp_path):
    both = SNV.model_copy(update={"alt": ("T", "G")})
    lines = text(snv("0/1", "0/2", "1/2", "0/3", alt="T,G,A"))
    assert column(tmp_path, lines, variants={"snv": both}) == [1, 1, 2, None]
    shown = both.model_copy(update={"coding": "letters"})
    assert column(tmp_path, lines, variants={"snv": shown}) == ["C/T", "C/G", "G/T", None]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("0/1", "0/0", "0/1", "0/0"), ("0/0", "0/1", "0/1", "0/0"), ["C/T", "C/G", "G/T", "C/C"]),
        (("1/0", "0/.", "1/.", "./."), ("0/1", "0/0", "./1", "0/0"), ["G/T", None, "G/T", None]),
        (("1/1", "0|1", "1/1", "1/0"), ("0/1", "0|1", "1/1", "0/0"), [None, None, None, "C/T"]),
    ],
)
def test_a_site_that_is_split_into_a_line_for_each_allele_is_put_together(tmp_path, first, second, expected):
    site = SNV.model_copy(update={"alt": ("T", "G"), "coding": "letters"})
    lines = text(snv(*first), snv(*second, alt="G"))
    assert column(tmp_path, lines, variants={"snv": site}) == expected


def test_a_variant_is_found_however_many_letters_it_is_written_with(tmp_path):
    sites = {
        "snv": SNV,
        "deletion": VariantSite(chrom="chr10", pos=1003, ref="GA", alt=("G",)),
        "insertion": VariantSite(chrom="10", pos=1003, ref="G", alt=("GT",)),
    }
    line = "chr10 999 . ACAGGAC ATAGGAC,ACAGGC,ACAGGTAC 50 PASS . GT 0/1 0/2 0/3 2/3"
    sites["deletion"] = sites["deletion"].model_copy(update={"pos": 1003})
    table = read(tmp_path, text(line), variants=sites).frame
    assert table["snv"].tolist() == [1, 0, 0, 0]
    assert table["deletion"].tolist() == [0, 1, 0, 1]
    assert table["insertion"].tolist() == [0, 0, 1, 1]


def test_a_longer_change_over_a_site_is_another_allele(tmp_path):
    deletion = "chr10 998 . GACT G 50 PASS . GT 0/1 0/0 0/0 0/0"
    symbolic = "chr10 990 . G <DEL> 50 PASS END=1010 GT 0/0 0/1 0/0 0/0"
    lines = text(symbolic, deletion, snv("0/0", "0/0", "0/1", "0/2", alt="T,*"))
    assert column(tmp_path, lines) == [None, None, 1, None]
    assert column(tmp_path, text(deletion, snv("./.", "0/1", "0/0", "0/0"))) == [None, 1, 0, 0]


def test_one_allele_alone_is_a_call_on_x_and_half_of_one_elsewhere(tmp_path):
    line = "chrX 500 . C T 50 PASS . GT 0 1 0/1 ."
    site = VariantSite(chrom="X", pos=500, ref="C", alt=("T",))
    assert column(tmp_path, text(line), variants={"snv": site}) == [0, 1, 1, None]
    shown = site.model_copy(update={"coding": "letters"})
    assert column(tmp_path, text(line), variants={"snv": shown}) == ["C", "T", "C/T", None]


def test_a_block_in_which_nothing_was_seen_is_the_reference_for_those_who_were_called(tmp_path):
    line = "chr10 900 . A <NON_REF> . PASS END=1100 GT:GQ:DP 0/0:40:30 0/0:5:30 ./.:.:. 0/0:40:3"
    assert column(tmp_path, text(line)) == [0, 0, None, 0]
    poor = {"least": LeastQuality(gq=20, dp=10, qual=30)}
    assert column(tmp_path, text(line), **poor) == [0, None, None, None]
    beside = text(line, "chr10 1000 . C T,<NON_REF> 50 PASS . GT:GQ:DP 0/1:40:30 0/2:40:30 0/0:40:30 1/1:40:30")
    assert column(tmp_path, beside, **poor) == [1, None, 0, 2]


@pytest.mark.parametrize(
    ("filters", "accepted", "expected"),
    [
        ("q10", ("PASS",), None),
        ("q10", ("PASS", "q10"), 1),
        (".", ("PASS",), None),
        (".", ("PASS", "."), 1),
    ],
)
def test_a_filtered_site_is_missing_unless_it_is_declared_to_count(tmp_path, filters, accepted, expected):
    """The library calls a site to which no filter was applied by the same name as one that passed."""
    other = VariantSite(chrom="10", pos=2000, ref="A", alt=("C",))
    lines = text(snv("0/1", "0/1", "0/1", "0/1", filters=filters), "chr10 2000 . A C 9 PASS . GT 0/1 0/1 0/1 0/1")
    sites = {"snv": SNV, "other": other}
    if expected is None:
        assert "left out by FILTER" in refusal(tmp_path, lines, variants=sites, filters=accepted)
    else:
        assert column(tmp_path, lines, variants=sites, filters=accepted) == [expected] * 4


def test_a_call_below_the_least_quality_or_without_one_is_missing(tmp_path):
    lines = text(snv("0/1:20:10", "0/1:19:10", "0/0:.:10", "1/1:99:9", fields="GT:GQ:DP"))
    assert column(tmp_path, lines, least=LeastQuality(gq=20, dp=10)) == [1, None, None, None]
    assert "of too low a quality" in refusal(tmp_path, lines, least=LeastQuality(qual=51))
    said = refusal(tmp_path, text(snv(*["0/1"] * 4)).replace("##FORMAT=<ID=GQ", "##FORMAT=<ID=XX"), least={"gq": 20})
    assert "it has the field GQ that `source.least.gq` is about" in said


def test_an_absent_site_is_an_error_and_the_reference_only_where_that_is_declared(tmp_path):
    other = VariantSite(chrom="10", pos=2000, ref="A", alt=("C",))
    lines = text(snv("0/0", "0/1", "1/1", "./."))
    said = refusal(tmp_path, lines, variants={"snv": SNV, "other": other})
    assert "variant `other`: somebody's genotype is known at every declared site" in said
    assert "none at 10:2000; most were absent from the file" in said
    table = read(tmp_path, lines, variants={"snv": SNV, "other": other}, absent=REFERENCE).frame
    assert table["other"].tolist() == [0, 0, 0, 0]
    assert table["snv"].isna().tolist() == [False, False, False, True]


def test_a_chromosome_is_the_same_with_chr_and_without_and_one_that_is_not_there_is_no_reference(tmp_path):
    lines = text(snv("0/0", "0/1", "1/1", "./."), prefix="chr")
    assert column(tmp_path, lines) == column(tmp_path, lines.replace("chr10", "10").replace("=chr", "="))
    only = lines.replace("##contig=<ID=chr16", "##contig=<ID=NC_16")
    other = VariantSite(chrom="16", pos=2000, ref="A", alt=("C",))
    said = refusal(tmp_path, only, variants={"snv": SNV, "other": other}, absent=REFERENCE)
    assert "no contig 16, with `chr` or without" in said
    twice = lines.replace("##contig=<ID=chr1,", "##contig=<ID=10,length=133797422>\n##contig=<ID=chr1,")
    assert "a chromosome has one name; received `10` and `chr10`" in refusal(tmp_path, twice)


def test_another_build_is_refused_by_lengths_by_words_and_by_letters(tmp_path):
    calls = snv("0/0", "0/1", "1/1", "./.")
    assert "received one of GRCh37" in refusal(tmp_path, text(calls, build="GRCh37"))
    said = refusal(tmp_path, text(calls, head=("##reference=file:///refs/hg19.fa",), contigs=False))
    assert "it is of the declared build, GRCh38; received one of GRCh37" in said
    silent = text(calls, contigs=False)
    assert "neither the lengths of its chromosomes nor a reference" in refusal(tmp_path, silent)
    assert column(tmp_path, silent, build_known_by="The laboratory says so.") == [0, 1, 2, None]
    assert column(tmp_path, text(calls, head=("##reference=GRCh38.fa",), contigs=False)) == [0, 1, 2, None]
    odd = text(calls).replace("length=133797422", "length=135374737")  # of hg18
    assert "received one of GRCh38 and another one" in refusal(tmp_path, odd)
    wrong = text(calls.replace(" C T ", " G T "))
    assert "the reference at 10:1000 is C, as declared; received other letters" in refusal(tmp_path, wrong)


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda content: "junk\n", "received something else"),
        (lambda content: "", "received something else"),
        (lambda content: content[:-30], "received one that was cut off"),
        (lambda content: content.replace("\tBen\t", "\tAda\t"), "each sample has a name of its own; received 1"),
        (lambda content: content.replace("\t0/0\t0/1\t", "\t0/0\t"), "received one that cannot, or an end"),
        (lambda content: content.replace("\t1000\t", "\tx\t"), "received one that cannot, or an end"),
        (lambda content: content + "\t".join(["chr10", "900", ".", "A", "C", "9", ".", ".", "GT", *["0/1"] * 4]) + "\n",
         "its lines are sorted by chromosome and position"),
        (lambda content: content + content.splitlines()[-1] + "\n", "an allele of a site has one line; received two"),
        (lambda content: content.replace("0/0", "0/7"), "genotypes name alleles of their line; received the number of"),
        (lambda content: content.replace("0/0", "0/0/1"), "a person has one or two alleles of a site; received more"),
        (lambda content: "\n".join("\t".join(line.split("\t")[:9]) if line[:2] != "##" else line
                                   for line in content.splitlines()) + "\n", "received sites alone"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_in_one_line_without_a_sample(tmp_path, capfd, change, received):
    content = text(snv("0/0", "0/1", "1/1", "./."))
    assert received in refusal(tmp_path, change(content))
    said = capfd.readouterr()
    assert not said.out + said.err, "the library's own words may name a sample"


def test_lines_of_a_chromosome_lie_together(tmp_path):
    other = "chr16 5 . A C 9 PASS . GT 0/1 0/1 0/1 0/1"
    lines = text(snv(*["0/0"] * 4), other, snv(*["0/0"] * 4).replace("1000", "2000"))
    assert "sorted by chromosome" in refusal(tmp_path, lines)


def bgzipped(root: Path, *, sites: int = 40) -> Path:
    path = folder(root) / "g.vcf.gz"
    many = {f"s{number}": VariantSite(chrom="9", pos=10 + number, ref="A", alt=("C",)) for number in range(sites)}
    genotypes = {name: ["0/1"] * 4 for name in many} | {"snv": ["0/0", "0/1", "1/1", "./."]}
    write_vcf(path, {**many, "snv": SNV}, genotypes, SAMPLES)
    return path


def index(path: Path) -> Path:
    library = ctypes.CDLL(cyvcf2.cyvcf2.__file__)
    assert library.bcf_index_build(os.fspath(path).encode(), 14) == 0
    return path.with_name(f"{path.name}.csi")


def test_with_an_index_and_without_the_same_is_read(tmp_path, monkeypatch):
    path = bgzipped(tmp_path)
    plain = read_source(source("g.vcf.gz"), tmp_path, study="study")
    index(path)
    monkeypatch.setattr(
        "theragate.cohorts.genomes.vcf_files._Reader._line_by_line", lambda *_: pytest.fail("the index is there")
    )
    by_index = read_source(source("g.vcf.gz"), tmp_path, study="study")
    pd.testing.assert_frame_equal(plain.frame, by_index.frame)
    assert plain.version == by_index.version
    assert plain.frame["snv"].tolist()[:3] == [0, 1, 2]


def test_an_index_of_an_earlier_edition_is_not_used(tmp_path):
    path = bgzipped(tmp_path)
    old = index(path)
    bgzipped(tmp_path, sites=40_000)
    os.utime(old, ns=(0, 0))
    assert read_source(source("g.vcf.gz"), tmp_path, study="study").frame["snv"].tolist()[:3] == [0, 1, 2]


def test_a_packed_file_that_is_cut_off_or_packed_by_another_program_is_refused(tmp_path):
    whole = bgzipped(tmp_path, sites=20_000).read_bytes()
    for cut in (28, 40, len(whole) // 2, len(whole) - 40):
        assert "received one that was cut off" in refusal(tmp_path, whole[:-cut], path="g.vcf.gz")
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    assert "received one that cannot, or an end in the middle" in refusal(tmp_path, bytes(broken), path="g.vcf.gz")
    other = gzip.compress(text(snv(*["0/0"] * 4)).encode())
    assert "is packed by bgzip" in refusal(tmp_path, other, path="g.vcf.gz")


def test_bcf_is_read_as_vcf_is(tmp_path):
    bgzipped(tmp_path)
    expected = read_source(source("g.vcf.gz"), tmp_path, study="study").frame
    file = cyvcf2.VCF(os.fspath(folder(tmp_path) / "g.vcf.gz"))
    writer = cyvcf2.Writer(os.fspath(folder(tmp_path) / "g.bcf"), file, mode="wb")
    for variant in file:
        writer.write_record(variant)
    writer.close()
    pd.testing.assert_frame_equal(read_source(source("g.bcf"), tmp_path, study="study").frame, expected)


def one_each(root: Path) -> Path:
    parts = folder(root) / "parts"
    parts.mkdir()
    for name, genotype in zip(("c", "a", "b"), ("1/1", "0/1", None), strict=True):
        lines = [snv(genotype)] if genotype else []
        (parts / f"{name}.vcf").write_text(text(*lines, samples=(f"sample_{name}",)), encoding="utf-8")
    return parts


def test_a_folder_has_a_file_for_each_person(tmp_path):
    parts = one_each(tmp_path)
    raw = check_source(source("parts"), tmp_path, study="study")
    assert raw.frame["sample"].tolist() == ["sample_a", "sample_b", "sample_c"]
    np.testing.assert_array_equal(raw.frame["snv"], [1, MISSING, 2])
    by_file = read_source(source("parts", named_by="file"), tmp_path, study="study")
    assert by_file.frame["sample"].tolist() == ["a", "b", "c"]
    (parts / "d.vcf").write_text(text(snv("0/0"), samples=("sample_a",)))
    with pytest.raises(DataError, match="a sample is in one file; received 1 that are in several"):
        read_source(source("parts"), tmp_path, study="study")
    (parts / "d.vcf").write_text(text(snv("0/0", "0/1"), samples=("x", "y")))
    with pytest.raises(DataError, match="file 4 of 4: a file of a folder has the genotypes of one person; received 2"):
        read_source(source("parts"), tmp_path, study="study")
    (parts / "d.vcf").write_text(text(snv("0/0"), samples=("x",), build="GRCh37"))
    with pytest.raises(DataError, match="received one of GRCh37"):
        read_source(source("parts"), tmp_path, study="study")
    (parts / "d.vcf").rename(parts / "notes.docx")
    with pytest.raises(DataError, match="received a folder with 1 others"):
        read_source(source("parts"), tmp_path, study="study")


def test_a_link_to_a_folder_is_refused_and_one_to_a_file_is_followed(tmp_path):
    parts = one_each(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    parts.rename(elsewhere)
    parts.symlink_to(elsewhere)
    with pytest.raises(DataError, match="which DVC does not follow: it would notice no change"):
        read_source(source("parts"), tmp_path, study="study")
    parts.unlink()
    parts.mkdir()
    for path in elsewhere.iterdir():
        (parts / path.name).symlink_to(path)
    assert len(read_source(source("parts"), tmp_path, study="study").frame) == 3


def test_samples_become_patients_by_a_table_and_others_are_left_out(tmp_path):
    (folder(tmp_path) / "people.csv").write_text("sample,patient\nDov,004\nBen,002\n")
    raw = read(tmp_path, text(snv("0/0", "0/1", "1/1", "./.")), people="people.csv")
    assert raw.frame["sample"].tolist() == ["002", "004"]
    np.testing.assert_array_equal(raw.frame["snv"], [1, MISSING])
    for content, received in (
        ("sample,patient\nEve,5\n", "received 1 that are not"),
        ("sample,patient\nBen,1\nDov,1\n", "a sample or a patient twice"),
        ("sample\nBen\n", "received another file"),
        ("sample,patient\nBen,\n", "rows that lack one of them"),
    ):
        (folder(tmp_path) / "people.csv").write_text(content)
        assert received in refusal(tmp_path, text(snv(*["0/1"] * 4)), people="people.csv")


STARS = {
    "two": VariantSite(chrom="10", pos=1000, ref="C", alt=("T",), coding="none"),
    "three": VariantSite(chrom="10", pos=2000, ref="A", alt=("C",), coding="none"),
}
TABLE = "gene,allele,variant,base,activity\nG,*1,,,1\nG,*2,two,T,0.5\nG,*3,three,C,0\n"
CIS = TABLE + "G,*4,two,T,0\nG,*4,three,C,0\n"


def star(root: Path, two: tuple[str, ...], three: tuple[str, ...], table: str = TABLE, **keys: Any) -> pd.DataFrame:
    (folder(root) / "stars.csv").write_text(table)
    (folder(root) / "phenotypes.csv").write_text(
        "gene,activity,phenotype\nG,2,normal\nG,1,less\nG,0.5,poor\nG,0,poor\n"
    )
    stars = StarAlleles(table="stars.csv", **keys)
    fields = ["GT:PS" if ":" in each[0] else "GT" for each in (two, three)]
    second = snv(*three, fields=fields[1], alt="C,G").replace("1000 . C", "2000 . A")
    lines = text(snv(*two, fields=fields[0], alt="T,G"), second)
    return read(root, lines, variants=STARS, star_alleles=stars).frame


def test_star_alleles_follow_from_their_table(tmp_path):
    found = star(tmp_path, ("0/0", "0/1", "0/1", "1/1"), ("0/0", "0/0", "0/1", "0/0"), phenotypes="phenotypes.csv")
    assert found["G"].tolist() == ["*1/*1", "*1/*2", "*2/*3", "*2/*2"]
    assert found["G_activity"].tolist() == [2, 1.5, 0.5, 1]
    assert found["G_phenotype"].tolist() == ["normal", "indeterminate", "poor", "less"]
    assert "two" not in found


def test_a_missing_site_is_never_taken_for_the_wild_type(tmp_path):
    found = star(tmp_path, ("0/0", "./.", "0/.", "1/1"), ("./.", "0/0", "1/1", "./."))
    assert found["G"].tolist() == ["indeterminate", "indeterminate", "*3/*3", "*2/*2"]
    missing = star(tmp_path, ("0/0", "./.", "0/.", "0/2"), ("./.", "0/0", "0/1", "0/0"), several="missing")
    assert missing["G"].isna().all()
    assert missing["G_activity"].isna().all()


@pytest.mark.parametrize(
    ("two", "three", "expected"),
    [
        (("0/1", "0|1", "0|1", "1|0"), ("0/1", "1|0", "0|1", "0/1"),
         ["indeterminate", "*2/*3", "*1/*4", "indeterminate"]),
        (("0|1:7", "0|1:7", "0|1:7", "0|1:7"), ("0|1:7", "1|0:7", "0|1:9", "0/1:7"),
         ["*1/*4", "*2/*3", "indeterminate", "indeterminate"]),
    ],
)  # fmt: skip
def test_phase_decides_between_diplotypes_only_where_it_is_known(tmp_path, two, three, expected):
    found = star(tmp_path, two, three, table=CIS)
    assert found["G"].tolist() == expected
    assert found["G_activity"].isna().tolist() == [word == "indeterminate" for word in expected]


def test_an_allele_that_no_definition_has_is_indeterminate(tmp_path):
    found = star(tmp_path, ("0/2", "1/1", "0/0", "0/0"), ("0/0", "0/1", "0/0", "0/1"))
    assert found["G"].tolist() == ["indeterminate", "indeterminate", "*1/*1", "*1/*3"]


@pytest.mark.parametrize(
    ("table", "received"),
    [
        ("gene,allele\nG,*1\n", "received one without `variant`"),
        (TABLE.replace("two", "tow"), "received `tow`. Did you mean `two`?"),
        (TABLE.replace("two,T", "two,G"), "the base of `two` is one of its `alt`, T; received `G`"),
        (TABLE.replace("G,*1,,,1\n", ""), "one allele has no variant: it is the reference; received 0"),
        (TABLE + "G,*9,two,T,1\n", "alleles differ in their variants"),
        (TABLE.replace("*2,two,T,0.5", "*2,two,T,"), "all alleles have an activity, or none"),
        (TABLE.replace("0.5", "half"), "an activity is a number; received `half`"),
    ],
)
def test_a_wrong_table_of_star_alleles_is_refused(tmp_path, table, received):
    with pytest.raises(DataError) as caught:
        star(tmp_path, ("0/0",) * 4, ("0/0",) * 4, table=table)
    assert received in str(caught.value)


def test_warfarin_genotypes_go_through_a_file_and_come_back(tmp_path):
    world = warfarin(300, np.random.default_rng(5))
    path = folder(tmp_path) / "g.vcf.gz"
    write_vcf(path, WARFARIN_SITES, warfarin_genotypes(world), [f"person-{number}" for number in range(300)])
    first = path.read_bytes()
    write_vcf(path, WARFARIN_SITES, warfarin_genotypes(world), [f"person-{number}" for number in range(300)])
    assert path.read_bytes() == first
    (folder(tmp_path) / "stars.csv").write_text(WARFARIN_STARS)
    stars = StarAlleles(table="stars.csv", several="missing")
    raw = check_source(source("g.vcf.gz", variants=dict(WARFARIN_SITES), star_alleles=stars), tmp_path, study="study")
    assert raw.simulated
    for name in ("vkorc1", "cyp2c9", "rs12777823"):
        pd.testing.assert_series_equal(raw.frame[name], world[name], check_dtype=False)


def test_a_later_patient_is_read_by_the_same_recipe_and_what_is_absent_is_missing(tmp_path):
    (folder(tmp_path) / "stars.csv").write_text(TABLE)
    keys = {"variants": {"snv": SNV, "three": STARS["three"], "two": STARS["two"].model_copy(update={"pos": 3000})},
            "star_alleles": StarAlleles(table="stars.csv"), "people": "absent.csv"}  # fmt: skip
    raw = later(tmp_path, text(snv("0/1"), samples=("Eve",)), **keys)
    assert raw.frame["snv"].tolist() == [1]
    assert raw.frame["G"].tolist() == ["indeterminate"]
    absent = later(tmp_path, text(samples=("Eve",)), **keys).frame
    assert absent["snv"].isna().all()
    with pytest.raises(DataError, match=r"`one\.vcf`: it is of the declared build, GRCh38; received one of GRCh37"):
        later(tmp_path, text(snv("0/1"), samples=("Eve",), build="GRCh37"), **keys)


def test_the_example_of_the_page_is_read_as_it_says(tmp_path):
    page = (ROOT / "docs" / "sources" / "vcf.md").read_text(encoding="utf-8")
    entry, stars = (re.search(f"```{kind}\n(.*?)```", page, re.DOTALL).group(1) for kind in ("yaml", "csv"))
    spec = VcfSource.model_validate(as_tuples(yaml.safe_load(entry)["source"]), strict=True)
    assert spec.variants == {**WARFARIN_SITES}
    world = warfarin(60, np.random.default_rng(1))
    (folder(tmp_path) / "stars.csv").write_text(stars)
    write_vcf(folder(tmp_path) / spec.path, WARFARIN_SITES, warfarin_genotypes(world), [f"p{n}" for n in range(60)])
    raw = check_source(spec, tmp_path, study="study")
    assert list(raw.frame) == ["sample", "vkorc1", "rs12777823", "cyp2c9", "cyp2c9_activity"]
    assert raw.frame["cyp2c9"].fillna("").tolist() == world["cyp2c9"].fillna("indeterminate").tolist()


def test_what_is_missing_is_told_by_numbers_that_are_not_small(tmp_path):
    people = tuple(f"person-{number}" for number in range(30))
    calls = ["./."] * 12 + ["0/."] * 3 + ["0/1"] * 15
    (folder(tmp_path) / "people.csv").write_text("sample,patient\n" + "".join(f"{p},{p[7:]}\n" for p in people[:29]))
    raw = read(tmp_path, text(snv(*calls), samples=people), people="people.csv")
    assert raw.notes == (
        "`snv`: of 30 genotypes 12 not called, fewer than 11 called in part: missing.",
        "fewer than 11 samples that `source.people` does not name were left out.",
    )
    assert "person" not in repr(raw.notes) + raw.version


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from theragate.cohorts.sources import _vcf

    read_as_ever = _vcf.read_header

    def changed(path: Path, *, subject: str) -> Any:
        found = read_as_ever(path, subject=subject)
        path.write_text(path.read_text() + "\n")
        return found

    monkeypatch.setattr(_vcf, "read_header", changed)
    assert "received one that was changed meanwhile" in refusal(tmp_path, text(snv(*["0/0"] * 4)))


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ({"ref": "CA", "alt": ["TA"]}, "a variant is written with as few letters"),
        ({"ref": "CAG", "alt": ["CG"]}, "a variant is written with as few letters"),
        ({"ref": "C", "alt": ["C"]}, "differ"),
        ({"ref": "C", "alt": ["<DEL>"]}, "String should match pattern"),
        ({"ref": "C", "alt": []}, "at least 1"),
        ({"ref": "C", "alt": ["T"], "chrom": "NC_10"}, "String should match pattern"),
    ],
)
def test_a_site_that_could_never_be_found_is_refused_in_params(keys, rule):
    with pytest.raises(ValueError, match=rule):
        VariantSite.model_validate({"chrom": "10", "pos": 5} | keys)


def test_an_allele_is_asked_about_once_and_something_becomes_a_column():
    with pytest.raises(ValueError, match="asked about once"):
        source(variants={"a": SNV, "b": SNV.model_copy(update={"chrom": "chr10"})})
    with pytest.raises(ValueError, match="some variant becomes a column"):
        source(variants={"a": SNV.model_copy(update={"coding": "none"})})
    assert isinstance(source().at("x.vcf"), VcfSource)
    assert [source().takes(Path(name)) for name in ("A.VCF", "a.vcf.gz", "a.bcf", "a.csv")] == [True, True, True, False]
