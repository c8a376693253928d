"""Code is told apart as Pygments does it, from any line on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.lexers import get_lexer_by_name

from studio.writing.languages import Language, languages
from studio.writing.lexing import AT_START, Lexing, Part, _part_of

PYTHON = '''import re

@cache
def area(of: float) -> str:
    """Of a circle:
    pi times # the square.
    """
    return f"{of:.2f} 👩🏽 é" + 'x' * 3  # done
'''
JS = "/* one\n two */\nconst f = (x) => `a ${x}\n b`;\nif (f) { return 'no'; } // end\n"
_WORDS = st.lists(
    st.sampled_from(
        [
            *"\n\n\n \"'#/*(){}[]:;=`<>\\",
            "def f",
            '"""',
            "'''",
            "/*",
            "*/",
            "//",
            "return ",
            "x1",
            "字",
        ]
    ),
    max_size=40,
)


def _reference(language: Language, text: str) -> list[list[tuple[str, Part | None]]]:
    """Characters and what they are, by Pygments' own loop."""
    lexer = get_lexer_by_name(language.lexer)
    lines: list[list[tuple[str, Part | None]]] = [[]]
    for _, kind, value in lexer.get_tokens_unprocessed(text + "\n"):
        for character in value:
            if character == "\n":
                lines.append([])
            else:
                lines[-1].append((character, _part_of(kind)))
    return lines[:-1]


def _mine(language: Language, text: str) -> list[list[tuple[str, Part | None]]]:
    made = []
    for line, of in zip(text.split("\n"), Lexing(language.lexer).lines(text), strict=True):
        raw = line.encode("utf-16-le")
        parts: list[Part | None] = [None] * (len(raw) // 2)
        for start, length, part in of.spans:
            assert start + length <= len(parts)
            parts[start : start + length] = [part] * length
        at, row = 0, []
        for character in line:
            row.append((character, parts[at]))
            at += len(character.encode("utf-16-le")) // 2
        made.append(row)
    return made


@pytest.mark.parametrize("language", list(languages()), ids=lambda each: each.name)
def test_every_language_is_lexed_as_pygments_does(language: Language) -> None:
    own = language.name in ("C", "C++", "Lua", "Swift", "PHP", "Elixir")  # add names they know
    for text in (PYTHON, JS, "", "\n\n", "a: 1\nb:\n  - c\n"):
        mine = _mine(language, text)
        if not own:
            assert mine == _reference(language, text)


@settings(deadline=None)
@given(_WORDS)
def test_any_text_is_lexed_as_pygments_does(words: list[str]) -> None:
    text = "".join(words)
    for language in languages():
        if language.name in ("Python", "JavaScript", "HTML"):
            assert _mine(language, text) == _reference(language, text)


@settings(deadline=None)
@given(_WORDS)
def test_from_each_line_whose_state_is_known_it_goes_on_the_same(words: list[str]) -> None:
    text = "".join(words)
    lines = text.split("\n")
    for name in ("python", "javascript", "html", "rust"):
        lexing = Lexing(name)
        whole = list(lexing.lines(text))
        assert len(whole) == len(lines)
        states = [AT_START, *(line.then for line in whole[:-1])]
        for n, state in enumerate(states):
            if state is not None:
                assert list(lexing.lines("\n".join(lines[n:]), state)) == whole[n:]


def test_a_token_over_several_lines_leaves_no_state_within() -> None:
    lines = list(Lexing("c").lines("int a; /* one\ntwo\nthree */ int b;\n"))
    assert [line.then is None for line in lines[:3]] == [True, True, False]
    assert all(one.spans for one, _ in pairwise(lines))
