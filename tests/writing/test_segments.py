from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.writing.context import from_paragraph, grid_start
from studio.writing.segments import next_sentence, next_word


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (" the stairs", " the"),
        ("airs, slowly", "airs,"),
        (" don't go", " don't"),
        (" well-known man", " well-known"),
        ("\n\nThe next", "\n\nThe"),
        (" “Who?” he", " “"),
        ("Who?” he", "Who?”"),
        (" — and", " —"),
        ("   ", "   "),
        ("", ""),
    ],
)
def test_the_next_word_is_a_reader_s_word(text: str, word: str) -> None:
    assert next_word(text) == word


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" slowly. Then", " slowly."),
        (" “Stop!” he said. Then", " “Stop!”"),
        (" in 3.5 days. Then", " in 3.5 days."),
        (" without an end", " without an end"),
        ("a line\nanother", "a line"),
        ("他走了。然后", "他走了。"),
    ],
)
def test_the_next_sentence_ends_where_it_ends(text: str, sentence: str) -> None:
    assert next_sentence(text) == sentence


@given(st.text())
def test_segments_make_up_the_text_again(text: str) -> None:
    for cut in (next_word, next_sentence):
        rest, parts = text, []
        while rest:
            part = cut(rest)
            assert part
            assert rest.startswith(part)
            parts.append(part)
            rest = rest[len(part) :]
        assert "".join(parts) == text


@given(st.integers(0, 10**7), st.integers(1, 10**5))
def test_the_window_reaches_far_enough_and_not_much_farther(position: int, reach: int) -> None:
    start = grid_start(position, reach)
    assert start == 0 or reach <= position - start < 2 * reach


@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_typing_on_moves_the_window_rarely(position: int, reach: int) -> None:
    starts = {grid_start(position + typed, reach) for typed in range(0, reach, max(1, reach // 50))}
    assert len(starts) <= 2


def test_the_window_begins_with_a_paragraph() -> None:
    assert from_paragraph("rest of one.\n\nTwo.\n\nThree, which is longer", at_beginning=False) == (
        "Two.\n\nThree, which is longer"
    )


def test_the_window_never_begins_inside_a_word() -> None:
    assert from_paragraph("rds and more words without an end", at_beginning=False).startswith("and")


def test_the_beginning_of_the_text_is_kept_whole() -> None:
    assert from_paragraph("One.\nTwo.", at_beginning=True) == "One.\nTwo."
