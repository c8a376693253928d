"""A model's tokens as bytes: tokenizing, spelling, and healing the cut at the cursor."""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine import RequestError

_PIECE_BYTES = 1024
_LONGEST_WORD = 32
PER_UNSPELLED_BYTE = 2.5
"""Natural logarithm: one word in twelve goes on with the next typed letter."""
# What may belong to the same token as the letters before the cursor: an unfinished word with
# the space or the sign before it, or a run of space. Every tokenizer splits before it.
_UNFINISHED = re.compile(r"(?:\s+|[^\w\s])?\w+\Z|\s+\Z")
# Thai, Lao, Burmese, Khmer, kana and Chinese characters: no space tells where a word begins, and
# the tokens of these scripts are a few characters long.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
_UNSPACED_STEP = 4


@dataclass(frozen=True)
class Healing:
    """A prompt cut at its last safe boundary."""

    tokens: list[int]
    """The prompt up to the boundary."""
    spell: bytes
    """What the next tokens must spell before anything new comes."""


class Vocabulary:
    """The tokens of a loaded model. Safe to use from any thread."""

    def __init__(self, model: C.llama_model_p) -> None:
        vocab = C.llama_model_get_vocab(model)
        if vocab is None:
            raise RuntimeError("the model has no vocabulary")
        self.handle = vocab
        self.n_tokens: int = C.llama_vocab_n_tokens(vocab)
        self.pieces = [self._piece(token) for token in range(self.n_tokens)]
        self.ends = frozenset(t for t in range(self.n_tokens) if C.llama_vocab_is_eog(vocab, t))
        special = [
            t
            for t in range(self.n_tokens)
            if t not in self.ends and (not self.pieces[t] or C.llama_vocab_is_control(vocab, t))
        ]
        self.never = np.array(special, np.int32)
        """Tokens that are no text, such as those of a chat template."""
        unspoken = self.ends.union(special)
        spelled = sorted((p, t) for t, p in enumerate(self.pieces) if t not in unspoken)
        self._sorted_pieces = [piece for piece, _ in spelled]
        self._sorted_ids = np.array([token for _, token in spelled], np.int32)
        self._longest = max(map(len, self._sorted_pieces), default=0)
        # The text before a word is the same for each of its letters.
        self._before = lru_cache(maxsize=8)(self.tokenize)

    def tokenize(self, text: str, *, special: bool = False, start: bool = True) -> list[int]:
        """Token ids of `text`; with `start`, a BOS before it if the model wants one.

        Without `special`, text that looks like a special token is read as the letters it is.
        """
        data = _utf8(text)
        room = len(data) + 8
        while True:
            ids = (C.llama_token * room)()
            n = C.llama_tokenize(self.handle, data, len(data), ids, room, start, special)
            if n >= 0:
                return list(ids[:n])
            room = -n

    def starts(self, text: str, tokens: list[int]) -> list[int]:
        """Where each of the `tokens` of `text` begins in it, in code points.

        One that begins within a character counts from that; those that spell nothing, such as a
        BOS, are where they stand. Counted from the end: some tokenizers put a space before a text.
        """
        data = np.frombuffer(_utf8(text), np.uint8)
        if not data.size:
            return [0] * len(tokens)
        n_bytes = np.array([len(self.pieces[token]) for token in tokens], np.int64)
        at = data.size - n_bytes[::-1].cumsum()[::-1]
        character_of = np.cumsum((data & 0xC0) != 0x80) - 1
        starts: list[int] = character_of[at.clip(0, data.size - 1)].tolist()
        return starts

    def special(self, text: str) -> int | None:
        """The special token that is written so, if there is one."""
        tokens = self.tokenize(text, special=True, start=False)
        if len(tokens) == 1 and C.llama_vocab_is_control(self.handle, tokens[0]):
            return tokens[0]
        return None

    def beginning(self) -> list[int]:
        """The tokens of an empty text: what a model reads before the first word."""
        tokens = self.tokenize("")
        if tokens:
            return tokens
        for token in (C.llama_vocab_bos(self.handle), C.llama_vocab_eot(self.handle)):
            if token >= 0:
                return [token]
        return [0]

    def spelled(self, text: bytes) -> tuple[int, ...]:
        """The tokens that spell exactly `text` where text precedes it; none if there are none."""
        try:
            whole = text.decode()
        except UnicodeDecodeError:
            return ()
        # Some tokenizers put a space before a text: then a line before it bears that.
        for before in ("", "\n"):
            tokens = self.tokenize(before + whole, start=False)
            at, left = len(tokens), len(text)
            while at and left > 0:
                at -= 1
                left -= len(self.pieces[tokens[at]])
            found = tokens[at:] if before else tokens
            if b"".join(self.pieces[token] for token in found) == text:
                return tuple(found)
        return ()

    def heal(self, prompt: str) -> Healing:
        """Cut a prompt before its unfinished word, or before its last token."""
        n_unspaced = 0
        while n_unspaced < len(prompt) and _UNSPACED.match(prompt[-1 - n_unspaced]):
            n_unspaced += 1
        # The boundary moves in steps, so that what was spelled for one letter serves the next.
        steps = (n_unspaced - 2) // _UNSPACED_STEP
        if steps > 0:
            start = len(prompt) - n_unspaced + steps * _UNSPACED_STEP
            return Healing(self._before(prompt[:start]), _utf8(prompt[start:]))
        # Looked for in the end alone: the search takes the square of its length.
        end = prompt[-_LONGEST_WORD - 2 :]
        found = _UNFINISHED.search(end)
        start = len(prompt) - len(found.group()) if found else 0
        if found and start > 0 and len(found.group()) <= _LONGEST_WORD:
            return Healing(self._before(prompt[:start]), _utf8(found.group()))
        tokens = self._before(prompt)
        spell = self.pieces[tokens[-1]] if tokens else b""
        if not spell or not _utf8(prompt).endswith(spell) or len(tokens) < 2:
            return Healing(tokens or self.beginning(), b"")
        return Healing(tokens[:-1], spell)

    def spelling(self, spell: bytes) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Tokens that agree with `spell`: they begin with it, or it begins with them.

        With each comes what its logit is to be lowered by. A short piece has the probability of
        all words that begin so, of which few go on as typed: a like share for each byte that
        remains to be spelled (docs/completion.md says what that is worth).
        """
        pieces = self._sorted_pieces
        low = bisect_left(pieces, spell)
        high = bisect_left(pieces, spell + b"\xff" * (self._longest + 1), lo=low)
        ids = [self._sorted_ids[low:high]]
        lowered = [np.zeros(high - low, np.float32)]
        for length in range(1, min(len(spell), self._longest + 1)):
            at = bisect_left(pieces, spell[:length], hi=low)
            end = at
            while end < low and pieces[end] == spell[:length]:
                end += 1
            if end > at:
                ids.append(self._sorted_ids[at:end])
                left = len(spell) - length
                lowered.append(np.full(end - at, PER_UNSPELLED_BYTE * left, np.float32))
        return np.concatenate(ids), np.concatenate(lowered)

    def _piece(self, token: int) -> bytes:
        """The bytes of a token; nothing for a special one."""
        buffer = ctypes.create_string_buffer(_PIECE_BYTES)
        n = C.llama_token_to_piece(self.handle, token, buffer, _PIECE_BYTES, 0, False)
        if n < 0:
            buffer = ctypes.create_string_buffer(-n)
            n = C.llama_token_to_piece(self.handle, token, buffer, -n, 0, False)
        return buffer.raw[: max(n, 0)]


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError("The text holds half a character (a lone surrogate).") from error
