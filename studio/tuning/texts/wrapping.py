"""Prose whose lines a program broke at a width, told apart from verse, and mended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

_MIN_WIDTH, _MAX_WIDTH = 40, 140
_SLACK = 3
"""Programs that count a tab or a wide character otherwise break a little early."""
_MIN_BREAKS = 8
"""With fewer line ends in a whole work nothing is evident."""
_SHARE_OF_WORK = 0.7
_SHARE_OF_PARAGRAPH = 0.9
_MAX_CAPITALS = 0.6
"""Of the lines after the first: in verse nearly all begin with one."""
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010]$")
_SOFT_HYPHEN = "\u00ad"
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")


def wrap_width(paragraphs: Iterable[Sequence[str]]) -> int | None:
    """The width in characters that the lines were broken at, or None where they were not.

    `paragraphs` are the lines of each. A line is broken at a width if the next word would not have
    found room in it. Verse is not: its lines end where the poet ends them.
    """
    blocks = [lines for lines in paragraphs if len(lines) > 1]
    lengths = Counter(len(line) for lines in blocks for line in lines)
    n_breaks = sum(len(_breaks(lines)) for lines in blocks)
    if n_breaks < _MIN_BREAKS:
        return None
    # A few longer lines, such as addresses, don't count.
    allowed = n_breaks // 100
    width = 0
    for length in sorted(lengths, reverse=True):
        allowed -= lengths[length]
        if allowed < 0:
            width = length
            break
    if not _MIN_WIDTH <= width <= _MAX_WIDTH:
        return None
    n_full = sum(_n_full(lines, width) for lines in blocks)
    n_capitals = sum(_n_capitals(lines) for lines in blocks)
    if n_full < _SHARE_OF_WORK * n_breaks or n_capitals > _MAX_CAPITALS * n_breaks:
        return None
    return width


def is_wrapped(lines: Sequence[str], width: int) -> bool:
    """Whether this paragraph of a work that is broken at `width` is prose."""
    n_breaks = len(_breaks(lines))
    if n_breaks < 1 or max(map(len, lines)) > width + _SLACK:
        return False
    n_full = _n_full(lines, width)
    if n_full == n_breaks:
        return True
    if n_full < _SHARE_OF_PARAGRAPH * n_breaks:
        return False
    return _n_capitals(lines) <= _MAX_CAPITALS * n_breaks


def unwrapped(lines: Sequence[str], hyphens: Hyphens) -> str:
    """The lines of a paragraph as one; words that were parted at a line end are whole again."""
    text = lines[0].rstrip()
    for line in lines[1:]:
        following = line.strip()
        if text.endswith(_SOFT_HYPHEN):
            text = text[:-1] + following
        elif _HYPHEN.search(text):
            text = hyphens.joined(text, following)
        else:
            text = f"{text} {following}"
    return text


class Hyphens:
    """Which hyphens at line ends belong to their words, judged by the rest of the work."""

    def __init__(self, paragraphs: Iterable[str]) -> None:
        self._words: Counter[str] = Counter()
        parted: list[tuple[str, str]] = []
        for paragraph in paragraphs:
            self._words.update(word.casefold() for word in _WORD.findall(paragraph))
            parted += _PARTED.findall(paragraph)
        votes = [self._vote(before, after) for before, after in parted]
        self._mostly_parts = sum(votes) > 0

    def joined(self, text: str, following: str) -> str:
        """`text`, which ends with a hyphen, and the line after it."""
        before, after = _LAST.search(text), _FIRST.match(following)
        if before is None or after is None or not after[0][0].islower():
            return text + following  # "Anglo-\nSaxon", "twenty-\n5"
        vote = self._vote(before[0], after[0])
        parts = vote > 0 or (vote == 0 and self._mostly_parts)
        return (text[:-1] if parts else text) + following

    def _vote(self, before: str, after: str) -> int:
        """Above 0 if the word is written without the hyphen elsewhere, below 0 if with it."""
        whole = (before + after).casefold()
        hyphened = f"{before}-{after}".casefold()
        # Both halves of what is written with a hyphen are often words; of "happi-ness" they aren't.
        n_whole, n_hyphened = self._words[whole], self._words[hyphened]
        return (n_whole > n_hyphened) - (n_hyphened > n_whole)


_PARTED = re.compile(r"([^\W\d_]+)[-\u2010]\n[ \t]*([^\W\d_]+)")
_LAST = re.compile(r"[^\W\d_]+(?=[-\u2010]$)")
_FIRST = re.compile(r"[^\W\d_]+")


def _breaks(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The lines before and after each break, but for those where an indent begins a paragraph."""
    return [
        (line, following)
        for line, following in pairwise(lines)
        if following.strip() and (line[:1].isspace() or not following[:1].isspace())
    ]


def _n_full(lines: Sequence[str], width: int) -> int:
    return sum(
        len(line) + 1 + len(following.split(maxsplit=1)[0]) > width - _SLACK
        for line, following in _breaks(lines)
    )


def _n_capitals(lines: Sequence[str]) -> int:
    return sum(following.lstrip(" \t“\"'‘(—")[:1].isupper() for _, following in _breaks(lines))
