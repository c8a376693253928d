from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
