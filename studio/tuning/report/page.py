"""A report as one HTML page, for browsers and for the app, and as a few lines for a terminal."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from studio.tuning.report import sentences
from studio.tuning.report.figures import Estimate, NotMeasured, Report

_WIDTH = 92


def as_html(report: Report, *, in_app: bool = False) -> str:
    """The whole page: no script, nothing loaded, light or dark as the reader's system is.

    With `in_app` it is for Qt's QTextBrowser: the same tables without a style sheet, so that
    colours and fonts are those of the application.
    """
    shown = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    shown.filters |= {
        "fixed": lambda value, digits: format(value, f".{digits}f").replace("-", "−"),
        "interval": sentences.interval,
        "points": sentences.points,
        "percent": sentences.percent,
        "paragraphs": lambda text: [p for p in re.split(r"\n+", text) if p.strip()],
    }
    return shown.get_template("page.html").render(
        report=report,
        in_app=in_app,
        doubts=sentences.doubts(report),
        warned=bool(sentences.warnings_on(report.copied)),
        told={
            "forgetting": sentences.on_forgetting(report.forgetting),
            "keystrokes": sentences.on_keystrokes(report.keystrokes),
            "style": sentences.on_style(report.style),
            "copied": sentences.on_copied(report.copied),
            "variety": sentences.on_variety(report.variety),
        },
    )


def as_text(report: Report) -> str:
    """A few lines for a terminal, the verdict first."""
    personal = report.perplexity.personal
    lines = [
        report.verdict,
        *sentences.doubts(report),
        "",
        f"Adapter: {report.adapter}, strength {report.strength:.2f}, on {report.model}",
        *(
            f"{each.name}: perplexity {each.base.perplexity:.2f} → {each.tuned.perplexity:.2f}, "
            f"ratio {sentences.interval(each.ratio, 3)}"
            for each in (report.perplexity.own, *report.perplexity.controls)
        ),
    ]
    if isinstance(personal, Estimate):
        lines.append(f"Personal gain: {sentences.interval(personal, 3)} (below 1 is yours)")
    else:
        lines.append(f"Personal gain: not measured. {personal.why}")
    for name, section, told in (
        ("Forgotten", report.forgetting, sentences.on_forgetting(report.forgetting)),
        ("Keystrokes", report.keystrokes, sentences.on_keystrokes(report.keystrokes)),
        ("Style", report.style, sentences.on_style(report.style)),
        ("Copied", report.copied, sentences.on_copied(report.copied)),
        ("Variety", report.variety, sentences.on_variety(report.variety)),
    ):
        without = "not measured. " if isinstance(section, NotMeasured) else ""
        lines.append(f"{name}: {without}{told}")
    return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="  ") for line in lines) + "\n"
