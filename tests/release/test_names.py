"""Names: one alias and one person, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theragate.release.names import as_seen, folded, looks_like, same_alias, same_person, skeleton, unseen_in


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


LOOKALIKES = [
    "champi0n",
    "\u0441hampion",  # Cyrillic
    "champi\u03bfn",  # Greek
    "CHAMPI\u039fN",
    "\u0421\u041d\u0410\u041c\u0420ION",  # capitals, drawn like Latin ones where the small letters are not
    "charnpion",
    "champion_",
    "-champion.",
    "champion\u115f",
    "champion\u1160",
    "cham\u3164pion",
    "champion\uffa0",
    "cham\u034fpion",
    "champion\u180b",
    "champion\ufe0f",
    "champion\U000e0100",
    "champion\U000e0041",
    "champion\u2800",
    "champ|on",
    "champ1on",
]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_name_that_a_reader_takes_for_the_alias_is_it(name):
    assert same_alias(name, ["champion"])


def test_names_that_are_not_alike():
    known = ["candidate", "challenger", "previous", "shadow", "pilot", "rollback", "latest-good"]
    for name in known:
        assert looks_like(name, [other for other in ("champion", *known) if other != name]) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5tudy_2", "study_2"),
        ("8reast_cancer", "breast_cancer"),
        ("9race", "grace"),
        ("lun9", "lung"),
        ("ri5k_2a", "risk_za"),
    ],
)
def test_a_digit_among_letters_passes_for_one(one, other):
    assert looks_like(one, [other]) == other


@pytest.mark.parametrize(("one", "other"), [("study_2", "study_z"), ("week2", "week5"), ("week8", "week9"), ("5", "s")])
def test_numbered_names_are_not_alike(one, other):
    assert looks_like(one, [other]) is None


@given(st.text(max_size=30))
def test_a_skeleton_is_the_same_for_every_spelling(text):
    assert skeleton(folded(text)) == skeleton(text)
    assert skeleton(skeleton(text)) == skeleton(text)


@given(st.text(max_size=30))
def test_what_is_shown_as_seen_hides_nothing(text):
    assert unseen_in(as_seen(text)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Read the card; the limits are as agreed.",
        "Die Grenzen gelten wie vereinbart, 5 µg und 3 μmol.",
        "Границы те же, что и в мае.",
        "Τα όρια συμφωνήθηκαν τον Μάιο.",
        "限界は五月に合意した通り (CRP)",
        "TNF-α and IFN-γ are measured.",
        "علی\u200cرضا",
        "क्\u200dष",
        "naïve café Ørsted ß",
        "👩 🙂",
    ],
)
def test_texts_of_all_the_world_are_seen(text):
    assert unseen_in(text) == ""
    assert as_seen(text) == text


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("fine\u115f", "U+115F"),
        ("fine\u3164", "U+3164"),
        ("fine\u034f", "U+034F"),
        ("fine\ufe0e", "U+FE0E"),
        ("fine\U000e0101", "U+E0101"),
        ("fine\U000e0063", "U+E0063"),
        ("fi\u202ene", "U+202E"),
        ("fi\u200cne", "U+200C"),
        ("fi\u2066ne", "U+2066"),
        ("fine\ue000", "U+E000"),
        ("fine\u0378", "U+0378"),
        ("fine\u2800", "U+2800"),
        ("fine\ud800", "U+D800"),
        ("one\u2028two", "U+2028"),
        ("it \u0441an go", "CYRILLIC SMALL LETTER ES within a word of Latin letters"),
        ("the p\u03b1tient", "GREEK SMALL LETTER ALPHA within"),
    ],
)
def test_what_a_reader_does_not_see_is_named(text, what):
    assert what in unseen_in(text)
