"""Names: one alias and one person, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theragate.release.names import folded, same_alias, same_person


@pytest.mark.parametrize(
    "variant",
    [
        "champion",
        "Champion",
        "CHAMPION",
        "champion\n",
        " champion\t",
        "ｃｈａｍｐｉｏｎ",
        "Ｃhampion",
        "cham\u200bpion",
        "champion\u00ad",
        "\ufeffchampion",
        "ⓒⓗⓐⓜⓟⓘⓞⓝ",
        "𝐜𝐡𝐚𝐦𝐩𝐢𝐨𝐧",
    ],
)
def test_every_spelling_of_a_protected_alias_is_it(variant):
    assert same_alias(variant, ["champion"])
    assert same_alias("champion", [variant])


@pytest.mark.parametrize("other", ["candidate", "champion2", "previous", "", "cham pion"])
def test_another_alias_is_another(other):
    assert not same_alias(other, ["champion"])


@given(st.text(max_size=40))
def test_folding_is_done_once(text):
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada", "ADA"),
        ("ada", " ada\n"),
        ("ada", "ada@example.org"),
        ("ada", "Ada Lovelace <ada@example.org>"),
        ("Ada Lovelace", "ada  lovelace"),
        ("ada@example.org", "Ada <ada@elsewhere.org>"),
        ("ａｄａ", "ada"),
        ("Straße", "STRASSE"),
        ("a\u200bda", "ada"),
    ],
)
def test_a_person_is_one_under_several_names(one, other):
    assert same_person(one, other)
    assert same_person(other, one)


@pytest.mark.parametrize(("one", "other"), [("ada", "bob"), ("ada", "Bob <bob@ada.org>"), ("", ""), ("<>", "@")])
def test_two_people_are_two(one, other):
    assert not same_person(one, other)
