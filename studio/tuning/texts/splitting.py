"""Which chapters are held out: to say when to stop, and to report on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby
from pathlib import Path

from studio.tuning.texts.works import SCENE_BREAK, Chapter, Work, count_words

_SET_SHARE = 0.06
"""Of all words, for each of two held-out sets."""
_SHARE = 0.1
"""The same where one set serves both."""
_MIN_SET_WORDS = 2_000
_MIN_WORDS = 3_000
_MAX_SHARE_OF_FEW = 0.2
"""Of few words, no more than this is held out to have `_MIN_WORDS`."""
_PART_WORDS = 2_000
_MAX_SHARE_OF_WORK = 1 / 3
"""So that something of the newest work, too, is learned from."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’»)\]]*\s+|(?<=[。！？])[”」』]*\s*")


class Use(Enum):
    """What a chapter is for."""

    TRAIN = "train"
    VALIDATION = "validation"
    REPORT = "report"


@dataclass(frozen=True)
class ChapterUse:
    """A chapter, or a part of one, and what it is for."""

    title: str
    n_words: int
    use: Use


@dataclass(frozen=True)
class Split:
    """All works, each in three parts; a work that has nothing in a part is left out there."""

    train: tuple[Work, ...]
    validation: tuple[Work, ...]
    report: tuple[Work, ...]
    report_is_validation: bool
    """There was too little for two: the same chapters serve both."""
    uses: dict[Path, tuple[ChapterUse, ...]]
    """By the path of each work, in the order of its chapters."""


@dataclass
class _Unit:
    """What is held out or trained on as a whole: a chapter, or a part of a long one."""

    chapter: int
    start: int
    end: int
    n_words: int
    is_fit: bool
    begins: int = 0
    """Words of the work before it."""
    use: Use = Use.TRAIN


@dataclass
class _Aims:
    """How many words each set is still to have, and how many at one place."""

    words: dict[Use, float]
    place: float

    def most_wanting(self) -> Use | None:
        """The set that lacks most, None when all have enough."""
        use = max(self.words, key=lambda each: (self.words[each], each is Use.REPORT))
        return use if self.words[use] >= self.place / 2 else None


def hold_out(
    works: Sequence[Work],
    n_words_kept: Callable[[Chapter], int] = lambda chapter: chapter.n_words,
    *,
    report: Sequence[Work] = (),
) -> Split:
    """Divide `works`, the newest last, into what is trained on and what is held out.

    Each of two sets gets about 6% of the words, from two places or more between them; where that
    is less than 2,000, one set serves both, with 10% of the words and at least 3,000 if that is no
    more than a fifth. Whole chapters, the newest work's first, but no more than a third of a work
    that has several; chapters that are long beside what is wanted are divided at scene breaks or
    else into parts of about 2,000 words. Chapters of which `n_words_kept` says that most goes later
    are not chosen. With `report` given, that is the one set, and only the other is looked for.

    The same works always give the same split. There must be some words.
    """
    n_words = sum(work.n_words for work in works)
    two_sets = not report and n_words * _SET_SHARE >= _MIN_SET_WORDS
    if two_sets:
        aims = {Use.REPORT: n_words * _SET_SHARE, Use.VALIDATION: n_words * _SET_SHARE}
    elif report:
        least = min(_MIN_SET_WORDS, n_words * _MAX_SHARE_OF_FEW)
        aims = {Use.VALIDATION: max(n_words * _SET_SHARE, least)}
    else:
        least = min(_MIN_WORDS, n_words * _MAX_SHARE_OF_FEW)
        aims = {Use.REPORT: max(n_words * _SHARE, least)}
    place = _words_at_a_place(works, min(aims.values()), two_sets=two_sets)
    works = [_with_short_paragraphs(work, place) for work in works]
    units = _chosen(works, aims, place, n_words_kept)
    validation = tuple(_parts(works, units, Use.VALIDATION))
    reported = tuple(_parts(works, units, Use.REPORT))
    return Split(
        train=tuple(_parts(works, units, Use.TRAIN)),
        validation=validation or reported,
        report=tuple(report) or reported,
        report_is_validation=not (two_sets or report),
        uses={
            **{work.path: _uses(work, own) for work, own in zip(works, units, strict=True)},
            **{
                work.path: tuple(
                    ChapterUse(each.title, each.n_words, Use.REPORT) for each in work.chapters
                )
                for work in report
            },
        },
    )


