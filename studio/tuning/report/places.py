"""Where in texts to measure: spread evenly, in whole words, and never the same place twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD_START = re.compile(r"(?<=\s)(?=\S)")
_WITHIN = 200
"""Characters in which a word has to begin; in a text without spaces none does."""


@dataclass(frozen=True)
class Place:
    """A stretch of one of several texts, in code points."""

    text: int
    start: int
    end: int


def spread(texts: Sequence[str], n: int, n_chars: int, *, lead: int = 0) -> list[Place]:
    """At most `n` stretches of about `n_chars`, evenly spread over `texts`.

    All of the texts if that is not more; the last one of a text may then be shorter, down to a
    quarter. With `lead`, no stretch begins before so many characters of its text.
    """
    slots = [
        Place(index, start, min(len(text), start + n_chars))
        for index, text in enumerate(texts)
        for start in range(min(lead, len(text)), len(text), n_chars)
        if len(text) - start >= max(1, n_chars // 4)
    ]
    if len(slots) > n:
        slots = [slots[int((i + 0.5) * len(slots) / n)] for i in range(n)]
    return [
        Place(p.text, _word_start(texts[p.text], p.start), _word_start(texts[p.text], p.end))
        for p in slots
    ]


def _word_start(text: str, at: int) -> int:
    """The first place from `at` on at which a word begins."""
    if at <= 0 or at >= len(text):
        return min(at, len(text))
    found = _WORD_START.search(text, at, at + _WITHIN)
    return found.start() if found else at
