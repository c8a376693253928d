"""What is being written, for what helps with it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from studio.writing.languages import language_of
from studio.writing.verse import is_heading


class Craft(StrEnum):
    STORY = "story"
    LYRICS = "lyrics"
    CODE = "code"


LYRICS_SUFFIXES = frozenset({".lyrics", ".song", ".verse", ".poem", ".cho", ".chopro"})
LOOKED_AT_CHARS = 4_000
"""How far into a text its craft shows, or never."""


def craft_of(path: Path | None, text: str) -> Craft:
    """By the file's suffix; else a text with headings like [Chorus] is a song.

    Looks at the beginning of `text` only, so more need not be given.
    """
    suffix = path.suffix.lower() if path else ""
    if suffix in LYRICS_SUFFIXES:
        return Craft.LYRICS
    if language_of(path):
        return Craft.CODE
    lines = text[:LOOKED_AT_CHARS].split("\n")
    return Craft.LYRICS if any(is_heading(line) for line in lines) else Craft.STORY
