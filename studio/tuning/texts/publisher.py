"""Licences, rights pages and tables of contents: what a publisher put around a text."""

from __future__ import annotations

import re

from studio.tuning.texts.works import Work, count_words

_GUTENBERG_BEGINS = re.compile(
    r"\*\*\*?\s*START OF (?:THE|THIS) PROJECT\s+GUTENBERG", re.IGNORECASE
)
_GUTENBERG_ENDS = re.compile(
    r"\*\*\*?\s*END OF (?:THE|THIS) PROJECT\s+GUTENBERG"
    r"|^\s*End of (?:the |this )?Project\s+Gutenberg",
    re.IGNORECASE,
)
_MADE_BY = re.compile(
    r"^\W*(?:(?:this |the )?(?:e-?(?:text|book)|file) (?:was )?(?:produced|prepared)|produced by|"
    r"transcribed (?:from|by)|transcriber[’']s notes?\b|credits:|.{0,80}\bdistributed proofread)",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"\s*\[(?:illustration|frontispiece|cover)\b[^\]]*\]\s*", re.IGNORECASE)
_RIGHTS = re.compile(
    r"\ball rights reserved\b|\balle rechte vorbehalten\b|\btous droits réservés\b|"
    r"\btodos los derechos reservados\b|\btutti i diritti riservati\b|"
    r"\bno part of this (?:publication|book|work) may be\b|"
    r"\bISBN(?:-1[03])?[\s:]*[\d][\d -]{8,}|\blibrary of congress catalog|"
    r"(?:\bcopyright\s*)(?:©|\(c\)|\d{4})|©\s*\d{4}|"
    r"\bthis is a work of fiction\b.{0,40}\bnames, characters|"
    r"\bany resemblance to (?:actual|real) (?:persons|people|events)\b|"
    r"\bthis e-?book (?:is|was) (?:licensed|produced|the product of)|\bstandard ebooks\b|"
    r"\bcreative commons\b|\bproject gutenberg\b",
    re.IGNORECASE | re.DOTALL,
)
_RIGHTS_TITLES = re.compile(
    r"copyright(?: page| notice)?|imprint|colophon|uncopyright|impressum|legal notice|"
    r"all rights reserved|(?:table of )?contents|inhalt(?:sverzeichnis)?|table des matières|índice",
    re.IGNORECASE,
)
_CONTENTS = re.compile(r"\W*(?:table of )?contents\W*|\W*inhalt(?:sverzeichnis)?\W*", re.IGNORECASE)
_MAX_RIGHTS_WORDS = 200
_NEAR_AN_END_WORDS = 400
_MAX_TITLED_WORDS = 3_000
_CREDITS_WITHIN = 15
_MAX_ENTRY_CHARS = 80


def publishers_paragraphs(work: Work) -> list[set[int]]:
    """The numbers of the paragraphs in each chapter that are a publisher's rather than a writer's.

    What could be in a story counts only near an end of the work.
    """
    gone: list[set[int]] = [set() for _ in work.chapters]
    places = [
        (n, i, paragraph)
        for n, chapter in enumerate(work.chapters)
        for i, paragraph in enumerate(chapter.paragraphs)
    ]
    begin, end = _gutenberg(places)
    for n, i, _ in [*places[:begin], *places[end:]]:
        gone[n].add(i)
    for at, (n, i, paragraph) in enumerate(places[begin:end]):
        if _PICTURE.fullmatch(paragraph) or (
            at < _CREDITS_WITHIN and begin and _MADE_BY.match(paragraph)
        ):
            gone[n].add(i)
    for n, chapter in enumerate(work.chapters):
        if _RIGHTS_TITLES.fullmatch(chapter.title) and chapter.n_words < _MAX_TITLED_WORDS:
            gone[n].update(range(len(chapter.paragraphs)))
    left = [each for each in places if each[1] not in gone[each[0]]]
    for n, i in _at_an_end(left) + _at_an_end(left[::-1]):
        gone[n].add(i)
    for n, i in _contents(left):
        gone[n].add(i)
    return gone


_Places = list[tuple[int, int, str]]


def _gutenberg(places: _Places) -> tuple[int, int]:
    """Where the text begins and ends among all paragraphs."""
    begin, end = 0, len(places)
    for at, (_, _, paragraph) in enumerate(places):
        if not begin and _GUTENBERG_BEGINS.search(paragraph):
            begin = at + 1
        elif _GUTENBERG_ENDS.search(paragraph) and at >= begin:
            end = at
            break
    return begin, end


def _at_an_end(places: _Places) -> list[tuple[int, int]]:
    """Rights notices among the first paragraphs."""
    found = []
    n_words = 0
    for n, i, paragraph in places:
        size = count_words(paragraph)
        if _RIGHTS.search(paragraph) and size <= _MAX_RIGHTS_WORDS:
            found.append((n, i))
        else:
            n_words += size
        if n_words > _NEAR_AN_END_WORDS:
            break
    return found


def _contents(places: _Places) -> list[tuple[int, int]]:
    """A table of contents: its title near the beginning, and the short lines below it."""
    for at, (n, i, paragraph) in enumerate(places[:40]):
        first, _, rest = paragraph.partition("\n")
        if not _CONTENTS.fullmatch(first):
            continue
        found = [(n, i)]
        if rest:
            return found if _is_list(rest) else []
        for m, j, entry in places[at + 1 :]:
            if m != n or not _is_list(entry):
                break
            found.append((m, j))
        return found
    return []


def _is_list(paragraph: str) -> bool:
    lines = paragraph.split("\n")
    return all(
        len(line) <= _MAX_ENTRY_CHARS and not line.rstrip().endswith((".", "!", "?", "”", '"'))
        for line in lines
    ) and (len(lines) > 1 or bool(re.search(r"\d|chapter|kapitel", paragraph, re.IGNORECASE)))
