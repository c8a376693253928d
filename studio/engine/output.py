"""From the bytes of tokens to text that may be told: whole characters, no stop text, nothing
banned."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Generic, TypeVar

T = TypeVar("T")


class Verdict(Enum):
    """What the last token did."""

    FINE = auto()
    STOP = auto()
    """A stop text came: all that may be told is told."""
    BANNED = auto()
    """A banned phrase came: call `take_back` and choose otherwise."""


@dataclass(frozen=True)
class Phrases:
    """Texts to look for, made ready once for a request. Banned ones match in any case."""

    stop: re.Pattern[str] | None
    banned: re.Pattern[str] | None
    beginnings: frozenset[str]
    """Every proper beginning of a stop text, and of a banned one in lower case."""
    longest: int

    @staticmethod
    def of(stop: tuple[str, ...], banned: tuple[str, ...]) -> Phrases:
        beginnings = {text[:n] for text in stop for n in range(1, len(text))}
        beginnings |= {low[:n] for low in map(str.lower, banned) for n in range(1, len(low))}
        return Phrases(
            stop=_any_of(stop, re.NOFLAG),
            banned=_any_of(banned, re.IGNORECASE),
            beginnings=frozenset(beginnings),
            longest=max(map(len, beginnings), default=0),
        )

    def overlap(self, text: str) -> int:
        """Length of the longest end of `text` that some phrase begins with."""
        lower = text.lower()
        for n in range(min(len(text), self.longest), 0, -1):
            if text[-n:] in self.beginnings or lower[-n:] in self.beginnings:
                return n
        return 0


@dataclass
class Held(Generic[T]):
    """A token that is not told yet."""

    token: T
    starts_at: int
    """Where its text begins in the held text."""
    decoder_state: tuple[bytes, int]
    """Before it."""


@dataclass
class Output(Generic[T]):
    """What one version has written, and how much of it may be told.

    `T` is what the caller wants to get back with each token when it is told or taken back.
    Text is told by whole tokens, so that what is taken back was never told. Bytes that are no
    character are left out: a model with byte tokens may write one alone.
    """

    phrases: Phrases
    _text: str = ""
    _held: list[Held[T]] = field(default_factory=list)
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("ignore")
    )

    def add(self, token: T, piece: bytes) -> tuple[str, list[T], Verdict]:
        """Add a token and its bytes: the text and tokens that may be told now."""
        self._held.append(Held(token, len(self._text), self._decoder.getstate()))
        self._text += self._decoder.decode(piece)
        stop = self.phrases.stop.search(self._text) if self.phrases.stop else None
        banned = self.phrases.banned.search(self._text) if self.phrases.banned else None
        if banned and not (stop and stop.start() < banned.start()):
            return "", [], Verdict.BANNED
        if stop:
            text, tokens = self._release(stop.start())
            self._text = ""
            self._held.clear()
            return text, tokens, Verdict.STOP
        may_be_phrase = self.phrases.overlap(self._text)
        end = len(self._text) - may_be_phrase
        if may_be_phrase:
            end = max((h.starts_at for h in self._held if h.starts_at <= end), default=0)
        return *self._release(end), Verdict.FINE

    def take_back(self) -> list[T]:
        """Undo the token in which the banned phrase begins and all after it."""
        found = self.phrases.banned.search(self._text) if self.phrases.banned else None
        if found is None:
            return []
        first = max(i for i, h in enumerate(self._held) if h.starts_at <= found.start())
        undone = self._held[first:]
        self._decoder.setstate(undone[0].decoder_state)
        self._text = self._text[: undone[0].starts_at]
        del self._held[first:]
        return [held.token for held in undone]

    def rest(self) -> tuple[str, list[T]]:
        """What was held back, when nothing more will come; half a character is dropped."""
        return self._release(len(self._text))

    def _release(self, end: int) -> tuple[str, list[T]]:
        told, self._text = self._text[:end], self._text[end:]
        tokens = [h.token for h in self._held if h.starts_at < end]
        self._held = [h for h in self._held if h.starts_at >= end]
        for held in self._held:
            held.starts_at -= end
        return told, tokens


def _any_of(texts: tuple[str, ...], flags: re.RegexFlag) -> re.Pattern[str] | None:
    if not texts:
        return None
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), flags)
