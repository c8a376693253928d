"""Page numbers and running heads, which a conversion from pages leaves within a text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from studio.tuning.texts.kinds import Kind, Removals
from studio.tuning.texts.works import SCENE_BREAK, Chapter, Work

_NUMBER = re.compile(
    r"\W{0,4}(?:(?:page|seite|página|pagina|p\.|s\.)\s*)?(\d{1,4})"
    r"(?:\s*(?:/|of|von|de|di)\s*\d{1,4})?\W{0,4}",
    re.IGNORECASE,
)
_MAX_HEAD_CHARS = 70
_MIN_NUMBERS = 3
_MIN_HEADS = 4
_FINISHED = re.compile(r"[.!?…:;—–-][\"”’»)\]*_]*$|[\"”»]$")
_SENTENCE_END = re.compile(r"[.!?…][\"”’»)]*(?:\s|$)")
_GOES_ON = re.compile(r"[\"“‘'(*_]*[^\W\d_]")


@dataclass
class _Line:
    chapter: int
    paragraph: int
    number: int
    """Of the line in its paragraph."""
    text: str
    is_alone: bool
    """It is a paragraph of its own."""
    after_form_feed: bool
    page: int | None = None
    """What it says, if it is a number."""


def without_page_lines(work: Work, removals: Removals, breathe: Callable[[], None]) -> Work:
    """The work without its page numbers and running heads; sentences they parted are whole.

    A number or a line that recurs is one of them only where there is evidence: it stands within a
    sentence, at a form feed or beside another of them. Numbered sections and refrains stay.
    """
    breathe()
    lines = _lines(work)
    parts_sentences = _is_punctuated(work)
    heads = _recurring(lines)
    gone = _page_numbers(lines, heads, parts_sentences=parts_sentences)
    breathe()
    gone |= _running_heads(lines, heads, gone, parts_sentences=parts_sentences)
    if not gone:
        return work
    for at in sorted(gone):
        removals.add(Kind.PAGES, work.path, lines[at].text)
    by_chapter: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for at in gone:
        line = lines[at]
        by_chapter[line.chapter][line.paragraph].add(line.number)
    return work.with_chapters(
        _without(chapter, by_chapter[n]) if n in by_chapter else chapter
        for n, chapter in enumerate(work.chapters)
    )


def _lines(work: Work) -> list[_Line]:
    found = []
    for n, chapter in enumerate(work.chapters):
        for i, paragraph in enumerate(chapter.paragraphs):
            if paragraph == SCENE_BREAK:
                continue
            lines = paragraph.split("\n")
            for k, text in enumerate(lines):
                line = _Line(n, i, k, text.strip(), len(lines) == 1, "\f" in text)
                number = _NUMBER.fullmatch(line.text)
                line.page = int(number[1]) if number else None
                found.append(line)
    return found


def _is_punctuated(work: Work) -> bool:
    """Whether this is prose with marks, rather than verse where a line may go on anywhere."""
    paragraphs = [
        each for chapter in work.chapters for each in chapter.paragraphs if len(each.split()) > 6
    ]
    n_punctuated = sum(bool(_SENTENCE_END.search(each)) for each in paragraphs)
    return n_punctuated > 0.6 * len(paragraphs)


def _page_numbers(lines: list[_Line], heads: list[list[int]], *, parts_sentences: bool) -> set[int]:
    numbers = [at for at, line in enumerate(lines) if line.page is not None]
    run = _counting_up(numbers, lines)
    if len(run) < _MIN_NUMBERS:
        return set()
    found = set(run)
    passed_over = found.union(*heads)
    n_evident = sum(
        _at_form_feed(lines, at) or (parts_sentences and _within_sentence(lines, at, passed_over))
        for at in run
    )
    return found if n_evident >= max(2, 0.25 * len(run)) else set()


def _counting_up(numbers: list[int], lines: list[_Line]) -> list[int]:
    """Those of the lines with numbers that go on counting, with a page or two left out."""
    best: list[int] = []
    run: list[int] = []
    for at in numbers:
        page, before = lines[at].page or 0, lines[run[-1]].page or 0 if run else 0
        if run and 1 <= page - before <= 3:
            run.append(at)
        elif run and page - before in (0, *range(4, 20)) and len(run) >= _MIN_NUMBERS:
            continue  # a number within the text, alone on its line
        else:
            run = [at]
        if len(run) > len(best):
            best = run
    return best


def _recurring(lines: list[_Line]) -> list[list[int]]:
    """The places of short lines that are the same, but for numbers, several times."""
    alike: dict[str, list[int]] = defaultdict(list)
    for at, line in enumerate(lines):
        key = re.sub(r"[\W\d_]+", " ", line.text[: _MAX_HEAD_CHARS + 1]).strip().casefold()
        if key and len(line.text) <= _MAX_HEAD_CHARS:
            alike[key].append(at)
    return [places for places in alike.values() if len(places) >= _MIN_HEADS]


def _running_heads(
    lines: list[_Line], heads: list[list[int]], pages: set[int], *, parts_sentences: bool
) -> set[int]:
    found = set()
    passed_over = pages.union(*heads)
    for places in heads:
        n_evident = sum(
            _at_form_feed(lines, at)
            or at - 1 in pages
            or at + 1 in pages
            or (parts_sentences and lines[at].is_alone and _within_sentence(lines, at, passed_over))
            for at in places
        )
        if n_evident >= 0.5 * len(places):
            found |= set(places)
    return found


def _at_form_feed(lines: list[_Line], at: int) -> bool:
    return lines[at].after_form_feed or (at + 1 < len(lines) and lines[at + 1].after_form_feed)


def _within_sentence(lines: list[_Line], at: int, passed_over: set[int]) -> bool:
    """Whether the text before goes on after the line, in small letters."""
    before, after = at - 1, at + 1
    while before in passed_over:
        before -= 1
    while after in passed_over:
        after += 1
    if before < 0 or after >= len(lines) or lines[before].chapter != lines[after].chapter:
        return False
    return _is_parted(lines[before].text, lines[after].text)


def _is_parted(before: str, after: str) -> bool:
    begins = _GOES_ON.match(after)
    return begins is not None and begins[0][-1].islower() and not _is_finished(before)


def _is_finished(text: str) -> bool:
    return bool(_FINISHED.search(text)) and not re.search(r"[^\W\d_]-$", text)


def _without(chapter: Chapter, gone: dict[int, set[int]]) -> Chapter:
    """The chapter without these lines of these paragraphs."""
    kept: list[str] = []
    quoted = set()
    parted = False
    for i, paragraph in enumerate(chapter.paragraphs):
        text = paragraph
        if i in gone:
            lines = paragraph.split("\n")
            text = "\n".join(line for k, line in enumerate(lines) if k not in gone[i])
            if not text.strip():
                parted = True
                continue
        if parted and kept and kept[-1] != SCENE_BREAK and _is_parted(kept[-1], text.lstrip()):
            seam = "\n" if "\n" in kept[-1] or "\n" in text else " "
            kept[-1] += seam + text
        else:
            if i in chapter.quoted:
                quoted.add(len(kept))
            kept.append(text)
        parted = False
    return replace(chapter, paragraphs=tuple(kept), quoted=frozenset(quoted))
