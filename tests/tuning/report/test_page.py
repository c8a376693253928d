"""The page shows every figure, hides nothing that is missing, and lets no text be markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from studio.tuning.report.figures import Report
from studio.tuning.report.page import as_html, as_text
from tests.tuning.report.builders import blocks, full_report, perplexity, report

SECTIONS = [
    "Your held-out text",
    "What was forgotten",
    "Keystrokes saved",
    "Style of what it writes",
    "Copied from the training text",
    "Variety",
    "Side by side",
]


def body(html: str) -> str:
    return html.partition("<body>")[2]


@pytest.mark.parametrize("in_app", [False, True])
def test_every_section_and_figure_is_there(in_app: bool) -> None:
    html = as_html(full_report(), in_app=in_app)
    assert re.findall(r"<h2>(.*?)</h2>", html) == SECTIONS
    for figure in (
        "0.137 (0.121 to 0.155)",
        "+4.3 (+1.1 to +7.5)",
        "38.4%",
        "42.7%",
        "whilst",
        "0.60 (0.45 to 0.75)",
        "the long way round by the mill",
        "2.6%",
        "94.0%",
        "123,456",
    ):
        assert figure in html, figure


def test_the_verdict_comes_first() -> None:
    shown = re.sub(r"<[^>]+>", "", body(as_html(full_report()))).strip()
    assert shown.startswith(full_report().verdict)
    assert as_text(full_report()).replace("\n  ", " ").startswith(full_report().verdict)


def test_texts_and_titles_are_never_markup() -> None:
    nasty = "<script>alert('x')</script>"
    figures = perplexity(blocks(0.8), (nasty, blocks(0.9)))
    each = replace(full_report(), adapter=nasty, model=nasty, perplexity=figures, notes=(nasty,))
    for html in (as_html(each), as_html(each, in_app=True)):
        assert "<script" not in html
        assert html.count("&lt;script&gt;") >= 5
        assert "Love &lt;1921&gt;" in html
        assert "Base wrote &lt;this&gt;." in html


def test_it_needs_nothing_from_elsewhere() -> None:
    html = as_html(full_report())
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import|https?://", html)
    assert "prefers-color-scheme: dark" in html
    assert "<style" not in as_html(full_report(), in_app=True)


def test_what_was_not_measured_says_so() -> None:
    plain = report(perplexity(blocks(0.8)))
    html = as_html(plain)
    assert re.findall(r"<h2>(.*?)</h2>", html) == SECTIONS
    assert html.count("Not measured.") == 6
    assert "Personal gain: not measured." in html
    assert as_text(plain).count("not measured") >= 6


def test_doubts_stand_below_the_verdict() -> None:
    doubtful: Report = replace(full_report(), notes=("The control ‘Emma’ was left out.",))
    html = as_html(doubtful)
    assert html.index("‘Emma’ was left out") < html.index("<h2>")
    assert "‘Emma’ was left out" in as_text(doubtful)
