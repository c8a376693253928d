"""What was read from a writer's files: works, their chapters and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from studio.tuning import TuningError
from studio.writing.scripts import has_unspaced

SCENE_BREAK = "***"


class TextsError(TuningError):
    """Texts can't be read, or are not enough: a sentence for the writer."""


@dataclass(frozen=True)
class Chapter:
    """A chapter, a poem, a short story; or a part of one, where it had to be divided."""

    title: str
    """As the writer has it; empty for what stands before the first heading."""
    paragraphs: tuple[str, ...]
    r"""Each with its own line ends ("\n"), as verse has them. "***" is a scene break."""
    between: str = "\n\n"
    """What stands between two paragraphs in the writer's file."""
    quoted: frozenset[int] = frozenset()
    """Which paragraphs the file marks as quotations, counted from 0."""
    goes_on: bool = False
    """The work goes on where this ends: it was cut here, so this is no end to be learned."""

    @cached_property
    def n_words(self) -> int:
        """Without title and scene breaks."""
        return sum(map(count_words, self.paragraphs))

    @property
    def text(self) -> str:
        """The paragraphs as they stand in the writer's file."""
        return self.between.join(self.paragraphs)

    def part(self, start: int, end: int) -> Chapter:
        """The paragraphs from `start` to before `end`, without scene breaks at either side."""
        while start < end and self.paragraphs[start] == SCENE_BREAK:
            start += 1
        while end > start and self.paragraphs[end - 1] == SCENE_BREAK:
            end -= 1
        return replace(
            self,
            paragraphs=self.paragraphs[start:end],
            quoted=frozenset(i - start for i in self.quoted if start <= i < end),
            goes_on=self.goes_on or any(each != SCENE_BREAK for each in self.paragraphs[end:]),
        )

    def without(self, gone: set[int]) -> Chapter:
        """All but the paragraphs with these numbers; what is left keeps one scene break each."""
        if not gone:
            return self
        kept: list[str] = []
        quoted = set()
        for i, paragraph in enumerate(self.paragraphs):
            if i in gone or (paragraph == SCENE_BREAK and kept[-1:] in ([], [SCENE_BREAK])):
                continue
            if i in self.quoted:
                quoted.add(len(kept))
            kept.append(paragraph)
        while kept and kept[-1] == SCENE_BREAK:
            kept.pop()
        return replace(self, paragraphs=tuple(kept), quoted=frozenset(quoted))


@dataclass(frozen=True)
class Work:
    """A novel, a story, a collection."""

    path: Path
    """The file, or the folder whose numbered files are its chapters."""
    title: str
    chapters: tuple[Chapter, ...]
    """None of them is empty."""
    modified_s: float
    """When it was last written, in seconds since 1970."""
    loss_weight: float = 1.0

    @cached_property
    def n_words(self) -> int:
        """Of all chapters."""
        return sum(chapter.n_words for chapter in self.chapters)

    def with_chapters(self, chapters: Iterable[Chapter]) -> Work:
        """The same work with these chapters, the empty ones left out."""
        return replace(self, chapters=tuple(each for each in chapters if each.paragraphs))


def count_words(text: str) -> int:
    """Words between spaces. Where a script has no spaces, two characters count as one word."""
    if text == SCENE_BREAK:
        return 0
    if not has_unspaced(text):
        return len(text.split())
    return sum(max(1, len(token) // 2) if has_unspaced(token) else 1 for token in text.split())


# -- from what a reader finds to chapters --------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """One paragraph or heading, in the order of the file."""

    text: str
    is_heading: bool = False
    is_quoted: bool = False


def chapters_of(blocks: Iterable[Block], between: str = "\n\n") -> tuple[Chapter, ...]:
    """Chapters begin at headings, and at paragraphs that are one: "Chapter 12", "Part One".

    Headings with nothing below them are left out.
    """
    chapters: list[Chapter] = []
    title, paragraphs, quoted = "", list[str](), set[int]()

    def end() -> None:
        while paragraphs and paragraphs[-1] == SCENE_BREAK:
            paragraphs.pop()
        if paragraphs:
            chapters.append(Chapter(title, tuple(paragraphs), between, frozenset(quoted)))

    for block in blocks:
        text = block.text.strip("\n").rstrip()
        if not text.strip():
            continue
        marked = " ".join(text.split()) if block.is_heading else _marked_heading(text)
        heading = marked or _numbered_heading(text)
        # "Chapter 2" again is no new chapter, but the head of its next page.
        if heading and (marked or heading.casefold() != title.casefold()):
            end()
            title, paragraphs, quoted = heading, [], set()
        elif _BREAK.fullmatch(text.strip()):
            if paragraphs and paragraphs[-1] != SCENE_BREAK:
                paragraphs.append(SCENE_BREAK)
        else:
            if block.is_quoted:
                quoted.add(len(paragraphs))
            paragraphs.append(text)
    end()
    return tuple(chapters)


_BREAK = re.compile(r"(?:[*#~•·—–_=⁂❦-]\s*){3,}|[#⁂❦§]|\*")

_NAMED = (
    r"chapter|part|book|volume|act|canto|letter|story|section|"
    r"kapitel|teil|buch|akt|brief|chapitre|partie|livre|tome|acte|"
    r"capítulo|parte|libro|acto|capitolo|atto|hoofdstuk|deel|глава|часть|книга|том"
)
_ONES = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen"
)
_NUMBER = (
    rf"(?:\d{{1,4}}|[ivxlc]{{1,8}}|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    rf"(?:[- ](?:{_ONES}))?)|{_ONES}|the\s+(?:first|second|third|fourth|fifth|last)|"
    r"eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|"
    r"premi[èe]re?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|"
    r"uno|una|due|dos|tre|tres|quattro|cuatro|cinque|cinco)"
)
_MARKED = re.compile(r"\s*#{1,6}\s+(?P<title>\S.{0,200}?)\s*#*\s*")
_NUMBERED = re.compile(
    rf"\s*(?:(?:the\s+)?(?:{_NAMED})\s+{_NUMBER}|第[0-9〇一二三四五六七八九十百千]+[章回部節节])"
    r"(?:\s*[.:—–-]*\s*|\s*[.:—–-]+\s*\S.{0,70}?|\s*\n\s*\S.{0,60}?(?<![,;.]))\s*",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"\s*(?:prologue|epilogue|interlude|preface|foreword|afterword|"
    r"prolog|epilog|épilogue|prólogo|epílogo|prologo|epilogo|пролог|эпилог)\s*[.:]?\s*",
    re.IGNORECASE,
)
_MAX_HEADING_CHARS = 120


def _marked_heading(paragraph: str) -> str | None:
    """The title in "## Snow", if that is the whole paragraph."""
    marked = _MARKED.fullmatch(paragraph)
    return marked["title"] if marked else None


def _numbered_heading(paragraph: str) -> str | None:
    """The title if the whole paragraph is one by its words: "Chapter XII", "Epilogue"."""
    if len(paragraph) > _MAX_HEADING_CHARS:
        return None
    if _NUMBERED.fullmatch(paragraph) or _ALONE.fullmatch(paragraph):
        return " ".join(paragraph.split())
    return None
