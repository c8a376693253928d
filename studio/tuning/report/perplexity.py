"""How likely texts are to the base and to the tuned model, and what of the gain is personal.

A tuning on novels makes every novel likelier. So the writer's gain is held against that of other
authors: only what is more than theirs is the writer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.engine import Score
from studio.tuning.report import bootstrap
from studio.tuning.report.figures import Estimate, Likelihood, Surprise
from studio.tuning.report.places import spread

_SAMPLE_CHARS = 20_000


@dataclass(frozen=True)
class Block:
    """A piece of text from an empty context; log-likelihoods in nats, summed over its tokens."""

    n_tokens: int
    n_words: int
    base: float
    tuned: float


def blocks_of(
    texts: Sequence[str], count: Callable[[str], int], n: int, n_tokens: int
) -> list[str]:
    """At most `n` pieces of `texts`, evenly spread, each of `n_tokens` tokens or a little less.

    `count` tells how many tokens a text has.
    """
    sample = "".join(texts)[:_SAMPLE_CHARS]
    if not sample.strip():
        return []
    n_chars = max(1, int(n_tokens * len(sample) / max(1, count(sample))))
    pieces = []
    for place in spread(texts, n, n_chars):
        piece = texts[place.text][place.start : place.end].rstrip()
        while piece and (tokens := count(piece)) > n_tokens:
            kept = piece[: min(len(piece) - 1, int(len(piece) * n_tokens / tokens))]
            words = kept.rpartition(" ")[0].rstrip()
            piece = words if len(words) > len(kept) // 2 else kept
        pieces.append(piece)
    return [piece for piece in pieces if count(piece) > 1]


def block(base: Score, tuned: Score) -> Block:
    """What two models made of the same piece."""
    # The first token of a model without BOS has no probability, so its word is not counted either.
    scored = b"".join(token.spelling for token in base.tokens).decode("utf-8", "replace")
    return Block(len(base.tokens), len(scored.split()), base.log_likelihood, tuned.log_likelihood)


def likelihood(name: str, blocks: Sequence[Block]) -> Likelihood:
    """One text's figures; the ratio's interval is over its blocks, base and tuned together."""
    n_tokens = sum(b.n_tokens for b in blocks)
    n_words = sum(b.n_words for b in blocks)

    def surprise(total: float) -> Surprise:
        per_token = -total / n_tokens
        return Surprise(per_token, -total / max(1, n_words), float(np.exp(per_token)))

    drawn = _log_ratios(blocks, bootstrap.dice())
    return Likelihood(
        name,
        len(blocks),
        n_tokens,
        n_words,
        surprise(sum(b.base for b in blocks)),
        surprise(sum(b.tuned for b in blocks)),
        bootstrap.estimate(float(np.exp(_log_ratio(blocks))), np.exp(drawn), len(blocks)),
    )


def personal_gain(own: Sequence[Block], controls: Sequence[Sequence[Block]]) -> Estimate:
    """Own ratio over the geometric mean of the controls' ratios.

    Own blocks and those of each control are drawn anew in each draw. The interval is for these
    controls: others might have gained more or less.
    """
    source = bootstrap.dice()
    drawn = _log_ratios(own, source)
    value = _log_ratio(own)
    for control in controls:
        drawn = drawn - _log_ratios(control, source) / len(controls)
        value -= _log_ratio(control) / len(controls)
    fewest = min(len(own), *(len(control) for control in controls))
    return bootstrap.estimate(float(np.exp(value)), np.exp(drawn), fewest)


def _log_ratio(blocks: Sequence[Block]) -> float:
    return sum(b.base - b.tuned for b in blocks) / sum(b.n_tokens for b in blocks)


def _log_ratios(blocks: Sequence[Block], source: np.random.Generator) -> NDArray[np.float64]:
    taken = bootstrap.draws(len(blocks), source)
    gained = taken @ np.array([b.base - b.tuned for b in blocks])
    ratios: NDArray[np.float64] = gained / (taken @ np.array([float(b.n_tokens) for b in blocks]))
    return ratios
