"""What the writer tells the model beside the text: memory, author's note, lore. Values only.

Memory is always known. The author's note stands close to the cursor and colours what comes. A
lore entry tells about a person, a place or a thing, and is given to the model while one of its
keys occurs in the recent text. `studio.manuscript.steering` reads these from files,
`studio.writing.context` puts them into a prompt.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

MAX_PATTERN_S = 0.05
"""How long a `/pattern/` may look through the recent text, once."""

MAX_KEYS = 200
"""How many keys an entry may have."""
MAX_KEY_CHARS = 500

WITHIN_CHARS = 2_000
"""How much of the text before the cursor is searched for an entry's keys, if it doesn't say."""


class KeyNotUnderstood(ValueError):
    """A key can't be read: a sentence for the writer."""


class TooSlow(Exception):
    """A pattern took too long and is not looked for any more."""


class Key(Protocol):
    """A sign in the text that a lore entry is wanted."""

    written: str
    """As it stands in the file."""

    def occurs(self, text: RecentText) -> bool:
        """Whether it does. Raises `TooSlow`."""
        ...


class RecentText:
    """The text in which keys are looked for, folded once for all of them."""

    def __init__(self, text: str) -> None:
        self.text = unicodedata.normalize("NFC", text)

    @cached_property
    def folded(self) -> str:
        """Without a difference between capitals and small letters."""
        return self.text.casefold()


@dataclass(frozen=True, eq=False)
class LoreEntry:
    """One thing to know, and when."""

    name: str
    text: str
    keys: tuple[Key, ...] = ()
    priority: int = 0
    """Where not all entries fit, higher ones come first."""
    budget_tokens: int | None = None
    """The entry is cut at the end of a sentence if it is longer."""
    on: bool = True
    always: bool = False
    """It is given to the model whatever the text says."""
    within_chars: int = WITHIN_CHARS
    """How much of the text before the cursor is searched for the keys, at the least."""


@dataclass(frozen=True, eq=False)
class Steering:
    """All of it. Two are the same only if they are one object: files are read when they change."""

    memory: str = ""
    note: str = ""
    lore: tuple[LoreEntry, ...] = ()


NO_STEERING = Steering()


def parse_keys(written: str, *, capitals_matter: bool = False) -> tuple[Key, ...]:
    """The keys of a line such as `Anna, Miss Blackwood, lighthouse*, =Rose, /sword(s|fish)/`.

    Commas separate them, but not inside a pattern. Raises `KeyNotUnderstood`.
    """
    keys = [key.strip() for key in _SEPARATED.findall(written) if key.strip()]
    if len(keys) > MAX_KEYS:
        raise KeyNotUnderstood(f"There are {len(keys):,} keys, and the most is {MAX_KEYS}.")
    return tuple(parse_key(each, capitals_matter=capitals_matter) for each in keys)


def parse_key(written: str, *, capitals_matter: bool = False) -> Key:
    """One key.

    A word or a phrase occurs where it stands between the borders of words, in the plural and with
    a possessive s too. `word*` is the beginning of a word, `=word` the word in just this form,
    `/pattern/` a regular expression. Capitals don't matter unless `capitals_matter`, nor does the
    form of an apostrophe. Scripts without spaces are found anywhere. Raises `KeyNotUnderstood`.
    """
    key = unicodedata.normalize("NFC", written.strip())
    if len(key) > MAX_KEY_CHARS:
        raise KeyNotUnderstood(
            f"The key “{key[:40]}…” has {len(key):,} characters, and the most is {MAX_KEY_CHARS}."
        )
    if len(key) > 2 and key[0] in _QUOTES and key[-1] in _QUOTES:
        key = key[1:-1].strip()
    if key.startswith("/"):
        return _Pattern(key, capitals_matter=capitals_matter)
    if not key.strip("=* "):
        raise KeyNotUnderstood(f"The key “{written}” has no word in it.")
    return _Words(key, capitals_matter=capitals_matter)


_QUOTES = "\"“”„«»'‘’"
_APOSTROPHES = re.compile("['’]")
# Possessive, as are the others for what a file may hold: a long line of anything is read at once.
_SEPARATED = re.compile(r"\s*+(/(?:\\.|[^/\\])*+/(?=\s*+(?:[,，、;]|$))|[^,，、;]*+)")
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")


class _Words:
    """A word or a phrase."""

    def __init__(self, key: str, *, capitals_matter: bool) -> None:
        self.written = key
        self._capitals = capitals_matter
        exact, prefix = key.startswith("="), key.endswith("*")
        stem = key.removeprefix("=").removesuffix("*").strip()
        stem = stem if capitals_matter else stem.casefold()
        spelled = r"\s+".join(_APOSTROPHES.sub("['’]", re.escape(word)) for word in stem.split())
        # What the text must hold at the least, without a y that becomes an i: found much faster.
        self._needed = max(re.split(r"[\s'’]+", stem), key=len).removesuffix("y")
        if not prefix and not exact:
            spelled = _with_plural(stem, spelled)
        before = "" if _found_anywhere(stem[0]) or not stem[0].isalnum() else r"(?<![^\W_])"
        after = (
            "" if prefix or _found_anywhere(stem[-1]) or not stem[-1].isalnum() else r"(?![^\W_])"
        )
        self._pattern = re.compile(f"{before}{spelled}{after}")

    def occurs(self, text: RecentText) -> bool:
        searched = text.text if self._capitals else text.folded
        return self._needed in searched and self._pattern.search(searched) is not None


def _with_plural(stem: str, spelled: str) -> str:
    """A pattern for a word and its plural; a possessive s stands outside of the word."""
    if _found_anywhere(stem[-1]) or not stem[-1].isalpha():
        return spelled
    if re.search(r"[^aeiou\W]y$", stem, re.IGNORECASE):
        return f"{spelled[:-1]}(?:y|ies)"
    return f"{spelled}(?:e?s)?"


def _found_anywhere(character: str) -> bool:
    """Whether it is of a script that sets no spaces between words, or none before endings."""
    return unicodedata.name(character, "").startswith(_WITHOUT_SPACES)


class _Pattern:
    """A regular expression. One that takes too long is given up."""

    def __init__(self, key: str, *, capitals_matter: bool) -> None:
        # Only here: most writers never use one. It knows a timeout, which `re` does not.
        import regex

        self.written = key
        if len(key) < 3 or not key.endswith("/"):
            raise KeyNotUnderstood(f"The pattern “{key}” has to stand between two slashes: /…/.")
        try:
            flags = regex.VERSION1 | (0 if capitals_matter else regex.IGNORECASE)
            self._pattern: Any = regex.compile(key[1:-1], flags)
        except regex.error as error:
            raise KeyNotUnderstood(f"The pattern “{key}” is not complete: {error}.") from error
        if self._pattern.search("") is not None:
            raise KeyNotUnderstood(f"The pattern “{key}” fits every text.")
        self._given_up = False

    def occurs(self, text: RecentText) -> bool:
        if not self._given_up:
            try:
                return self._pattern.search(text.text, timeout=MAX_PATTERN_S) is not None
            except TimeoutError:
                self._given_up = True
        raise TooSlow(self.written)
