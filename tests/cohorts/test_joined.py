"""A base and its parts: who is joined with what, and what is refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from cohorts.declared import WORDS, study_folder
from cohorts.genomes.people import text
from support import ROOT

from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources import check_source, open_source, read_later_joined, read_source
from theragate.errors import ConfigurationError, DataError
from theragate.study import JoinedSource, Study, parse
from theragate.testing.cohorts import study_entry

PATIENTS = [f"{number:04d}" for number in range(1, 41)]
BASE = pd.DataFrame({"id": PATIENTS, "seen": "2024-03-10", "age": range(40, 80)})
LABORATORY = pd.DataFrame({"mrn": PATIENTS[::-1][:30], "taken": "2024-03-01", "crp": [float(n) for n in range(30)]})
SEEN = {"columns": {"seen": {"date": "ISO8601"}}}
TAKEN = {"columns": {"taken": {"date": "ISO8601"}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = study_folder(tmp_path)
    BASE.to_csv(made / "base.csv", index=False)
    LABORATORY.to_csv(made / "laboratory.csv", index=False)
    return made


def csv(path: str, identity: str = "id", **more: Any) -> dict[str, Any]:
    return {"kind": "file", "path": path, "id": identity, **WORDS, **more}


def joined(**changes: Any) -> JoinedSource:
    laboratory = {"source": csv("laboratory.csv", "mrn", **TAKEN), "at_least": 0.7, "date": "taken"}
    keys = {"base": csv("base.csv", **SEEN), "index": "seen", "parts": {"laboratory": laboratory}}
    return parse(JoinedSource, {"kind": "joined", **WORDS, **keys, **changes}, at="source")


def laboratory(**changes: Any) -> dict[str, Any]:
    part = {"source": csv("laboratory.csv", "mrn", **TAKEN), "at_least": 0.7, "date": "taken"}
    return {"laboratory": {key: value for key, value in {**part, **changes}.items() if value is not None}}


def refused(source: JoinedSource, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_source(source, folder.parents[1], study="s")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_patient_has_what_the_part_knows(folder):
    read = read_source(joined(), folder.parents[1], study="s")
    frame = read.frame.set_index("id")
    assert list(frame.index) == PATIENTS
    assert list(frame.columns) == ["seen", "age", "has_laboratory", "crp"]
    expected = LABORATORY.set_index("mrn")["crp"].reindex(PATIENTS)
    pd.testing.assert_series_equal(frame["crp"], expected, check_names=False)
    assert (frame["has_laboratory"] == "yes").equals(expected.notna())
    assert read.id_column == "id"
    assert read.version.count("sha256") == 2
    assert read.notes == ("part `laboratory`: known of 30 of 40 patients, not of fewer than 11",)


def test_the_version_is_another_where_a_part_is(folder):
    before = read_source(joined(), folder.parents[1], study="s").version
    LABORATORY.assign(crp=0.0).to_csv(folder / "laboratory.csv", index=False)
    assert read_source(joined(), folder.parents[1], study="s").version != before


def test_columns_that_wait_on_the_disk_are_joined_alike(folder, tmp_path):
    whole = read_source(joined(), folder.parents[1], study="s").frame
    with Scratch(tmp_path / "scratch", in_memory=0) as scratch:
        kept = open_source(joined(), folder.parents[1], study="s", scratch=scratch).columns.frame()
    pd.testing.assert_frame_equal(kept, whole)


def test_patients_of_a_source_without_ids_are_the_numbers_of_their_rows(folder):
    LABORATORY.assign(mrn=range(5, 35)).to_csv(folder / "laboratory.csv", index=False)
    source = joined(
        base={"kind": "simulated", "world": "iwpc_warfarin", "patients": 50, "seed": 1, **WORDS},
        index=None,
        parts=laboratory(date=None, at_least=0.5),
    )
    # Of patients who do not exist, nobody else knows anything.
    assert "part `laboratory`: simulated patients are joined with simulated ones alone" in refused(source, folder)


def test_two_simulated_sources_are_one_world(folder):
    world = {"kind": "simulated", "world": "iwpc_warfarin", "patients": 50, "seed": 1, **WORDS}
    source = joined(base=world, index=None, parts={"again": {"source": world, "at_least": 1.0, "prefix": "again_"}})
    read = read_source(source, folder.parents[1], study="s")
    assert read.simulated
    assert read.version.startswith("SIMULATED")
    assert read.id_column is None
    assert read.frame["dose"].equals(read.frame["again_dose"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda lab: lab.head(20),
            "part `laboratory`: it knows of at least 70% of the patients; received 20 of 40 (50.0%), by 20 ids. Mend",
        ),
        (
            lambda lab: lab.assign(mrn=lab["mrn"].str.lstrip("0")),
            "received 0 of 40 (0.0%), by 30 ids. Without spaces, capitals and zeros in front they would be enough",
        ),
        (
            lambda lab: pd.concat([lab, lab.head(3)]),
            "each row is of a patient of its own, whom its id names; received 0 rows without an id and 3 that repeat",
        ),
        (
            lambda lab: lab.assign(mrn=lab["mrn"].where(lab["crp"] > 4)),
            "received 5 rows without an id and 0 that repeat",
        ),
        (
            lambda lab: lab.assign(taken=["2024-03-11"] * 12 + ["2024-03-10"] * 18),
            "what it knows was known by the patient's index day; received 12 of 30 patients with a later date",
        ),
        (
            lambda lab: lab.assign(taken=["", *lab["taken"][1:]]),
            "column `taken`: each row has a date, such as 2019-06-13; received 1 rows with something else, or with",
        ),
        (lambda lab: lab.rename(columns={"crp": "age"}), "each column of a joined cohort has a name of its own"),
        (lambda lab: lab.drop(columns="taken"), "no such column"),
    ],
)
def test_what_does_not_fit_is_one_sentence(folder, change, sentence):
    change(LABORATORY).to_csv(folder / "laboratory.csv", index=False)
    said = refused(joined(), folder)
    assert sentence in said
    assert not any(identity in said for identity in PATIENTS)


def test_a_prefix_keeps_names_apart(folder):
    LABORATORY.rename(columns={"crp": "age"}).to_csv(folder / "laboratory.csv", index=False)
    frame = read_source(joined(parts=laboratory(prefix="lab_")), folder.parents[1], study="s").frame
    assert list(frame.columns) == ["id", "seen", "age", "has_laboratory", "lab_age"]


def test_whole_numbers_and_truths_survive_a_part_that_lacks_somebody(folder):
    LABORATORY.assign(visits=range(30), smoker=True).to_parquet(folder / "laboratory.parquet")
    part = laboratory(source=csv("laboratory.parquet", "mrn", **TAKEN))
    frame = read_source(joined(parts=part), folder.parents[1], study="s").frame
    assert frame["visits"].sum() == sum(range(30))
    assert set(frame["smoker"].dropna()) == {True}
    assert frame["smoker"].isna().sum() == 10


def test_one_row_counts_where_the_source_says_which(folder):
    again = pd.concat([LABORATORY, LABORATORY.head(3).assign(crp=99.0)])
    again.to_csv(folder / "laboratory.csv", index=False)
    last = csv("laboratory.csv", "mrn", **TAKEN, repeated={"keep": "last", "reason": "The newest counts."})
    frame = read_source(joined(parts=laboratory(source=last)), folder.parents[1], study="s").frame
    assert (frame["crp"] == 99).sum() == 3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"index": None}, r"`parts.laboratory.date` is held against `index`"),
        ({"parts": laboratory(date=None)}, "`index` is what the `date` of a part is held against"),
        ({"base": {"kind": "file", "path": "base.csv", **WORDS}}, "has an `id`, by which its rows find their patients"),
        ({"parts": {}}, "at least 1 item"),
        ({"parts": laboratory(at_least=0)}, "greater than 0"),
        ({"base": {"kind": "joined"}}, "kind"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(changes, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        joined(**changes)


def test_who_lacks_a_part_is_a_group(folder):
    source = {"kind": "joined", **WORDS, "base": csv("base.csv"), "parts": laboratory(date=None)}
    entry = study_entry("binary") | {"source": source}
    with pytest.raises(ConfigurationError, match=r"`subgroups` has one of the column `has_laboratory` \(`yes`, `no`\)"):
        Study.read(entry, name="small", gate_keys={})
    group = {"title": "Laboratory", "column": "has_laboratory", "labels": {"yes": "Laboratory", "no": "None taken"}}
    made = Study.read(entry | {"subgroups": {**entry["subgroups"], "laboratory": group}}, name="small", gate_keys={})
    assert made.subgroups["laboratory"].column == "has_laboratory"
    everybody = {"laboratory": source["parts"]["laboratory"] | {"at_least": 1.0}}
    Study.read(entry | {"source": {**source, "parts": everybody}}, name="small", gate_keys={})


def test_a_part_is_checked_as_a_source_is():
    nobody = {"source": {"kind": "bundled", "name": "nobody", **WORDS}, "at_least": 1.0}
    source = joined(index=None, parts={"other": nobody})
    with pytest.raises(ConfigurationError, match=r"key `studies.s.source.parts.other.source.name`: a bundled cohort"):
        check_source(source, study="s")


def later(folder: Path, parts: dict[str, Path], source: JoinedSource | None = None) -> pd.DataFrame:
    frame, identity = read_later_joined(
        source or joined(),
        folder / "later.csv",
        parts,
        folder,
        features=["age", "has_laboratory", "crp"],
        texts=["has_laboratory"],
        environ={},
    )
    assert identity == "id"
    return frame


def test_later_patients_are_joined_alike(folder):
    BASE.head(2).assign(id=["0501", "0502"]).to_csv(folder / "later.csv", index=False)
    LABORATORY.head(1).assign(mrn="0502", crp=7.5).to_csv(folder / "today.csv", index=False)
    frame = later(folder, {"laboratory": folder / "today.csv"})
    assert list(frame["has_laboratory"]) == ["no", "yes"]
    assert frame["crp"].isna().tolist() == [True, False]
    assert list(frame["age"]) == [40, 41]


def test_a_part_that_is_not_at_hand_is_missing(folder):
    BASE.head(2)[["id", "age"]].to_csv(folder / "later.csv", index=False)
    frame = later(folder, {})
    assert list(frame["has_laboratory"]) == ["no", "no"]
    assert frame["crp"].isna().all()


def test_what_comes_after_the_index_day_is_refused_of_later_patients_too(folder):
    BASE.head(1).to_csv(folder / "later.csv", index=False)
    LABORATORY.head(1).assign(mrn="0001", taken="2025-01-01").to_csv(folder / "today.csv", index=False)
    with pytest.raises(DataError, match="was known by the patient's index day; received 1 of 1 patients"):
        later(folder, {"laboratory": folder / "today.csv"})


@pytest.mark.parametrize(
    ("name", "file", "sentence"),
    [
        ("labratory", "today.csv", "a part of the study is one of laboratory; received `labratory`. Did you mean"),
        ("laboratory", "nowhere.csv", "what a part is read from exists; received nothing"),
        ("laboratory", "today.doc", "by how its name ends; received `.doc`"),
    ],
)
def test_a_part_that_is_none_is_refused(folder, name, file, sentence):
    BASE.head(1).to_csv(folder / "later.csv", index=False)
    if file != "nowhere.csv":
        (folder / file).write_text("mrn\n")
    with pytest.raises((DataError, ConfigurationError), match=sentence):
        later(folder, {name: folder / file})


def test_the_example_of_the_page_is_read(folder):
    """With a registry, a laboratory and a panel of genotypes; and the groups of the page fit its study."""
    page = (ROOT / "docs" / "sources" / "joined.md").read_text(encoding="utf-8")
    source, groups = (yaml.safe_load(block.partition("```")[0]) for block in page.split("```yaml\n")[1:3])
    BASE.rename(columns={"id": "mrn", "seen": "admitted"}).to_csv(folder / "registry.csv", index=False)
    LABORATORY.assign(mrn=PATIENTS[:30]).head(32).to_csv(folder / "laboratory.csv", index=False)
    part = source["source"]["parts"]["laboratory"]
    part["at_least"] = 0.75  # thirty of forty
    site = "chr16 31096368 . C T 50 PASS . GT 0/0 0/1 1/1 ./." + " 0/1" * 20
    (folder / "genotypes.vcf").write_text(text(site, samples=(*PATIENTS[:23], "9999")))
    read = read_source(parse(JoinedSource, source["source"], at="source"), folder.parents[1], study="s")
    assert list(read.frame.columns) == [
        "mrn", "admitted", "age", "has_laboratory", "crp", "has_genotypes", "gene_vkorc1",
    ]  # fmt: skip
    assert read.frame["gene_vkorc1"].head(4).tolist()[:3] == [0, 1, 2]
    assert read.frame["gene_vkorc1"].isna().sum() == 40 - 22
    assert read.frame["has_genotypes"].value_counts().to_dict() == {"yes": 23, "no": 17}
    assert any(
        "part `genotypes`: known of 23 of 40 patients, not of 17; of its patients, fewer than 11 are" in note
        for note in read.notes
    )
    entry = study_entry("binary")
    Study.read(entry | source | {"subgroups": entry["subgroups"] | groups["subgroups"]}, name="small", gate_keys={})
    (folder / "today.vcf").write_text(text(site.replace(" 0/1" * 20, ""), samples=("0501", "0502", "0503", "0504")))
    later_registry = BASE.head(2).assign(id=["0502", "0505"]).rename(columns={"id": "mrn", "seen": "admitted"})
    later_registry.to_csv(folder / "today.csv", index=False)
    frame, _ = read_later_joined(
        parse(JoinedSource, source["source"], at="source"),
        folder / "today.csv",
        {"genotypes": folder / "today.vcf"},
        folder,
        features=["age", "crp", "gene_vkorc1", "has_genotypes", "has_laboratory"],
        texts=[],
        environ={},
    )
    assert frame["gene_vkorc1"].fillna(-1).tolist() == [1, -1]
    assert list(frame["has_laboratory"]) == ["no", "no"]
