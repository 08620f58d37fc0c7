"""HTML of ours stands alone, can be read by everybody, and has the words of the verdict."""

from html.parser import HTMLParser

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from made_projects import bad_evidence

from theragate.gates import decide, read_policy
from theragate.gates.types import Verdict
from theragate.reports.html import TONES
from theragate.reports.verdict import Acceptance, decision_words, looks_words, verdict_table
from theragate.reports.verdict_html import verdict_html

VOID = {"img", "br"}


class Read(HTMLParser):
    """What a browser makes of a piece of HTML: its text, its elements, and whether each of them is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", []
        self.feed(text)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def blocked() -> Verdict:
    study = STUDIES["survival"]
    return decide(bad_evidence(), read_policy(study), evidence_sha256="0" * 64)


def test_its_words_are_those_of_the_verdict(blocked):
    text = Read(verdict_html(blocked, looks=2)).text
    assert decision_words(blocked) in text
    assert looks_words(2) in text
    for finding in blocked.findings:
        assert finding.summary in text
        assert finding.next_step in text
        assert f"{finding.code} {finding.title} ({finding.severity})" in text
    numbers = {word for word in verdict_table(blocked, looks=2).split() if any(map(str.isdigit, word))}
    assert {word for word in numbers if word not in text} == set(), "no number is written in another way"


def test_text_of_others_is_no_markup(blocked):
    nasty = '<script>alert("x")</script>'
    finding = blocked.findings[0].model_copy(update={"summary": nasty, "title": nasty, "next_step": nasty})
    verdict = blocked.model_copy(update={"findings": (finding,), "study": 'a"onload="x'})
    waiver = Acceptance("TG003", nasty, nasty, "2026-01-01", "2026-02-01", nasty)
    read = Read(verdict_html(verdict, waivers=[waiver], conditions=[finding], notes=[nasty]))
    assert read.text.count(nasty) == 3 * 2 + 3 + 1
    assert {tag for tag, _ in read.elements} <= {
        *("section", "style", "h3", "p", "span", "ul", "li", "div", "table", "caption", "thead", "tbody"),
        *("tr", "th", "td"),
    }
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]


def test_it_stands_alone(blocked):
    shown = verdict_html(blocked)
    assert not [word for word in ("http:", "https:", "url(", "@import", "src=", "<script", "href") if word in shown]


def test_tables_are_told_to_screen_readers(blocked):
    read = Read(verdict_html(blocked, conditions=blocked.findings[:1]))
    elements = [tag for tag, _ in read.elements]
    assert elements.count("table") == elements.count("caption") == 2
    headers = [attributes.get("scope") for tag, attributes in read.elements if tag == "th"]
    assert headers.count("col") == 2 * 4
    assert headers.count("row") == len(blocked.findings) + 1
    section = next(attributes for tag, attributes in read.elements if tag == "section")
    assert section["aria-label"] == f"Verdict of {blocked.study}"
    assert section["lang"] == "en"


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tone", TONES)
def test_what_is_set_off_can_be_read(tone, blocked):
    text, ground = TONES[tone]
    bright, dark = sorted([luminance(text), luminance(ground)], reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 4.5
    assert f".theragate .{tone} {{ color: {text}; background: {ground}; }}" in verdict_html(blocked)


def test_all_else_has_the_colours_of_the_page_around_it(blocked):
    style = verdict_html(blocked).partition("<style>")[2].partition("</style>")[0]
    colours = [line for line in style.splitlines() if "#" in line]
    assert len(colours) == len(TONES)


def test_a_verdict_that_passes_says_so():
    verdict = decide(good_evidence(STUDIES["survival"]), read_policy(STUDIES["survival"]), evidence_sha256="0" * 64)
    assert '<span class="badge good">PASS</span> every gate passes' in verdict_html(verdict)
