"""What was forgotten: how far the tuned model has moved on what the base itself would write.

Needs no text. The samples are drawn from the base as it is, at temperature 1 and without cuts, so
the mean is an estimate of the divergence between the two models over whole texts, a token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from studio.engine import Piece, Request, Sampling
from studio.tuning.report import bootstrap
from studio.tuning.report.figures import Forgetting, NotMeasured
from studio.tuning.report.measured import Measured
from studio.tuning.report.voice import Voice

N_TOKENS = 128
_FEWEST_TOKENS = 16
_AS_IT_IS = Sampling(temperature=1.0, top_k=0, min_p=0.0)
_NEVER = -1e4
"""Stands for the logarithm of no probability at all, so that nothing times that is nothing."""
_ROWS_AT_ONCE = 32
"""Some models have a quarter of a million tokens, so that a row is 2 MB here."""


@dataclass(frozen=True)
class Moved:
    """One sample: how many tokens, and the divergence summed over them, in nats."""

    n_tokens: int
    divergence: float


def divergence(base: NDArray[np.float32], tuned: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL(base || tuned) in nats for each row of logits."""
    rows = np.empty(len(base))
    for at in range(0, len(base), _ROWS_AT_ONCE):
        p = _log_softmax(base[at : at + _ROWS_AT_ONCE])
        q = _log_softmax(tuned[at : at + _ROWS_AT_ONCE])
        rows[at : at + _ROWS_AT_ONCE] = (np.exp(p) * (p - q)).sum(axis=1)
    return rows


def summarised(samples: Sequence[Moved]) -> Forgetting | NotMeasured:
    """The mean over all tokens; the interval is over samples."""
    n_tokens = sum(s.n_tokens for s in samples)
    if not n_tokens:
        return NotMeasured("The base model wrote nothing of its own.")
    totals = np.array([s.divergence for s in samples])
    tokens = np.array([float(s.n_tokens) for s in samples])
    taken = bootstrap.draws(len(samples), bootstrap.dice())
    drawn = (taken @ totals) / (taken @ tokens)
    value = float(totals.sum() / n_tokens)
    return Forgetting(len(samples), n_tokens, bootstrap.estimate(value, drawn, len(samples)))


def measure(
    base: Voice, tuned: Voice, n_samples: int, on_sample: Callable[[], None], measured: Measured
) -> Forgetting | NotMeasured:
    """Let the base write `n_samples` texts of `N_TOKENS`, and both models read them."""
    samples = []
    for seed in range(n_samples):
        samples.append(measured.once((seed,), Moved, partial(_moved, base, tuned, seed)))
        on_sample()
    return summarised([sample for sample in samples if sample.n_tokens >= _FEWEST_TOKENS])


def _moved(base: Voice, tuned: Voice, seed: int) -> Moved:
    request = Request("", max_tokens=N_TOKENS, sampling=replace(_AS_IT_IS, seed=seed))
    text = "".join(e.text for e in base.stream(request) if isinstance(e, Piece))
    tokens = base.engine.tokenize(text)[: 2 * N_TOKENS]
    if len(tokens) < _FEWEST_TOKENS:
        return Moved(len(tokens), 0.0)
    moved = divergence(base.logits(tokens), tuned.logits(tokens))
    return Moved(len(tokens), float(moved.sum()))


def _log_softmax(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return np.maximum(wide, _NEVER)
