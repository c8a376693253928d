"""What is being written, for what helps with it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from studio.writing.languages import language_of


class Craft(StrEnum):
    STORY = "story"
    LYRICS = "lyrics"
    CODE = "code"


def craft_of(path: Path | None, text: str = "") -> Craft:  # noqa: ARG001 (songs are told by it)
    """By the file's suffix."""
    return Craft.CODE if language_of(path) else Craft.STORY
