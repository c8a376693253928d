"""Writing the versions of one request, a token at a time and side by side in one batch."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from studio.engine import MAX_VERSIONS, Ended, Event, Piece, Request, Token, Why
from studio.engine.cache import Cache
from studio.engine.endings import meant
from studio.engine.output import Output, Phrases, Verdict
from studio.engine.sampler import Sampler, grammar_of, log_softmax_of, log_sum_exp
from studio.engine.sequence import Sequence
from studio.engine.vocabulary import Vocabulary

_PENALTY_TOKENS = 512


@dataclass(frozen=True)
class _Chosen:
    """A token of a version, and what it takes to choose otherwise in its place."""

    at: int
    """Its place in the sequence."""
    token: int
    log_prob: float
    row: NDArray[np.float32]
    spell: bytes
    """What was still to be spelled before it."""
    meant: bool = False
    """A word was chosen as a whole, and this is part of it: `log_prob` is not what `row` says."""


@dataclass
class _Version:
    """One version being written."""

    index: int
    sequence: Sequence
    sampler: Sampler
    output: Output[_Chosen]
    spell: bytes
    tokens: list[int]
    """Prompt and what was chosen; the last one is not evaluated yet."""
    generated: int = 0
    n_prompt: int = 0
    """So many of the tokens are the prompt's."""
    taken_back: int = 0
    bans: dict[int, list[int]] = field(default_factory=dict)
    """Tokens that led to a banned phrase, by their place in the sequence."""
    meant: list[int] = field(default_factory=list)
    """Tokens that come next whatever the model says: those of a word that is known."""
    why: Why | None = None


