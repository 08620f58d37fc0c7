"""The form of an answer: its columns, and the words of the column `answer`."""

from typing import Final

__all__ = ["COLUMNS", "NOT_SURE", "NO_ANSWER", "PREDICTION"]

PREDICTION: Final = "prediction"
NOT_SURE: Final = "not sure: a clinician decides"
NO_ANSWER: Final = "no answer"

COLUMNS: Final[dict[str, type]] = {
    "prediction": float,
    "lower": float,
    "upper": float,
    "not_shown_for": str,
    "typical": float,
    "answer": str,
    "reason": str,
    "missing": str,
    "drivers": str,
    "predicts": str,
    "model": str,
    "version": str,
    "status": str,
}
"""What `PersonalModel.answer` returns, one row per patient.

``prediction``: the risk (0 to 1), the quantity or the benefit in the study's unit; missing where ``answer`` is
`NO_ANSWER`, and for everybody where benefits are not shown to differ between patients.
``lower``, ``upper``: its interval; `theragate.personal.intervals` and `theragate.personal.benefits` say what it claims.
``not_shown_for``: the judged groups of patients for whom it was not shown that such an interval holds.
``typical``: the share of the patients learned from who lie at least as far from their centre; 0: fewer than 1%.
``answer``: `PREDICTION`, `NOT_SURE` or `NO_ANSWER`; ``reason``: why it is not `PREDICTION`, else empty.
``missing``: the inputs that a prediction had to do without, imputed as in the test; empty if there are none.
``drivers``: the features that moved the prediction most from that of an average patient, and how far.
``predicts``: what ``prediction`` is, in the study's words.
``model``, ``version``, ``status``: who answers; see `theragate.personal.identity.ModelIdentity`.
"""
