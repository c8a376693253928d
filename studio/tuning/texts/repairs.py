"""What no writer wrote is taken out of a work, and what a program broke is mended.

Each of these looks at one work alone, so none of them can let the held-out part be seen.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import ftfy

from studio.tuning.texts.kinds import Cleaning, Kind, Removals
from studio.tuning.texts.page_lines import without_page_lines
from studio.tuning.texts.publisher import publishers_paragraphs
from studio.tuning.texts.works import Chapter, Work, count_words
from studio.tuning.texts.wrapping import Hyphens, is_wrapped, unwrapped, wrap_width

Breathe = Callable[[], None]
"""Called between two pieces of work. It may sleep, and end the work by raising."""

# The writer's quotes, dashes, ligatures and spaces are theirs: letters alone are mended.
_MOJIBAKE = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_encoding=True,
    restore_byte_a0=True,
    replace_lossy_sequences=True,
    decode_inconsistent_utf8=True,
    fix_c1_controls=True,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=True,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)

_TAG_NAMES = (
    r"i|b|u|s|em|strong|p|br|hr|span|div|font|sup|sub|small|big|center|blockquote|a|img|h[1-6]|"
    r"ul|ol|li|table|tr|td|th|tbody|pre|code|cite|tt|strike|del|ins"
)
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>\n?", re.IGNORECASE)
_TAG = re.compile(rf"</?(?:{_TAG_NAMES})(?:\s[^<>]*)?/?>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_BBCODE = re.compile(r"\[/?(?:i|b|u|s|center|quote|url|img|size|color)(?:=[^\]\n]*)?\]")
_CHARACTER = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,12}|#\d{1,6}|#[xX][0-9A-Fa-f]{1,5});")
_NOTE_MARK = re.compile(r"(?<=[^\W\d_.,;:!?”’\"')]{2})\[\d{1,3}\]|(?<=[.,;:!?”’\"')])\[\d{1,3}\]")
_INVISIBLE = re.compile("[\u00ad\ufeff\u2060\x00-\x08\x0b\x0e-\x1f\x7f]")
_MARKUP_SIGNS = re.compile("[<&\\[\u00ad\ufeff\u2060\x00-\x08\x0b\x0e-\x1f\x7f]")


def repaired(work: Work, cleaning: Cleaning, removals: Removals, breathe: Breathe) -> Work:
    """`work` without what is no text of its writer, and with its lines and letters mended."""
    steps: list[tuple[Kind, Callable[[Work, Removals, Breathe], Work]]] = [
        (Kind.MOJIBAKE, _with_letters_mended),
        (Kind.PUBLISHER, _without_publisher),
        (Kind.PAGES, without_page_lines),
        (Kind.MARKUP, _without_markup),
        (Kind.LINE_ENDS, _with_lines_mended),
    ]
    for kind, step in steps:
        if cleaning.has(kind):
            work = step(work, removals, breathe)
    return _without_form_feeds(work)


def _with_letters_mended(work: Work, removals: Removals, breathe: Breathe) -> Work:
    def mended(paragraph: str) -> str:
        if paragraph.isascii():
            return paragraph
        return ftfy.fix_text(paragraph, _MOJIBAKE)

    return _changed(work, Kind.MOJIBAKE, mended, removals, breathe)


def _without_publisher(work: Work, removals: Removals, breathe: Breathe) -> Work:
    breathe()
    chapters = []
    for chapter, gone in zip(work.chapters, publishers_paragraphs(work), strict=True):
        for i in sorted(gone):
            removals.add(Kind.PUBLISHER, work.path, chapter.paragraphs[i])
        chapters.append(chapter.without(gone))
    return work.with_chapters(chapters)


def _without_markup(work: Work, removals: Removals, breathe: Breathe) -> Work:
    def plain(paragraph: str) -> str:
        if not _MARKUP_SIGNS.search(paragraph):
            return paragraph
        text = _TAG.sub("", _LINE_BREAK_TAG.sub("\n", paragraph))
        text = _NOTE_MARK.sub("", _BBCODE.sub("", text))
        text = _CHARACTER.sub(lambda found: html.unescape(found[0]), text)
        return _INVISIBLE.sub("", text)

    return _changed(work, Kind.MARKUP, plain, removals, breathe)


def _with_lines_mended(work: Work, removals: Removals, breathe: Breathe) -> Work:
    paragraphs = [each for chapter in work.chapters for each in chapter.paragraphs]
    width = wrap_width(paragraph.split("\n") for paragraph in paragraphs)
    if width is None:
        return work
    breathe()
    hyphens = Hyphens(paragraphs)
    kept = width

    def whole(paragraph: str) -> str:
        lines = paragraph.split("\n")
        return unwrapped(lines, hyphens) if is_wrapped(lines, kept) else paragraph

    return _changed(work, Kind.LINE_ENDS, whole, removals, breathe, counts_words=False)


def _without_form_feeds(work: Work) -> Work:
    """Form feeds showed where pages began; they are no text."""
    return work.with_chapters(
        _with_paragraphs(chapter, [re.sub("[\f\v]+", "", each) for each in chapter.paragraphs])
        if any("\f" in each or "\v" in each for each in chapter.paragraphs)
        else chapter
        for chapter in work.chapters
    )


def _changed(
    work: Work,
    kind: Kind,
    change: Callable[[str], str],
    removals: Removals,
    breathe: Breathe,
    *,
    counts_words: bool = True,
) -> Work:
    """The work with `change` done to each of its paragraphs."""
    chapters = []
    for chapter in work.chapters:
        breathe()
        paragraphs = []
        for paragraph in chapter.paragraphs:
            changed = change(paragraph)
            if changed != paragraph:
                n_fewer = count_words(paragraph) - count_words(changed) if counts_words else 0
                removals.add(kind, work.path, paragraph, max(0, n_fewer))
            paragraphs.append(changed)
        chapters.append(_with_paragraphs(chapter, paragraphs))
    return work.with_chapters(chapters)


def _with_paragraphs(chapter: Chapter, paragraphs: Sequence[str]) -> Chapter:
    """The chapter with its paragraphs replaced one by one, the empty ones left out."""
    if tuple(paragraphs) == chapter.paragraphs:
        return chapter
    empty = {i for i, each in enumerate(paragraphs) if not each.strip()}
    return replace(chapter, paragraphs=tuple(paragraphs)).without(empty)
