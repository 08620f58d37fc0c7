"""A later patient's genotypes, from a VCF file to the champion's answer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cohorts.genomes.people import snv, source, text
from patients import make_world

from theragate.errors import ConfigurationError
from theragate.personal.answers import PersonalModel
from theragate.registry.loading import Champion
from theragate.registry.predict import DeclaredSource, InputForm, predict_file
from theragate.study import VariantSite


@pytest.fixture(scope="module")
def personal() -> PersonalModel:
    return make_world("binary", "logistic").fitted.personal


@pytest.fixture(scope="module")
def champion(personal: PersonalModel) -> Champion:
    return Champion("small_binary", "1", None, None, personal)  # type: ignore[arg-type] # nothing of them is asked


@pytest.fixture
def declared(tmp_path: Path) -> DeclaredSource:
    """The model's columns are genotypes: a number of alleles where it knows a marker, letters where it knows a sex."""
    sites = {
        "age": VariantSite(chrom="10", pos=1000, ref="C", alt=("T",)),
        "marker": VariantSite(chrom="10", pos=2000, ref="C", alt=("T",)),
        "sex": VariantSite(chrom="10", pos=3000, ref="C", alt=("T",), coding="letters"),
    }
    return DeclaredSource(source(variants=sites), (), tmp_path / "sources" / "small_binary")


def at(position: int, *genotypes: str) -> str:
    return snv(*genotypes).replace(" 1000 ", f" {position} ")


def test_a_file_of_one_person_is_answered_by_the_recipe_of_the_cohort(champion, personal, declared, tmp_path):
    file = tmp_path / "one.vcf"
    file.write_text(text(at(1000, "0/1"), at(2000, "./."), samples=("Eve",)))
    target = tmp_path / "answers.csv"
    predict_file(champion, file, target, id_column=None, declared=declared)
    found = pd.read_csv(target)
    expected = personal.answer(pd.DataFrame({"age": [1.0], "marker": [np.nan], "sex": pd.Series([None], dtype="str")}))
    assert found["answer"].tolist() == expected["answer"].tolist()
    assert found["reason"].fillna("").tolist() == expected["reason"].fillna("").tolist()
    np.testing.assert_allclose(found["prediction"], expected["prediction"])
    assert "Eve" not in target.read_text()


def test_several_people_are_told_apart_by_name_or_refused(champion, declared, tmp_path):
    file, target = tmp_path / "two.vcf", tmp_path / "answers.csv"
    file.write_text(text(at(1000, "0/1", "1/1"), samples=("Eve", "Flo")))
    with pytest.raises(
        ConfigurationError, match=r"received 2 samples, and no `--id`\. Give .* or `--id sample`"
    ) as error:
        predict_file(champion, file, target, id_column=None, declared=declared)
    assert "Eve" not in str(error.value)
    assert not target.exists()
    predict_file(champion, file, target, id_column="sample", declared=declared)
    assert pd.read_csv(target)["sample"].tolist() == ["Eve", "Flo"]
    with pytest.raises(ConfigurationError, match="records, which are read by the study's own recipe"):
        predict_file(champion, file, target, id_column="sample", declared=declared, form=InputForm(separator=";"))
