"""The next word and the next sentence of a suggestion, as a reader would cut them.

Chinese and Japanese have no spaces between words. BudouX finds where they end: small models of
which characters stand together (5 ms to load, 2 MB of memory), trained for phrases that a
reader takes in at once, so that a Japanese word keeps its particles. docs/dependencies.md says
what was measured.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import regex

from studio.writing import graphemes
from studio.writing.scripts import begins_cjk, is_cjk, writing_of

if TYPE_CHECKING:
    from budoux import Parser

# The marks of `regex`'s \w belong to their letters: in Thai and Hindi they are half of a word.
_WORD = regex.compile(r"\s*(?:\w[\w\p{M}\u200c\u200d'’]*(?:-\w+)*[.,;:!?…”\"')\]]*|[^\w\s]+)")
_SENTENCE_END = re.compile(r"[.!?…]+[”’\"')\]*_]*(?=\s|$)|(?<=\S)(?=\n)|[。！？]+[」』”’）]*")
_CLOSING = re.compile(r"[、。，．！？：；…—”’」』）》〉】.,;:!?)\]]+")
_LOOK_BACK = 12
_LOOK_AHEAD = 40
"""Characters around the next word that are looked at."""


def next_word(text: str, before: str = "") -> str:
    """The first word with the space before it and the punctuation after it; all if none.

    `before` is what the text stands after: it tells a word that goes on from one that begins,
    and Chinese from Japanese.
    """
    if begins_cjk(text):
        return _next_phrase(text, before[-_LOOK_BACK:])
    found = _WORD.match(text)
    if not found:
        return text
    end = found.end()
    first_cjk = next((i for i in range(end) if is_cjk(text[i])), end)
    return text[: graphemes.cut_after(text, first_cjk)]


def next_sentence(text: str) -> str:
    """`text` up to the end of its first sentence or line; all of it if neither ends."""
    found = _SENTENCE_END.search(text)
    return text[: graphemes.cut_after(text, found.end())] if found else text


def next_line(text: str) -> str:
    """`text` up to the end of its first line that is not empty; all of it if it has only one."""
    lead = len(text) - len(text.lstrip("\n"))
    end = text.find("\n", lead)
    return text if end < 0 else text[:end]


def _next_phrase(text: str, before: str) -> str:
    lead = len(text) - len(text.lstrip())
    before = before.rpartition("\n")[2] if not lead else ""
    window = text[lead : lead + _LOOK_AHEAD].partition("\n")[0]
    phrases = _parser(writing_of(before + window)).parse(before + window)
    end = -len(before)
    for phrase in phrases:
        end += len(phrase)
        if end > 0 and re.search(r"\w", window[:end]):
            break
    end = max(1, min(end, len(window)))
    # Punctuation that BudouX has left to the next phrase stays with its word.
    closing = _CLOSING.match(window, end)
    end = closing.end() if closing else end
    return text[: graphemes.cut_after(text, lead + end)]


@lru_cache(maxsize=3)
def _parser(writing: str) -> Parser:
    from budoux import Parser  # here: not needed where words have spaces

    model = resources.files("budoux") / "models" / f"{writing}.json"
    return Parser(json.loads(model.read_text("utf-8")))
