"""Syllables, rhymes and schemes, with the real dictionary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.app import load_sounds
from studio.writing.sounds import Rhyme
from studio.writing.verse import (
    Section,
    heading,
    last_word,
    line_to_rhyme_with,
    metre,
    number_words,
    rhyme_scheme,
    sections,
    stress_pattern,
    syllables,
    words,
)

SOUNDS = load_sounds()


def scheme(text: str) -> str:
    return "".join(letter or " " for letter in rhyme_scheme(text.split("\n"), SOUNDS))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("[Verse 1]", "Verse 1"),
        ("[Chorus]", "Chorus"),
        ("  [pre-chorus x2] ", "pre-chorus x2"),
        ("Chorus:", "Chorus"),
        ("Verse 2:", "Verse 2"),
        ("## Bridge", "Bridge"),
        ("### Outro (slowly)", "Outro (slowly)"),
    ],
)
def test_headings_of_a_song_are_known(line: str, name: str) -> None:
    assert heading(line) == name


@pytest.mark.parametrize(
    "line",
    ["[Am]Hello", "The chorus sang:", "## Chapter one", "Verse", "[1]", "", "Bridge over water:"],
)
def test_other_lines_are_no_headings(line: str) -> None:
    assert heading(line) is None


def test_a_song_falls_into_its_sections() -> None:
    song = "A title\n\n[Verse 1]\none\ntwo\n\nChorus:\nthree\n"
    assert sections(song) == [
        Section("", 0, 2),
        Section("Verse 1", 3, 6),
        Section("Chorus", 7, 9),
    ]


@pytest.mark.parametrize(
    ("line", "n"),
    [
        ("The moon is rising o'er the hill", 8),
        ("And all the valley's lying still", 8),
        ("’Twas heav’n that ev’ry wand’ring star", 8),
        ("don't you think I'd've stayed", 6),
        ("well-worn, sun-bleached, half-forgotten", 8),
        ("“Ooh,” she said—“la, la!”", 5),
        ("Zhivago walks with Gandalf", 7),
        ("naïve cafés", 4),
        ("every fire", 3),
        ("I counted 42 white sheep", 8),
        ("back in 1984", 7),
        ("[Am]Sing low, sing [G]high", 4),
        ("月亮代表我的心", 7),
        ("[Chorus]", 0),
        ("Am  G7  C/E", 0),
        ("🙂 …", 0),
        ("", 0),
    ],
)
def test_syllables_are_counted_as_one_says_them(line: str, n: int) -> None:
    assert syllables(line, SOUNDS) == n


def test_numbers_are_said_in_words() -> None:
    assert number_words("1,984") == ["one", "thousand", "nine", "hundred", "eighty", "four"]
    assert number_words("1905") == ["nineteen", "oh", "five"]
    assert number_words("007") == ["zero", "zero", "seven"]
    assert number_words("0") == ["zero"]
    assert number_words("3.14") == ["three", "one", "four"]


@pytest.mark.parametrize(
    ("one", "other", "rhyme"),
    [
        ("moon", "June", Rhyme.PERFECT),
        ("yesterday", "away", Rhyme.PERFECT),
        ("thrumble", "tumble", Rhyme.PERFECT),
        ("starshine", "mine", Rhyme.PERFECT),
        ("o'er", "shore", Rhyme.PERFECT),
        ("two", "too", Rhyme.SAME),
        ("home", "home", Rhyme.SAME),
        ("time", "mine", Rhyme.NEAR),
        ("memory", "free", Rhyme.NEAR),
        ("love", "move", Rhyme.NONE),
        ("moon", "心", Rhyme.NONE),
        ("", "moon", Rhyme.NONE),
    ],
)
def test_rhymes_are_told_by_sound(one: str, other: str, rhyme: Rhyme) -> None:
    assert SOUNDS.rhyme(one, other) is rhyme
    assert SOUNDS.rhyme(other, one) is rhyme


def test_all_rhymes_of_a_word_rhyme_and_do_not_sound_like_it() -> None:
    found = SOUNDS.rhymes("sea")
    assert {"free", "me", "tree"} <= set(found)
    assert "see" not in found
    assert "sea" not in found
    assert all(SOUNDS.rhyme("sea", word) is Rhyme.PERFECT for word in found)


def test_a_guessed_word_says_so() -> None:
    assert SOUNDS.knows("‘moon’")
    assert not SOUNDS.knows("thrumble")
    assert SOUNDS.say("thrumble")[0].guessed


def test_a_scheme_begins_afresh_in_each_stanza() -> None:
    text = (
        "[Verse]\nI saw the moon\nI had a cat\nIt was in June\nHe wore a hat\n\n"
        "Sing low\nSing high\nSing so\nSing loud"
    )
    assert scheme(text) == " ABAB ABAC"


def test_a_repeated_line_keeps_its_letter() -> None:
    assert scheme("Hey moon\nHo\nHey moon") == "ABA"


def test_the_next_line_rhymes_as_the_stanza_before() -> None:
    couplets = "I saw the moon\nIt was in June\nI had a cat\nHe wore a hat\n\n"
    assert line_to_rhyme_with(couplets + "Sing low\n", SOUNDS) == "Sing low"
    crosswise = "I saw the moon\nI had a cat\nIt was in June\nHe wore a hat\n\n"
    assert line_to_rhyme_with(crosswise + "Sing low\n", SOUNDS) == ""
    assert line_to_rhyme_with(crosswise + "Sing low\nSing high\n", SOUNDS) == "Sing low"


def test_without_a_stanza_before_lines_rhyme_crosswise() -> None:
    assert line_to_rhyme_with("", SOUNDS) == ""
    assert line_to_rhyme_with("I saw the moon\nI had a cat\n", SOUNDS) == "I saw the moon"
    three = "I saw the moon\nI had a cat\nIt was in June\n"
    assert line_to_rhyme_with(three, SOUNDS) == "I had a cat"
    assert line_to_rhyme_with(f"{three}He wore a hat\n", SOUNDS) == ""


def test_lines_of_one_metre_agree_more_than_others() -> None:
    like = stress_pattern("The moon is rising o'er the hill", SOUNDS)
    same = stress_pattern("A lamp is burning in the hall", SOUNDS)
    other = stress_pattern("Tumbling, hammering, thundering down", SOUNDS)
    assert metre(like, like) == 1
    assert metre(same, like) > 0.9 > metre(other, like)
    assert metre("", like) == 0


@given(st.text(max_size=80))
def test_any_text_can_be_measured(text: str) -> None:
    assert syllables(text, SOUNDS) >= 0
    assert all(words(text))
    lines = text.split("\n")
    assert len(rhyme_scheme(lines, SOUNDS)) == len(lines)
    assert line_to_rhyme_with(text, SOUNDS) in ("", *lines)
    assert sum(each.end - each.first for each in sections(text)) <= len(lines)


@given(st.text("abcdefghijklmnopqrstuvwxyzéü'’-", min_size=1, max_size=14))
def test_any_word_with_letters_has_a_sound_or_none(word: str) -> None:
    for spoken in SOUNDS.say(word):
        assert spoken.phones
        assert len(spoken.stresses) == sum(phone[-1].isdigit() for phone in spoken.phones)
    if SOUNDS.say(word):
        assert SOUNDS.rhyme(word, word) is Rhyme.SAME
    assert last_word(word) in ("", *words(word))
