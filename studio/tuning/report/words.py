"""Words and sentences of a text, as the measures of style count them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from studio.writing.ending import sentence_end

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_PARAGRAPHS = re.compile(r"\n\s*\n|\n")


def words(text: str) -> list[str]:
    """The words in lower case, apostrophes straight."""
    return [each.casefold().replace("’", "'") for each in _WORD.findall(text)]


def cut(text: str, n_words: int) -> str:
    """`text` up to the end of its `n_words`th word; all of it if it has fewer."""
    for i, found in enumerate(_WORD.finditer(text), 1):
        if i == n_words:
            return text[: found.end()]
    return text


def pieces(texts: Sequence[str], n_words: int, at_most: int) -> list[str]:
    """Pieces of `n_words` words each, from texts put one after the other, evenly spread."""
    whole = "\n\n".join(texts)
    starts = [found.start() for found in _WORD.finditer(whole)]
    firsts = list(range(0, len(starts) - n_words + 1, n_words))
    if len(firsts) > at_most:
        firsts = [firsts[int((i + 0.5) * len(firsts) / at_most)] for i in range(at_most)]
    bounds = [*starts, len(whole)]
    return [whole[bounds[first] : bounds[first + n_words]] for first in firsts]


def sentences(text: str) -> Iterator[str]:
    """The sentences that end; a last one that was cut off is left out."""
    paragraphs = [p for p in _PARAGRAPHS.split(text) if p.strip()]
    for i, paragraph in enumerate(paragraphs):
        rest = paragraph.strip()
        while rest:
            end = sentence_end(rest, ended=True)
            if end is None:
                if i < len(paragraphs) - 1:  # a heading, or a line without a full stop
                    yield rest
                break
            yield rest[:end]
            rest = rest[end:].lstrip()


def sentence_lengths(text: str) -> list[int]:
    """In words; sentences without a word are left out."""
    return [n for sentence in sentences(text) if (n := len(_WORD.findall(sentence)))]
