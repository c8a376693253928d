"""Passages and chapters that are much alike, by runs of five words.

Short texts by MinHash (datasketch), of which only candidates come, counted exactly afterwards;
chapters and what is held out exactly, as sorted hashes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex

from studio.tuning.texts.kinds import Kind, Removals
from studio.tuning.texts.works import Chapter, Work
from studio.writing.scripts import has_unspaced

Hashes = npt.NDArray[np.uint64]
Breathe = Callable[[], None]

_RUN = 5
MIN_WORDS = 8
"""Shorter paragraphs are alike without being copies."""
_SAME = 0.8
"""Jaccard's coefficient from which two paragraphs are nearly the same."""
_N_BANDS, _BAND = 10, 3
"""Finds 0.999 of the pairs at 0.8; whatever else it finds is counted exactly."""
_DRAFT = 0.5
"""Of a chapter's runs, found in one other chapter: unrelated ones of one author share 0.03."""
_HELD_OUT_CHAPTER, _HELD_OUT_PARAGRAPH = 0.3, 0.5
_MIN_DRAFT_RUNS, _MIN_CHAPTER_RUNS = 50, 300
_FACTORS = np.array([1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                     0xD6E8FEB86659FD93], dtype=np.uint64)  # fmt: skip
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:[’'][\p{L}\p{M}]+)*")


class Runs:
    """The runs of five words in texts, as hashes. Remembers what it has seen."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}
        self._texts: dict[str, Hashes] = {}

    def of(self, text: str) -> Hashes:
        """Every run in a text, in order; what is shorter than a run has none."""
        found = self._texts.get(text)
        if found is None:
            found = self._texts[text] = self._made(text)
        return found

    def of_chapter(self, chapter: Chapter) -> Hashes:
        """Every run within the paragraphs of a chapter, in order."""
        return _joined([self.of(paragraph) for paragraph in chapter.paragraphs])

    def is_short(self, text: str) -> bool:
        """Whether a text has fewer words than can be compared."""
        return len(self.of(text)) < MIN_WORDS - _RUN + 1

    def _made(self, text: str) -> Hashes:
        tokens = words_of(text)
        known = self._words
        ids = np.empty(len(tokens), dtype=np.uint64)
        for i, token in enumerate(tokens):
            number = known.get(token)
            if number is None:
                encoded = token.encode("utf-8", "surrogatepass")
                number = known[token] = zlib.crc32(encoded) << 32 | zlib.adler32(encoded)
            ids[i] = number
        if len(ids) < _RUN:
            return np.empty(0, dtype=np.uint64)
        mixed = (ids ^ (ids >> np.uint64(29))) * _FACTORS[4]
        windows = np.lib.stride_tricks.sliding_window_view(mixed, _RUN)
        hashes: Hashes = (windows * _FACTORS).sum(axis=1, dtype=np.uint64)
        return hashes ^ (hashes >> np.uint64(32))


def words_of(text: str) -> list[str]:
    """The words of a text in small letters; a character each where no spaces part them."""
    found: list[str] = _WORD.findall(text.lower())
    if not has_unspaced(text):
        return found
    return [part for word in found for part in (word if has_unspaced(word) else (word,))]


def repeated_share(works: Iterable[Work], runs: Runs) -> float:
    """The share of runs of five words that stand somewhere before, from 0 to 1."""
    every = _joined([runs.of_chapter(chapter) for work in works for chapter in work.chapters])
    return 1 - len(np.unique(every)) / len(every) if len(every) else 0.0


def without_drafts(
    works: Sequence[Work], runs: Runs, removals: Removals, breathe: Breathe
) -> list[Work]:
    """The works without chapters that are an older draft of another one.

    Later in the list means newer; within a work, the last draft of a chapter stays.
    """
    chapters = [(number, chapter) for number, work in enumerate(works) for chapter in work.chapters]
    if len(chapters) < 2:
        return list(works)
    sets = [np.unique(runs.of_chapter(chapter)) for _, chapter in chapters]
    places = np.repeat(np.arange(len(sets)), [len(each) for each in sets])
    hashes = _joined(sets)
    order = np.argsort(hashes, kind="stable")
    hashes, places = hashes[order], places[order]
    gone: set[int] = set()
    for at, own in enumerate(sets):
        breathe()
        if len(own) < _MIN_DRAFT_RUNS:
            continue
        first = np.searchsorted(hashes, own, "left")
        n_places = np.searchsorted(hashes, own, "right") - first
        shared = np.zeros(len(sets), dtype=np.int64)
        # Runs that stand in very many chapters say nothing, and would cost the most.
        for step in range(1, int(min(n_places.max(), 50))):
            shared += np.bincount(places[first[n_places > step] + step], minlength=len(sets))
        shared += np.bincount(places[first], minlength=len(sets))
        if (shared[at + 1 :] >= _DRAFT * len(own)).any():
            gone.add(at)
    kept: list[list[Chapter]] = [[] for _ in works]
    for at, (number, chapter) in enumerate(chapters):
        if at in gone:
            removals.add(Kind.DRAFTS, works[number].path, chapter.text, chapter.n_words)
        else:
            kept[number].append(chapter)
    return [work.with_chapters(left) for work, left in zip(works, kept, strict=True)]


def without_likes_of(
    held_out: Sequence[Work],
    works: Sequence[Work],
    runs: Runs,
    removals: Removals,
    breathe: Breathe,
) -> list[Work]:
    """The works without chapters and passages that are much like some that are held out."""
    known = np.unique(
        _joined([runs.of_chapter(chapter) for work in held_out for chapter in work.chapters])
    )
    if not len(known):
        return list(works)

    def is_like(hashes: Hashes, share: float) -> bool:
        if not len(hashes):
            return False
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        return bool((known[at] == hashes).mean() >= share)

    made = []
    for work in works:
        kept = []
        for chapter in work.chapters:
            breathe()
            every = runs.of_chapter(chapter)
            if len(every) >= _MIN_CHAPTER_RUNS and is_like(every, _HELD_OUT_CHAPTER):
                removals.add(Kind.HELD_OUT, work.path, chapter.text, chapter.n_words)
                continue
            gone = {
                number
                for number, paragraph in enumerate(chapter.paragraphs)
                if not runs.is_short(paragraph) and is_like(runs.of(paragraph), _HELD_OUT_PARAGRAPH)
            }
            for number in sorted(gone):
                removals.add(Kind.HELD_OUT, work.path, chapter.paragraphs[number])
            kept.append(chapter.without(gone))
        made.append(work.with_chapters(kept))
    return made


@dataclass(frozen=True)
class _Passage:
    work: int
    chapter: int
    number: int
    text: str


def without_duplicates(
    works: Sequence[Work], runs: Runs, removals: Removals, breathe: Breathe
) -> list[Work]:
    """The works without paragraphs that stand nearly so in another chapter.

    Later in the list means newer, and the newest stays; within one work the first. Within a
    chapter nothing is taken for a copy: there are refrains.
    """
    passages = [
        _Passage(number, n, i, paragraph)
        for number in range(len(works) - 1, -1, -1)
        for n, chapter in enumerate(works[number].chapters)
        for i, paragraph in enumerate(chapter.paragraphs)
        if not runs.is_short(paragraph)
    ]
    from datasketch import MinHash, MinHashLSH  # here: half a second, and not needed to count words

    index = MinHashLSH(num_perm=_N_BANDS * _BAND, params=(_N_BANDS, _BAND))
    gone: dict[tuple[int, int], set[int]] = {}
    sketches = MinHash.generator(
        ((runs.of(each.text) & np.uint64(0xFFFFFFFF)).tolist() for each in passages),
        num_perm=_N_BANDS * _BAND,
        hashfunc=int,
    )
    for at, (passage, sketch) in enumerate(zip(passages, sketches, strict=True)):
        if at % 100 == 0:
            breathe()
        own = frozenset(runs.of(passage.text).tolist())
        candidates = (passages[other] for other in index.query(sketch))
        if any(
            (passage.work, passage.chapter) != (other.work, other.chapter)
            and _jaccard(own, frozenset(runs.of(other.text).tolist())) >= _SAME
            for other in candidates
        ):
            gone.setdefault((passage.work, passage.chapter), set()).add(passage.number)
            removals.add(Kind.DUPLICATES, works[passage.work].path, passage.text)
        else:
            index.insert(at, sketch, check_duplication=False)
    return [
        work.with_chapters(
            chapter.without(gone.get((number, n), set())) for n, chapter in enumerate(work.chapters)
        )
        for number, work in enumerate(works)
    ]


def _jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)


def _joined(parts: Sequence[Hashes]) -> Hashes:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
