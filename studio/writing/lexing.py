"""What the parts of code are, line by line, from any line whose state is known.

Pygments knows some hundred languages, but lexes whole texts only. Most of its lexers are tables
of regular expressions and a stack of states; run here, they can begin at every line at whose
start the stack is known, which makes a key in a long file cost a few lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pygments.lexer import DelegatingLexer, ExtendedRegexLexer, Lexer, RegexLexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token

Stack = tuple[str, ...]
"""The states that a lexer is in; what it does next depends on nothing else."""
AT_START: Stack = ("root",)


class Part(StrEnum):
    """What is coloured alike."""

    COMMENT = "comment"
    STRING = "string"
    NUMBER = "number"
    KEYWORD = "keyword"
    DEFINITION = "definition"
    BUILTIN = "builtin"


Span = tuple[int, int, Part]
"""Start and length in UTF-16 units within the line, and what it is."""

_PARTS: dict[Any, Part] = {
    Token.Comment: Part.COMMENT,
    Token.Comment.Preproc: Part.KEYWORD,
    Token.Comment.PreprocFile: Part.STRING,
    Token.Literal.String: Part.STRING,
    Token.Literal.Number: Part.NUMBER,
    Token.Literal.Date: Part.NUMBER,
    Token.Keyword: Part.KEYWORD,
    Token.Keyword.Constant: Part.NUMBER,
    Token.Keyword.Type: Part.BUILTIN,
    Token.Operator.Word: Part.KEYWORD,
    Token.Name.Function: Part.DEFINITION,
    Token.Name.Class: Part.DEFINITION,
    Token.Name.Tag: Part.DEFINITION,
    Token.Name.Label: Part.DEFINITION,
    Token.Name.Builtin: Part.BUILTIN,
    Token.Name.Decorator: Part.BUILTIN,
    Token.Name.Attribute: Part.BUILTIN,
    Token.Name.Exception: Part.BUILTIN,
    Token.Name.Entity: Part.BUILTIN,
}


@dataclass(frozen=True)
class Line:
    """The parts of one line."""

    spans: tuple[Span, ...]
    then: Stack | None
    """The state at the start of the next line; None if a token goes on there."""


class Lexing:
    """One language's lexer."""

    def __init__(self, lexer: str) -> None:
        """`lexer` is Pygments' name, as `Language.lexer` has it."""
        self._lexer: Lexer = get_lexer_by_name(lexer)
        self.resumable = isinstance(self._lexer, RegexLexer) and not isinstance(
            self._lexer, ExtendedRegexLexer | DelegatingLexer
        )
        """Whether it can begin elsewhere than at the start of the text. Else `then` is None."""

    def lines(self, text: str, stack: Stack = AT_START) -> Iterator[Line]:
        """The lines of `text`, one at a time, as far as they are asked for.

        `text` begins a line in the state `stack`; its last line ends without a line break.
        """
        spans: list[Span] = []
        at = 0  # of the line, in code points
        waiting: tuple[Span, ...] | None = None
        for start, kind, value, state in self._run(text + "\n", stack):
            if waiting is not None:
                yield Line(waiting, state)
                waiting = None
            if state is not None or not value:
                continue
            part = _part_of(kind)
            pieces = value.split("\n")
            for i, piece in enumerate(pieces):
                if part and piece:
                    from_at = start if i == 0 else at
                    _add(spans, _units(text[at:from_at]), _units(piece), part)
                if i < len(pieces) - 1:
                    done, spans = tuple(spans), []
                    at = start + sum(len(each) + 1 for each in pieces[: i + 1])
                    if i == len(pieces) - 2 and not pieces[-1]:
                        waiting = done
                        break
                    yield Line(done, None)
        if waiting is not None:
            yield Line(waiting, None)

    def _run(self, text: str, stack: Stack) -> Iterator[tuple[int, Any, str, Stack | None]]:
        """Tokens, and at each start of a line where none goes on, the state."""
        if not self.resumable:
            for start, kind, value in self._lexer.get_tokens_unprocessed(text):
                yield start, kind, value, None
            return
        # The loop of `RegexLexer.get_tokens_unprocessed` (Pygments, BSD-2-Clause), which tells
        # nobody its stack.
        tables: dict[str, Any] = self._lexer._tokens  # noqa: SLF001
        states = list(stack)
        position, told = 0, 0
        while position < len(text):
            if position > told and text[position - 1] == "\n":
                told = position
                yield position, None, "", tuple(states)
            for match, action, change in tables[states[-1]]:
                found = match(text, position)
                if found:
                    if isinstance(action, type(Token)):
                        yield position, action, found.group(), None
                    elif action is not None:
                        for start, kind, value in action(self._lexer, found):
                            yield start, kind, value, None
                    position = found.end()
                    _change(states, change)
                    break
            else:
                character = text[position]
                if character == "\n":
                    states = ["root"]
                yield position, Token.Error, character, None
                position += 1


def _add(spans: list[Span], start: int, length: int, part: Part) -> None:
    """Append, or make the last one longer if it goes on."""
    if spans:
        last, n, same = spans[-1]
        if same is part and last + n == start:
            spans[-1] = (last, n + length, part)
            return
    spans.append((start, length, part))


def _change(states: list[str], change: Any) -> None:
    """Do to the stack what a rule of a lexer says."""
    if change is None:
        return
    if isinstance(change, int):
        if -change >= len(states):
            del states[1:]
        else:
            del states[change:]
        return
    for state in (change,) if isinstance(change, str) else change:
        if state == "#pop":
            if len(states) > 1:
                states.pop()
        elif state == "#push":
            states.append(states[-1])
        else:
            states.append(state)


@lru_cache(maxsize=256)
def _part_of(kind: Any) -> Part | None:
    while kind is not None:
        if kind in _PARTS:
            return _PARTS[kind]
        kind = kind.parent
    return None


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
