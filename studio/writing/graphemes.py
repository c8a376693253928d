"""Whole characters as a reader sees them: extended grapheme clusters (UAX #29)."""

from __future__ import annotations

import regex

_GRAPHEME = regex.compile(r"\X")
# What grows when more comes: emoji that may be joined or toned, flags, and scripts that write
# vowels and marks after their letter, or build a syllable from parts.
_MAY_GROW = regex.compile(
    r"[\p{Extended_Pictographic}\p{Regional_Indicator}\p{M}\p{Cs}\u200d\ufffd"
    r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}"
    r"\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Tibetan}\p{Arabic}"
    r"\p{Hebrew}\u1100-\u11ff]"
)
_LONGEST = 256
"""A longer cluster is not looked for: no writing system has one."""


def whole(text: str, *, ended: bool) -> str:
    """`text` without a last character that is not whole.

    Until it has `ended`, a last character that may still grow is held back. What can't be whole
    by itself, as half a flag or an emoji that waits for what it is joined with, is never shown.
    """
    while text:
        last = _last(text)
        if not _is_half(last) and (ended or not _MAY_GROW.search(last)):
            return text
        text = text[: -len(last)]
    return text


def cut(text: str, at: int) -> int:
    """The last place up to `at` where `text` can be cut between two characters."""
    while 0 < at < len(text) and splits(text[:at], text[at:]):
        at -= 1
    return max(0, min(at, len(text)))


def cut_after(text: str, at: int) -> int:
    """The first place from `at` on where `text` can be cut between two characters."""
    while 0 < at < len(text) and splits(text[:at], text[at:]):
        at += 1
    return at


def splits(before: str, after: str) -> bool:
    """Whether a cursor between `before` and `after` stands inside of a character."""
    if not before or not after:
        return False
    last = _last(before)
    if last.isascii() and after[0].isascii():
        return last == "\r" and after[0] == "\n"
    found = _GRAPHEME.match(last + after[:_LONGEST])
    return found is not None and found.end() > len(last)


def _last(text: str) -> str:
    if text[-1].isascii() and text[-1] != "\n":
        return text[-1]
    # Flags are paired from the first indicator on, so the whole row of them must be seen.
    found: list[str] = _GRAPHEME.findall(text[-_LONGEST:])
    return found[-1]


def _is_half(character: str) -> bool:
    if character[-1] in "\u200d\ufffd" or "\ud800" <= character[-1] <= "\udfff":
        return True
    return len(character) == 1 and "\U0001f1e6" <= character <= "\U0001f1ff"
