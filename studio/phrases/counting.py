"""Which words a text has, and what stands before each of them, counted in small pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import regex

from studio.writing.scripts import has_unspaced

MAX_WORD_CHARS = 60
"""What is longer is no word that a person types."""
PIECE_CHARS = 8_000
"""About as much as is counted in two milliseconds, in which no other thread runs."""

# Combining marks belong to the letter before them.
_TOKEN = regex.compile(r"[\p{L}\p{M}]+(?:[’'\-][\p{L}\p{M}]+)*|\S")
_SPACE = regex.compile(r"\s")

Breath = Callable[[], None]
"""Called between two pieces of work. It may sleep, and end the work by raising."""


@dataclass(frozen=True)
class Counts:
    """How often each word occurs, and how often right after which token."""

    words: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By the token before, which may be a mark, and the word."""

    def add(self, other: Counts) -> None:
        """Count what `other` has, too."""
        self.words.update(other.words)
        self.pairs.update(other.pairs)


def count(text: str, *, pairs: bool = True, breathe: Breath = lambda: None) -> Counts:
    """The words of `text` as they are written, and with `pairs` what stands before them.

    A word is letters, with hyphens and apostrophes between them. Every other character but a space
    is a token, too. Text in a script that puts no spaces between words counts as nothing.
    """
    counts = Counts()
    before, at = "", 0
    while at < len(text):
        end = _end_of_piece(text, at)
        found = _tokens(text, at, end)
        counts.words.update([token for token in found if is_word(token)])
        if pairs and found:
            counts.pairs.update(
                [
                    pair
                    for pair in zip([before, *found], found, strict=False)
                    if pair[0] and is_word(pair[1])
                ]
            )
            before = found[-1]
        at = end
        breathe()
    return counts


def is_word(token: str) -> bool:
    """Whether a token is a word rather than a mark."""
    return token[:1].isalpha()


def typed_in(before: str) -> tuple[str, str]:
    """The token before the unfinished word at the end of a text, and the letters of that word.

    Both are empty where there is none.
    """
    found = _tokens(before, max(0, len(before) - 4 * MAX_WORD_CHARS), len(before))
    if not found or not is_word(found[-1]) or not before.endswith(found[-1]):
        return "", ""
    return (found[-2] if len(found) > 1 else ""), found[-1]


def _end_of_piece(text: str, at: int) -> int:
    """A place near `PIECE_CHARS` further on that cuts no word, if there is one."""
    least = at + PIECE_CHARS
    if space := _SPACE.search(text, least, least + PIECE_CHARS):
        return int(space.start())
    return min(len(text), least + PIECE_CHARS)


def _tokens(text: str, start: int, end: int) -> list[str]:
    """The tokens from `start` to `end`; what is not to be counted is an empty one."""
    found: list[str] = _TOKEN.findall(text, start, end)
    if has_unspaced(text[start:end]) or max(map(len, found), default=0) > MAX_WORD_CHARS:
        return [
            "" if len(token) > MAX_WORD_CHARS or has_unspaced(token) else token for token in found
        ]
    return found
