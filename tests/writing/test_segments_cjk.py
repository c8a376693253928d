"""Words in scripts without spaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.writing import graphemes
from studio.writing.segments import next_sentence, next_word

GOLD = Path(__file__).parent / "gold"


def _gold(writing: str) -> Iterator[list[str]]:
    for line in (GOLD / f"{writing}.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split(" ")


def _words(text: str) -> list[str]:
    words: list[str] = []
    while text:
        words.append(next_word(text, "".join(words)))
        text = text[len(words[-1]) :]
    return words


def _ends(words: list[str]) -> set[int]:
    return {sum(map(len, words[: i + 1])) for i in range(len(words) - 1)}


@pytest.mark.parametrize(("writing", "at_least"), [("zh", 0.86), ("ja", 0.95)])
def test_words_end_where_a_reader_sees_them_end(writing: str, at_least: float) -> None:
    right = found = there = 0
    for words in _gold(writing):
        mine = _ends(_words("".join(words)))
        right += len(mine & _ends(words))
        found += len(mine)
        there += len(_ends(words))
    assert 2 * right / (found + there) >= at_least


@pytest.mark.parametrize(
    ("before", "text", "word"),
    [
        ("", "她推开窗户，雨水", "她"),
        ("她推开", "窗户，雨水的味道", "窗户，"),
        ("彼女は", "窓を開けて、雨の", "窓を"),
        ("彼は鍵を", "私に渡すと、", "私に"),
        ("", "「あなたは何が欲しいの？」と", "「あなたは"),
        ("雪が", "やみ、屋根が", "やみ、"),
        ("", "Python是一种语言", "Python"),
        ("", "서울에 갔다", "서울에"),
        ("", " the stairs", " the"),
    ],
)
def test_the_next_word_keeps_its_punctuation(before: str, text: str, word: str) -> None:
    assert next_word(text, before) == word


def test_a_japanese_word_being_finished_is_finished() -> None:
    assert next_word("た。次の日", "雨が降っ") == "た。"


_TEXT = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("的是雨窓をのア。、，「」 \n\u0301\u200d\ufe0f👩🏽🇯🇵ก\u0e35\u0e48e1."),
    )
)


@settings(deadline=None)
@given(_TEXT, _TEXT)
def test_words_make_up_the_text_again_in_whole_characters(before: str, text: str) -> None:
    rest, parts = text, []
    while rest:
        part = next_word(rest, before)
        assert part
        assert rest.startswith(part)
        parts.append(part)
        rest = rest[len(part) :]
    assert "".join(parts) == text
    assert "".join(iter_sentences(text)) == text


@settings(deadline=None)
@given(st.text("字窓を。」e\u0301\u200d\ufe0f👩🏽🇯🇵ก\u0e35\u0e48 ", min_size=1))
def test_no_word_ends_inside_of_a_character(text: str) -> None:
    word = next_word(text)
    assert not graphemes.splits(word, text[len(word) :])


def iter_sentences(text: str) -> Iterator[str]:
    while text:
        sentence = next_sentence(text)
        yield sentence
        text = text[len(sentence) :]
