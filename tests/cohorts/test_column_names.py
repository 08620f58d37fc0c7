"""Names of columns as words."""

import pytest

from theragate.cohorts.column_names import spellings, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ageAtEntry", ["age", "at", "entry"]),
        ("Pat.-Nr.", ["pat", "nr"]),
        ("código_postal", ["codigo", "postal"]),
        ("ÂgeAdmission", ["age", "admission"]),
        ("Straße 2", ["strasse"]),
        ("Größe(cm)", ["grosse", "cm"]),
        ("MRN", ["mrn"]),
        ("__1__", []),
    ],
)
def test_words_end_where_case_or_a_sign_says_so(name, words):
    assert words_of(name) == words


def test_a_word_is_known_with_and_without_the_umlauts_of_its_keyboard():
    assert spellings("Gerätenummer") == {"geratenummer", "geraetenummer"}
    assert spellings("straße") == {"strasse"}
    assert {words_of("Geraetenummer")[0], words_of("GERÄTENUMMER")[0]} == spellings("Gerätenummer")