def _uses(work: Work, units: list[_Unit]) -> tuple[ChapterUse, ...]:
    return tuple(
        ChapterUse(work.chapters[n].title, sum(unit.n_words for unit in alike), use)
        for (n, use), alike in groupby(units, key=lambda unit: (unit.chapter, unit.use))
    )


def _words_at_a_place(works: Sequence[Work], aim: float, *, two_sets: bool) -> float:
    """How much to take at one place: a whole set's where chapters are long and the sets are two."""
    sizes = sorted(chapter.n_words for work in works for chapter in work.chapters)
    usual = sizes[len(sizes) // 2]
    if two_sets and usual > 0.75 * aim:
        return aim
    return min(aim / 2, max(usual, aim / 4))


def _chosen(
    works: Sequence[Work],
    aims: dict[Use, float],
    place: float,
    n_words_kept: Callable[[Chapter], int],
) -> list[list[_Unit]]:
    units: list[list[_Unit]] = []
    # Chapters stay whole as long as what is held out comes from more than one place.
    for divided_above in (2 * place, place):
        units = [_units(work, place, divided_above, n_words_kept) for work in works]
        _choose(units, _Aims(dict(aims), place))
        _fall_back(units, tuple(aims))
        if _n_places(units) > 1:
            break
    return units


def _n_places(units: list[list[_Unit]]) -> int:
    uses = [[unit.use for unit in own] for own in units]
    return sum(
        use is not Use.TRAIN and before is not use
        for own in uses
        for before, use in zip([Use.TRAIN, *own], own, strict=False)
    )


def _units(
    work: Work, place: float, divided_above: float, n_words_kept: Callable[[Chapter], int]
) -> list[_Unit]:
    units: list[_Unit] = []
    for n, chapter in enumerate(work.chapters):
        if chapter.n_words > divided_above:
            bounds = _parts_of(chapter, min(_PART_WORDS, place))
        else:
            bounds = [(0, len(chapter.paragraphs))]
        for start, end in bounds:
            part = chapter.part(start, end)
            is_fit = n_words_kept(part) > part.n_words / 2
            units.append(_Unit(n, start, end, part.n_words, is_fit))
    begins = 0
    for unit in units:
        unit.begins = begins
        begins += unit.n_words
    return units


def _parts_of(chapter: Chapter, wanted: float) -> list[tuple[int, int]]:
    """A long chapter at its scene breaks, as far as scenes are not too short; else where it is
    long enough."""
    parts: list[tuple[int, int]] = []
    start, size = 0, 0
    for i, paragraph in enumerate(chapter.paragraphs):
        if (paragraph == SCENE_BREAK and size >= wanted / 2) or size >= wanted:
            parts.append((start, i))
            start, size = i, 0
        size += count_words(paragraph)
    if size < wanted / 3 and parts:
        start = parts.pop()[0]
    parts.append((start, len(chapter.paragraphs)))
    return parts


def _choose(units: list[list[_Unit]], aims: _Aims) -> None:
    """Mark what is held out, from the newest work on."""
    for own in reversed(units):
        n_words = sum(unit.n_words for unit in own)
        # A short story is held out as a whole or not at all.
        room = n_words * (1.0 if len(own) == 1 and len(units) > 2 else _MAX_SHARE_OF_WORK)
        wanted = min(room, sum(aims.words.values()))
        n_places = max(1, round(wanted / aims.place))
        for k in range(n_places):
            use = aims.most_wanting()
            if use is None:
                return
            middle = (k + 0.5) / n_places * n_words
            taken = _take(own, middle, use, min(aims.place, aims.words[use]), room)
            aims.words[use] -= taken
            room -= taken


def _take(own: list[_Unit], middle: float, use: Use, wanted: float, room: float) -> int:
    """Mark the unit nearest to the place, and those after it until there is enough."""
    free = [
        (abs(unit.begins + unit.n_words / 2 - middle), i)
        for i, unit in enumerate(own)
        if unit.use is Use.TRAIN and unit.is_fit and 0 < unit.n_words <= 1.5 * room
    ]
    if not free:
        return 0
    at = min(free)[1]
    taken = 0
    while at < len(own) and own[at].use is Use.TRAIN and own[at].is_fit:
        more = own[at].n_words
        # One more only if that comes nearer to what is wanted than to stop here.
        if taken and (taken + more > room or taken + more / 2 > wanted):
            break
        own[at].use = use
        taken += more
        at += 1
    return taken


def _fall_back(units: list[list[_Unit]], uses: Sequence[Use]) -> None:
    """However odd the works are, no set is empty if there are units enough."""
    for use in uses:
        every = [unit for own in units for unit in own]
        if any(unit.use is use for unit in every):
            continue
        free = [unit for unit in every if unit.use is Use.TRAIN and unit.n_words]
        if len(free) > 1:
            best = [unit for unit in free if unit.is_fit] or free
            min(best, key=lambda unit: unit.n_words).use = use


def _parts(works: Sequence[Work], units: list[list[_Unit]], use: Use) -> list[Work]:
    """The works with what is for one use; parts of a chapter that lie together are one again."""
    made = []
    for work, own in zip(works, units, strict=True):
        bounds: list[list[int]] = []
        for unit in own:
            if unit.use is not use:
                continue
            if bounds and bounds[-1][0] == unit.chapter and bounds[-1][2] == unit.start:
                bounds[-1][2] = unit.end
            else:
                bounds.append([unit.chapter, unit.start, unit.end])
        chapters = [work.chapters[n].part(start, end) for n, start, end in bounds]
        if any(chapter.paragraphs for chapter in chapters):
            made.append(work.with_chapters(chapters))
    return made


def _with_short_paragraphs(work: Work, place: float) -> Work:
    """A text that is one endless line is cut at the ends of sentences, or else at spaces."""
    limit = max(3 * place, 1)
    if all(count_words(each) <= limit for chapter in work.chapters for each in chapter.paragraphs):
        return work
    chapters = []
    for chapter in work.chapters:
        paragraphs: list[str] = []
        quoted: set[int] = set()
        for i, paragraph in enumerate(chapter.paragraphs):
            pieces = _pieces(paragraph, place) if count_words(paragraph) > limit else [paragraph]
            if i in chapter.quoted:
                quoted.update(range(len(paragraphs), len(paragraphs) + len(pieces)))
            paragraphs += pieces
        chapters.append(replace(chapter, paragraphs=tuple(paragraphs), quoted=frozenset(quoted)))
    return work.with_chapters(chapters)


def _pieces(paragraph: str, wanted: float) -> list[str]:
    ends = [found.end() for found in _SENTENCE_END.finditer(paragraph)]
    if len(ends) * wanted < count_words(paragraph):
        ends += [found.end() for found in re.finditer(r"\s+", paragraph)]
    if len(ends) * wanted < count_words(paragraph):
        ends += range(1_000, len(paragraph), 1_000)
    pieces: list[str] = []
    start, size, last = 0, 0, 0
    for end in sorted({*ends, len(paragraph)}):
        size += count_words(paragraph[last:end])
        last = end
        if size >= wanted or end == len(paragraph):
            if piece := paragraph[start:end].strip():
                pieces.append(piece)
            start, size = end, 0
    return pieces
