"""The next word and the next sentence of a suggestion, as a reader would cut them."""

from __future__ import annotations

import re

_WORD = re.compile(r"\s*(?:\w[\w'’]*(?:-\w+)*[.,;:!?…”\"')\]]*|[^\w\s]+)")
_SENTENCE_END = re.compile(r"[.!?…]+[”’\"')\]*_]*(?=\s|$)|(?<=\S)(?=\n)|[。！？]+[」』”]*")


def next_word(text: str) -> str:
    """The first word with the space before it and the punctuation after it; all if none."""
    found = _WORD.match(text)
    return found.group() if found else text


def next_sentence(text: str) -> str:
    """`text` up to the end of its first sentence or line; all of it if neither ends."""
    found = _SENTENCE_END.search(text)
    return text[: found.end()] if found else text
