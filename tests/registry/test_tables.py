"""The tables of `theragate release`, as a terminal of 80 columns shows them."""

from rich.console import Console

from theragate.registry.listing import ListedVersion
from theragate.registry.tables import version_page, versions_table

STUDY, DIGITS = "diabetes_progression", "b78d92bda780"


def printed(shown):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def test_what_a_person_copies_is_in_one_piece():
    rows = [
        ListedVersion(STUDY, "1", "BLOCKED", ("candidate",), DIGITS, "ci", "", "", "", ("ada",), state)
        for state in ("waits for approval", "in service", "release condition not met: lineage")
    ]
    words = printed(versions_table(rows, pending=False)).split()
    for word in (STUDY, DIGITS, "BLOCKED", "(candidate)"):
        assert words.count(word) == len(rows)
    assert {"waits", "approval", "service", "condition", "lineage"} <= set(words)


def test_no_digit_of_a_digest_is_cut_off():
    digest = "0123456789abcdef" * 4
    fields = ("commit", "package_sha256", "evidence_sha256", "policy_sha256", "cohort_sha256")
    details = {"study": STUDY, "version": "1", "decision": "PASS", "approved_by": [], "signed_by": "ci", "alerts": []}
    details |= {"unsigned": {"aliases": [], "registered_by": ""}, "obstacle": "", "evidence_problem": ""}
    details |= {
        "in_service": "",
        "why_not": "",
        "issued": "2026-11-30",
        "expires": "2027-02-28",
        "recomputed": True,
        "looks": 1,
    }
    details |= {"comparator": "none", "conditions": {}, "waivers": [], "committed_by": "alan"}
    shown = printed(version_page(details | dict.fromkeys(fields, digest)))
    assert "".join(shown.split()).count(digest) == len(fields)
