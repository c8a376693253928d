"""What is asked about a text that is there: its tokens, how likely they are, its logits."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from studio.engine import (
    Counted,
    Counting,
    Evaluated,
    Evaluating,
    Event,
    Finished,
    Query,
    RequestError,
    Scored,
    Scoring,
    Tokenized,
    Tokenizing,
)
from studio.engine.adapters import Adapters
from studio.engine.cache import Cache
from studio.engine.context import CHUNK, Context
from studio.engine.sequence import AdapterKey, Sequence
from studio.engine.versions import insight
from studio.engine.vocabulary import Vocabulary

_TOLD_AT_ONCE = 8
"""Tokens that are scored in one step: a few milliseconds, also with a large vocabulary."""


class Queries:
    """Answers them in small steps, on the context and cache that requests use, too."""

    def __init__(
        self, vocabulary: Vocabulary, context: Context, cache: Cache, adapters: Adapters
    ) -> None:
        self._vocabulary = vocabulary
        self._context = context
        self._cache = cache
        self._adapters = adapters

    def answer(self, query: Query) -> Iterator[Event | None]:
        """See `studio.engine.Engine.answer`."""
        match query:
            case Tokenizing():
                yield self._tokenized(query)
                yield Finished(0, 0, 0, 0.0, 0.0)
            case Scoring():
                yield from self._scored(query)
            case Evaluating():
                yield from self._evaluated(query)
            case Counting():
                yield self._counted()
                yield Finished(0, 0, 0, 0.0, 0.0)

    def _counted(self) -> Counted:
        context, tally = self._context, self._cache.tally
        tally.begin()
        evaluated = context.evaluated + context.interrupted
        return Counted(evaluated, tally.again, context.interrupted)

    def _tokenized(self, query: Tokenizing) -> Tokenized:
        tokens = self._vocabulary.tokenize(query.text, special=query.special)
        starts = [] if query.special else self._vocabulary.starts(query.text, tokens)
        return Tokenized(tuple(tokens), tuple(starts))

    def _scored(self, query: Scoring) -> Iterator[Event | None]:
        tokens = self._vocabulary.tokenize(query.text)
        self._refuse_too_long(len(tokens) - 1)
        key = self._adapters.load(query.adapters)
        began = time.monotonic()
        first = self._first_told(tokens, query)
        # A lone row would be computed a little differently (docs/architecture.md), and the same
        # text would not always be as likely: one more is evaluated with it.
        known = max(0, min(first - 1, len(tokens) - 3))
        sequence = yield from self._beginning(tokens[:known], key)
        reused = len(sequence.tokens)
        try:
            for at, rows in self._rows(sequence, tokens[:-1]):
                if rows is None:
                    yield None
                    continue
                for i in range(max(0, first - 1 - at), len(rows), _TOLD_AT_ONCE):
                    yield Scored(
                        tuple(
                            insight(self._vocabulary, tokens[at + j + 1], row, query.alternatives)
                            for j, row in enumerate(rows[i : i + _TOLD_AT_ONCE], i)
                        )
                    )
        finally:
            self._cache.drop(sequence)
        yield Finished(len(tokens), reused, 0, (time.monotonic() - began) * 1000, 0.0)

    def _evaluated(self, query: Evaluating) -> Iterator[Event | None]:
        tokens = list(query.tokens)
        n_vocab = self._vocabulary.n_tokens
        if any(not 0 <= token < n_vocab for token in tokens):
            raise RequestError(f"A token is outside of the vocabulary of {n_vocab:,}.")
        self._refuse_too_long(len(tokens))
        key = self._adapters.load(query.adapters)
        began = time.monotonic()
        sequence = self._scratch(key)
        try:
            for at, rows in self._rows(sequence, tokens):
                yield None if rows is None else Evaluated(at, rows)
        finally:
            self._cache.drop(sequence)
        yield Finished(len(tokens), 0, 0, (time.monotonic() - began) * 1000, 0.0)

    def _first_told(self, tokens: list[int], query: Scoring) -> int:
        """Index of the first token that ends after `query.start`, and that something precedes.

        Counted from the end: some tokenizers put a space before a text.
        """
        left = len(query.text[query.start :].encode())
        first = len(tokens)
        while first > 1 and left > 0:
            first -= 1
            left -= len(self._vocabulary.pieces[tokens[first]])
        return first

    def _beginning(
        self, tokens: list[int], key: AdapterKey
    ) -> Generator[Event | None, None, Sequence]:
        """A sequence to go on with and to drop, with `tokens` evaluated in it.

        It is a copy, which costs nothing: the one that requests go on from stays as it is.
        """
        if not tokens:
            return self._scratch(key)
        kept, reused = self._cache.acquire(tokens, key)
        try:
            if reused < len(tokens):
                yield from self._cache.evaluate(kept, tokens)
            sequence = self._cache.fork(kept, len(tokens))
        finally:
            self._cache.release(kept)
        if len(sequence.tokens) < len(tokens):  # its state can't be copied up to a place before
            try:
                yield from self._cache.evaluate(sequence, tokens)
            except BaseException:
                self._cache.drop(sequence)
                raise
        return sequence

    def _scratch(self, key: AdapterKey) -> Sequence:
        sequence = self._cache.scratch()
        sequence.key = key
        return sequence

    def _rows(
        self, sequence: Sequence, tokens: list[int]
    ) -> Iterator[tuple[int, NDArray[np.float32] | None]]:
        """Evaluate what of `tokens` is not in `sequence` yet.

        The logits come in parts: index of the first token, and rows. None for rows, between
        two parts or after an interrupt, is a place to stop at.
        """
        while (at := len(sequence.tokens)) < len(tokens):
            n = min(CHUNK, len(tokens) - at)
            if len(tokens) - at == CHUNK + 1:
                n -= 1  # no lone row at the end
            chunk = tokens[at : at + n]
            if self._cache.decode([sequence], chunk, range(at, at + n), outputs=True):
                sequence.tokens.extend(chunk)
                yield at, self._context.rows(n)
            yield at, None

    def _refuse_too_long(self, n_tokens: int) -> None:
        if n_tokens > self._context.n_ctx:
            raise RequestError(
                f"The text has {n_tokens:,} tokens, and the context window holds "
                f"{self._context.n_ctx:,}. Choose a larger window in Settings."
            )