class Versions:
    """The versions of a request. Close it when done."""

    def __init__(self, request: Request, vocabulary: Vocabulary, cache: Cache, n_ctx: int) -> None:
        self._request = request
        self._vocabulary = vocabulary
        self._cache = cache
        self._n_ctx = n_ctx
        self._alone = request.versions == 1
        """Rows evaluated side by side differ from those evaluated alone: only these are kept."""
        self._grammar = grammar_of(request)
        self._phrases = Phrases.of(request.stop, request.banned)
        self._versions: list[_Version] = []

    def open(self, sequence: Sequence, prompt: list[int], spell: bytes) -> None:
        """Add a version that goes on from `prompt`, which is evaluated in `sequence`."""
        index = len(self._versions)
        self._versions.append(
            _Version(
                index=index,
                sequence=sequence,
                sampler=self._sampler(index, prompt),
                output=Output(self._phrases),
                spell=spell,
                tokens=list(prompt),
                n_prompt=len(prompt),
            )
        )

    @property
    def generated(self) -> int:
        """Tokens of text so far."""
        return sum(version.generated for version in self._versions)

    def write(self, row: NDArray[np.float32]) -> Iterator[Event | None]:
        """All versions to their ends; `row` holds the logits after the prompt."""
        for version in self._versions:
            yield from self._choose(version, row)
        while running := [v for v in self._versions if v.why is None]:
            yield from self._step(running)

    def close(self) -> None:
        """Free the samplers."""
        for version in self._versions:
            version.sampler.close()

    def _sampler(self, seed_offset: int, tokens: list[int]) -> Sampler:
        sampler = Sampler(
            self._request.sampling,
            self._request.sampling.seed + seed_offset,
            self._vocabulary.handle,
            self._vocabulary.n_tokens,
            grammar=self._grammar,
        )
        sampler.remember(tokens[-_PENALTY_TOKENS:])
        return sampler

    def _step(self, running: list[_Version]) -> Iterator[Event | None]:
        """One more token for each version; those that are not evaluated yet in one batch."""
        waiting = []
        for version in running:
            at = len(version.tokens) - 1
            row = version.sequence.goes_on_with(at, version.tokens[-1]) if self._alone else None
            if row is not None:
                yield from self._choose(version, row)
                continue
            self._cache.cut(version.sequence, at)
            if len(version.sequence.tokens) < at:  # a model that can't be taken back
                yield from self._cache.evaluate(version.sequence, version.tokens[:at])
            waiting.append(version)
        if not waiting:
            return
        done = self._cache.decode(
            [v.sequence for v in waiting],
            [v.tokens[-1] for v in waiting],
            [len(v.sequence.tokens) for v in waiting],
            outputs=True,
        )
        if not done:
            yield None
            return
        self._cache.generated += len(waiting)
        rows = [self._cache.row(i) for i in range(len(waiting))]
        for version, row in zip(waiting, rows, strict=True):
            version.sequence.tokens.append(version.tokens[-1])
            if self._alone:
                version.sequence.keep_row(row)
            yield from self._choose(version, row)
        yield None

    def _choose(self, version: _Version, row: NDArray[np.float32]) -> Iterator[Event | None]:
        """Choose a version's next token and tell what it adds to the text."""
        while True:
            chosen = self._next(version, row)
            if chosen is None or chosen.token in self._vocabulary.ends:
                yield from self._end(version, Why.END)
                return
            piece = self._vocabulary.pieces[chosen.token]
            version.tokens.append(chosen.token)
            version.spell = chosen.spell[len(piece) :]
            new = piece[len(chosen.spell) :]
            version.generated += bool(new)
            text, told, verdict = version.output.add(chosen, new)
            if verdict is not Verdict.BANNED:
                break
            row = yield from self._take_back(version)
            yield None
        if text:
            yield self._piece(version, text, told)
        if verdict is Verdict.STOP:
            yield from self._end(version, Why.STOP)
        elif version.generated >= self._request.max_tokens:
            yield from self._end(version, Why.LENGTH)
        elif len(version.tokens) >= self._n_ctx:
            yield from self._end(version, Why.CONTEXT)

    def _next(self, version: _Version, row: NDArray[np.float32]) -> _Chosen | None:
        """The next token of a version; None if there is none that may come."""
        at = len(version.tokens)
        banned = version.bans.get(at)
        if banned:
            row = row.copy()
            row[banned] = -np.inf
        elif version.meant:
            return _Chosen(at, version.meant.pop(0), 0.0, row, version.spell, meant=True)
        elif version.spell and self._request.endings and at == version.n_prompt:
            word = meant(self._vocabulary, row, version.spell, self._request.endings)
            if word:
                version.meant = [*word.tokens[1:]]
                return _Chosen(at, word.tokens[0], word.log_prob, row, version.spell, meant=True)
        logits, ids = row, None
        if version.spell:
            ids, lowered = self._vocabulary.spelling(version.spell)
            logits = row[ids] - lowered
        if (ids is not None or banned) and np.isneginf(logits).all():
            return None
        token = version.sampler.choose(logits, ids)
        if token is None:
            return None
        log_prob = log_softmax_of(logits, token, ids)
        return _Chosen(at, token, log_prob, row, version.spell)

    def _take_back(self, version: _Version) -> Generator[Event | None, None, NDArray[np.float32]]:
        """Go back to where a banned phrase began; the logits there."""
        undone = version.output.take_back()
        first = undone[0]
        version.bans.setdefault(first.at, []).append(first.token)
        version.spell = first.spell
        pieces = self._vocabulary.pieces
        version.generated -= sum(len(pieces[each.token]) > len(each.spell) for each in undone)
        version.taken_back += 1
        version.meant = []
        del version.tokens[first.at :]
        self._cache.cut(version.sequence, first.at)
        if len(version.sequence.tokens) < first.at:  # a model that can't be taken back
            yield from self._cache.evaluate(version.sequence, version.tokens)
        version.sampler.close()
        seed_offset = version.index + MAX_VERSIONS * version.taken_back
        version.sampler = self._sampler(seed_offset, version.tokens)
        version.sampler.follow(version.tokens[version.n_prompt :])
        return first.row

    def _piece(self, version: _Version, text: str, told: list[_Chosen]) -> Piece:
        probability = float(np.exp(sum(chosen.log_prob for chosen in told)))
        tokens = (
            tuple(
                # While letters are spelled, the probability is among those that spell them.
                insight(
                    self._vocabulary,
                    c.token,
                    c.row,
                    n,
                    None if c.spell or c.meant else c.log_prob,
                )
                for c in told
            )
            if (n := self._request.alternatives)
            else ()
        )
        return Piece(version.index, text, probability, tokens)

    def _end(self, version: _Version, why: Why) -> Iterator[Event]:
        version.why = why
        text, told = version.output.rest()
        if text:
            yield self._piece(version, text, told)
        yield Ended(version.index, why)


def insight(
    vocabulary: Vocabulary,
    token: int,
    row: NDArray[np.float32],
    alternatives: int,
    log_prob: float | None = None,
) -> Token:
    """A token and the likeliest ones in its place; `row` holds the logits before it.

    `log_prob` is that of the token, if it is known already.
    """
    pieces, logit = vocabulary.pieces, float(row[token])
    log_sum = log_sum_exp(row) if log_prob is None else logit - log_prob
    likeliest = _likeliest(row, alternatives).tolist() if alternatives else []
    if token in likeliest:
        rank = sum(float(row[other]) > logit for other in likeliest)
    else:
        rank = int((row > logit).sum())
    return Token(
        id=token,
        spelling=pieces[token],
        log_prob=logit - log_sum,
        rank=rank,
        alternatives=tuple((t, pieces[t], float(row[t]) - log_sum) for t in likeliest),
    )


def _likeliest(row: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """The tokens of the `n` highest logits, the highest first."""
    blocks = row[: len(row) // n * n].reshape(n, -1)
    # Each block has its own maximum, so at least `n` logits are as high as the lowest of these.
    candidates = (
        np.flatnonzero(row >= blocks.max(axis=1).min()) if blocks.size else np.arange(len(row))
    )
    return candidates[np.argsort(-row[candidates], kind="stable")[:n]]
