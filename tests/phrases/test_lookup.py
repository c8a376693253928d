"""Counting and looking up, against a plain and slow reference."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.phrases import Phrases, count, phrases_of
from studio.phrases import counting as counting_module
from studio.writing.scripts import has_unspaced

# Of characters that are new to Unicode, `regex` knows more than Python does.
TEXT = st.text(
    st.sampled_from("aabBcé’'-.,“” \n\n1_日พ")
    | st.characters(codec="utf-8", exclude_categories=["Cn"]),
    max_size=80,
)
PROSE = st.lists(
    st.sampled_from(["the", "The", "Then", "Theo", "Lamp", "Lamps", "La", "L’amie", ".", ",", "“"]),
    max_size=60,
).map(" ".join)


def slow_tokens(text: str) -> list[str]:
    """One character after the other."""
    tokens: list[str] = []
    inside = False  # whether the last token is a word that may go on
    for i, character in enumerate(text):
        letter = character.isalpha() or is_mark(character)
        joins = character in "’'-" and inside and i + 1 < len(text)
        if joins and (text[i + 1].isalpha() or is_mark(text[i + 1])):
            tokens[-1] += character
        elif letter:
            if inside:
                tokens[-1] += character
            else:
                tokens.append(character)
            inside = True
        else:
            inside = False
            if not re.match(r"\s", character) or character in "\x1c\x1d\x1e\x1f":
                tokens.append(character)
    return tokens


def is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def slow_counts(text: str) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    tokens = slow_tokens(text)
    words = [each for each in tokens if counts_as_word(each)]
    pairs = [
        (before, word)
        for before, word in pairwise(tokens)
        if counts_as_word(word) and not has_unspaced(before)
    ]
    return Counter(words), Counter(pairs)


def counts_as_word(token: str) -> bool:
    return token[0].isalpha() and not has_unspaced(token)


def slow_values(near: str, far: str, before: str) -> dict[str, float]:
    """What the formula says of every word, by the letters."""
    tokens = slow_tokens(before)
    if not tokens or not counts_as_word(tokens[-1]) or not before.endswith(tokens[-1]):
        return {}
    typed, token = tokens[-1], tokens[-2] if len(tokens) > 1 else None
    if not typed[0].isupper():
        return {}
    words, pairs = slow_counts(near)
    others, _ = slow_counts(far)
    followers = {word: n for (one, word), n in pairs.items() if one == token}
    different, all_of_them = len(followers), sum(followers.values())
    values = {}
    for word in set(words) | set(others):
        if not word.startswith(typed) or word == typed:
            continue
        share = words[word] / max(1, words.total())
        if different:
            share = (followers.get(word, 0) + 2 * different * share) / (all_of_them + 2 * different)
        values[word] = 0.3 * share + 0.05 * others[word] / max(1, others.total())
    return values


@given(TEXT)
def test_words_and_pairs_are_those_of_the_definition(text: str) -> None:
    counts = count(text)
    assert (counts.words, counts.pairs) == slow_counts(text)


@given(st.lists(PROSE, min_size=3, max_size=6))
def test_the_size_of_the_pieces_makes_no_difference(texts: list[str]) -> None:
    text = "\n".join(texts)
    whole = count(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting_module, "PIECE_CHARS", 20)
        assert count(text) == whole


def test_a_letter_that_never_ends_is_no_word() -> None:
    counts = count("x" * 100_000 + " lamp")
    assert set(counts.words) == {"lamp"}


def test_the_work_can_be_ended_between_two_pieces() -> None:
    class Enough(Exception):
        pass

    def stop() -> None:
        raise Enough

    with pytest.raises(Enough):
        count("lamp " * 10_000, breathe=stop)


@given(PROSE, PROSE, PROSE)
def test_what_is_told_is_what_the_formula_says(near: str, far: str, before: str) -> None:
    told = phrases_of([near], [far]).likely(before)
    values = slow_values(near, far, before)
    highest = sorted(values.values(), reverse=True)[:6]
    assert [value for _, value in told] == pytest.approx(highest)
    for word, value in told:
        assert values[word] == pytest.approx(value)


@given(TEXT, TEXT, TEXT)
def test_any_text_is_looked_up_as_the_formula_says(near: str, far: str, before: str) -> None:
    told = phrases_of([near], [far]).likely(before)
    values = slow_values(near, far, before)
    assert [value for _, value in told] == pytest.approx(sorted(values.values(), reverse=True)[:6])


@given(PROSE, PROSE)
def test_endings_are_what_is_not_typed_yet(near: str, before: str) -> None:
    phrases = phrases_of([near])
    typed = (re.findall(r"[\w’]+$", before) or [""])[0]
    told = phrases.likely(before)
    assert [(typed + end, value) for end, value in phrases.endings(before)] == list(told)


def test_several_texts_count_as_their_sum() -> None:
    phrases = phrases_of(["Quillon came.", "Quillon went. Quilt."])
    assert [word for word, _ in phrases.likely("He saw Qui")] == ["Quillon", "Quilt"]


def test_what_followed_before_comes_first() -> None:
    phrases = phrases_of(["the Cat sat. the Cat ran. a Car, Car, Car. one Car. Car, Car"])
    assert phrases.likely("the Ca")[0][0] == "Cat"
    assert phrases.likely("one Ca")[0][0] == "Car"


def test_nothing_is_told_where_no_word_is_being_typed() -> None:
    phrases = phrases_of(["the Lamp the lamp"])
    for before in ("", "the ", "the La ", "the 3", "the —", "La’", "日本La", "the la"):
        assert phrases.likely(before) == ()


def test_without_texts_there_are_no_words() -> None:
    assert Phrases().likely("the La") == ()
    assert phrases_of([]).likely("the La") == ()


def test_only_the_case_that_was_typed_counts() -> None:
    phrases = phrases_of(["ROSE Rose rose rosemary Rosemary."])
    assert [word for word, _ in phrases.likely("a Ro")] == ["Rose", "Rosemary"]


def test_a_long_text_before_the_cursor_is_cut_without_harm() -> None:
    phrases = phrases_of(["Quillon of Quadrille"])
    assert phrases.likely("word " * 50_000 + "of Q")[0][0] == "Quadrille"
    assert phrases.likely("Q" * 50_000) == ()
