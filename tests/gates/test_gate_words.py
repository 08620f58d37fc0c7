"""How metrics, counts and groups are put into words."""

from theragate.gates.words import capital, group_words, listing, title
from theragate.numbers import plural


def test_a_log_ratio_is_spoken_of_as_the_ratio():
    assert title("log_observed_expected") == "observed over expected events"


def test_titles_stand_in_a_sentence():
    assert title("sensitivity") == "sensitivity"
    assert title("brier_skill") == "Brier skill score"
    assert title("something_new") == "something new"


def test_small_words():
    assert plural(1, "event") == "1 event"
    assert plural(2000, "event") == "2,000 events"
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert capital("area under the ROC curve") == "Area under the ROC curve"
    assert group_words("age_band", ">75") == "age band >75"
    assert group_words("sex & age_band", "female & >75") == "sex & age band: female & >75"
