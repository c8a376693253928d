"""Suggestions in prose and verse end where a reader would end them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.writing import graphemes
from studio.writing.craft import Craft
from studio.writing.ending import Trimmed, lyrics, prose
from studio.writing.languages import language_of, languages
from studio.writing.trimming import fitted, trim


@pytest.mark.parametrize(
    ("generated", "shown", "complete"),
    [
        (" down the stairs. She", " down the stairs.", True),
        (" down the stairs.", " down the stairs.", False),
        (" down the", " down the", False),
        (" “Stop!” he said. Then", " “Stop!” he said.", True),
        (" “Stop!” She ran", " “Stop!”", True),
        (" to Mr. Smith and", " to Mr. Smith and", False),
        (" 3.5 miles", " 3.5 miles", False),
        (" home\n\nThe next", " home", True),
        ("\n\nThe next", "", True),
        (" said “", " said", False),
        (" went (", " went", False),
        (' said "', " said", False),
        (" to the house ", " to the house", False),
        ("他走了。然后", "他走了。", True),
    ],
)
def test_prose_ends_with_the_sentence(generated: str, shown: str, complete: bool) -> None:
    assert prose("He went", "", generated, ended=False) == Trimmed(shown, complete)


def test_a_word_that_the_length_cut_off_is_not_shown() -> None:
    before = "He went"
    assert prose(before, "", " down the stair", ended=True, cut_short=True).text == " down the"
    assert prose(before, "", " down the stair", ended=True).text == " down the stair"
    assert prose("He wen", "", "t", ended=True, cut_short=True).text == "t"


def test_a_long_sentence_cut_off_ends_with_a_clause() -> None:
    shown = prose("He", "", " went down the stairs, and the", ended=True, cut_short=True)
    assert shown.text == " went down the stairs,"


@pytest.mark.parametrize(
    ("after", "generated", "shown"),
    [
        (" mat and purred.", " the mat and", " the"),
        (" the mat and purred.", " the mat and purred.", ""),
        ("\n\nThe next day she left.", " home. The next day she left.", " home."),
        ("” he said.", "I know.”", "I know."),
        (")", "see below)", "see below"),
        (" mat.", " sofa all day.", " sofa all day."),
    ],
)
def test_what_stands_after_the_cursor_is_not_said_again(
    after: str, generated: str, shown: str
) -> None:
    assert prose("The cat sat on", after, generated, ended=True).text == shown


def test_what_may_be_the_following_text_waits_until_it_is_known() -> None:
    after = " the mat and purred."
    assert prose("It sat on", after, " the m", ended=False) == Trimmed("", complete=False)
    assert prose("It sat on", after, " the mountain", ended=False).text == " the mountain"
    assert prose("It sat on", after, " the mat and pur", ended=False) == Trimmed("", complete=True)


def test_the_sentence_before_is_not_said_again() -> None:
    before = "He opened the door and looked out. "
    again = "He opened the door and looked out."
    assert prose(before, "", again, ended=True).text == ""
    other = "He opened the window and looked out."
    assert prose(before, "", other, ended=True).text == other
    assert prose(before + "He opened the door", "", " and looked out.", ended=True).text == ""


def test_a_stutter_is_cut() -> None:
    shown = prose("They went", "", " on and on and on and on and on", ended=False)
    assert shown.complete
    assert len(shown.text) < len(" on and on and on and on")


@pytest.mark.parametrize(
    ("before", "generated", "shown", "complete"),
    [
        ("[Verse]\nThe river", " runs below\nand", " runs below", True),
        ("[Verse]\n", "The river runs\nand I go too\nagain", "The river runs\nand I go too", True),
        ("[Verse]\nThe river runs\n", "and I go too\nagain", "and I go too", True),
        ("The river runs", "\nand I go too\nagain", "\nand I go too", True),
        ("The river runs\n", "\n\n\n", "", True),
        ("One\n\n", "The river runs\n[Chorus]\nOh", "The river runs", True),
        ("One\nThe river runs\n", "The river runs\n", "", True),
        ("[Verse]\n", "The river runs\nThe river runs\n", "The river runs", True),
    ],
)
def test_verse_ends_with_the_line_or_the_couplet(
    before: str, generated: str, shown: str, complete: bool
) -> None:
    assert lyrics(before, "", generated, ended=False) == Trimmed(shown, complete)


def test_a_line_of_verse_that_begins_like_the_last_one_waits() -> None:
    before = "[Verse]\nI want to stay\nI want to go\n"
    assert lyrics(before, "", "I want", ended=False) == Trimmed("", complete=False)
    assert lyrics(before, "", "I want to s", ended=False).text == "I want to s"


_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *" .,!?“”\"'([{)]}\n…。「」:;=#*_`\\",
                "the ",
                "He went. ",
                "e\u0301",
                "👩🏽\u200d🚀",
                "🇯🇵",
                "🇯",
                "ก\u0e35\u0e48",
                "字",
                "\u200d",
                "\ufe0f",
                "\ufffd",
                "    ",
                "if x:\n",
                "\r\n",
            ]
        ),
        st.text(max_size=3),
    ),
    max_size=14,
)
_CRAFTS = [(Craft.STORY, None), (Craft.LYRICS, None)] + [(Craft.CODE, each) for each in languages()]


@settings(deadline=None)
@given(_PIECES, _PIECES, _PIECES, st.sampled_from(_CRAFTS), st.booleans(), st.booleans())
def test_what_is_shown_is_a_beginning_in_whole_characters(
    before: list[str], after: list[str], pieces: list[str], craft: tuple, ended: bool, cut: bool
) -> None:
    kind, language = craft
    generated = "".join(pieces)
    around = ("".join(before), "".join(after))
    shown = trim(kind, *around, generated, ended=ended, cut_short=cut and ended, language=language)
    text = shown.text
    assert generated.startswith(text)
    assert not graphemes.splits(text, generated[len(text) :])
    assert not text.endswith(("\u200d", "\ufffd", " ", "\n"))
    assert graphemes.whole(text, ended=True) == text
    if kind is not Craft.CODE:
        assert not text.endswith(tuple("([{“‘«「"))
    fitted(kind, *around, text, ended=ended, language=language)


@settings(deadline=None)
@given(_PIECES, _PIECES, _PIECES, st.sampled_from([Craft.STORY, Craft.LYRICS]))
def test_while_more_comes_what_is_shown_only_grows(
    before: list[str], after: list[str], pieces: list[str], craft: Craft
) -> None:
    around = ("".join(before), "".join(after))
    shown = ""
    complete = False
    for n in range(1, len(pieces) + 1):
        so_far = "".join(pieces[: n - 1])
        if graphemes.whole(so_far, ended=False) == so_far and graphemes.splits(
            so_far, pieces[n - 1]
        ):
            return  # a mark on a letter that nobody would wait at
        now = trim(craft, *around, "".join(pieces[:n]), ended=False)
        if complete:
            break
        assert now.text.startswith(shown)
        shown, complete = now.text, now.complete


def test_code_suffixes_are_known() -> None:
    from pathlib import Path

    assert language_of(Path("a/B.PY")).name == "Python"  # type: ignore[union-attr]
    assert language_of(Path("novel.md")) is None
    assert language_of(None) is None
