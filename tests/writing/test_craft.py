from __future__ import annotations

from pathlib import Path

import pytest

from studio.writing.craft import Craft, craft_of


@pytest.mark.parametrize(
    ("name", "craft"),
    [
        ("waltz.lyrics", Craft.LYRICS),
        ("Waltz.SONG", Craft.LYRICS),
        ("waltz.verse", Craft.LYRICS),
        ("heap.py", Craft.CODE),
        ("chapter.txt", Craft.STORY),
        ("chapter.md", Craft.STORY),
        ("chapter", Craft.STORY),
    ],
)
def test_a_file_says_by_its_name_what_it_is(name: str, craft: Craft) -> None:
    assert craft_of(Path(name), "Once upon a time.") is craft


def test_a_text_with_sections_is_a_song() -> None:
    assert craft_of(Path("waltz.txt"), "Waltz\n\n[Chorus]\nla la\n") is Craft.LYRICS
    assert craft_of(None, "Verse 1:\nla la\n") is Craft.LYRICS


def test_a_program_with_such_a_comment_is_none() -> None:
    assert craft_of(Path("song.py"), "# Chorus\nprint()\n") is Craft.CODE


def test_a_text_without_a_name_is_a_story() -> None:
    assert craft_of(None, "") is Craft.STORY
