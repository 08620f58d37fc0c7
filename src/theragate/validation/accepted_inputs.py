"""From a study's suite to the rules that hold patient by patient, for answers to new patients."""

from typing import Any

from theragate.cohorts.deidentify import top_ages
from theragate.study import AcceptedInputs, InputRule, Study
from theragate.validation.suites import Expectation, Suite

__all__ = ["accepted_inputs"]

_KINDS: dict[str, Any] = {
    "expect_column_values_to_be_between": "between",
    "expect_column_values_to_be_in_set": "one_of",
    "expect_column_values_to_not_be_in_set": "none_of",
    "expect_column_values_to_match_regex": "matches",
    "expect_column_values_to_not_match_regex": "matches_not",
    "expect_column_value_lengths_to_be_between": "length",
    "expect_column_pair_values_a_to_be_greater_than_b": "above",
    "expect_column_pair_values_to_be_equal": "equal",
    "expect_column_pair_values_ratio_to_be_between": "ratio",
}


def accepted_inputs(suite: Suite, study: Study) -> AcceptedInputs:
    """Return the rules of `suite` that hold for every single patient.

    A rule with ``mostly`` is about the cohort, and single patients may break it; so are rules about means, counts or
    completeness. A suite's words (descriptions, reasons) are left out, so that a better wording changes nothing.
    """
    rules = (
        _rule(expectation)
        for expectation in suite.expectations
        if expectation.type in _KINDS and expectation.kwargs.get("mostly", 1) == 1
    )
    kept = tuple(rule for rule in rules if "patient" not in rule.columns)
    return AcceptedInputs(study=study.name, rules=kept, top_coded=top_ages(study.deidentification))


def _rule(expectation: Expectation) -> InputRule:
    given = expectation.kwargs
    above = expectation.type == "expect_column_pair_values_a_to_be_greater_than_b"
    return InputRule(
        id=expectation.meta.id,
        kind=_KINDS[expectation.type],
        columns=expectation.columns,
        decisive=expectation.severity == "critical",
        low=given.get("min_value"),
        high=given.get("max_value"),
        strict_low=given.get("strict_min", above and not given.get("or_equal", False)),
        strict_high=given.get("strict_max", False),
        values=tuple(given.get("value_set", ())),
        pattern=given.get("regex", ""),
        unit=expectation.meta.unit,
    )
