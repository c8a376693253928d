"""Intervals by the bootstrap (Efron 1979): how far a figure would move with other blocks of text.

Each draw takes n - 1 of n units with replacement, not n: that makes the variance of a mean
the unbiased one (Rao and Wu 1988), which matters with the ten blocks that a short text has.
Units are taken for independent; neighbouring blocks of one chapter are not quite, so an interval
is rather too narrow than too wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio.tuning.report.figures import Estimate

DRAWS = 2_000
FEWEST = 8
"""Units below which no interval is told: it would be too narrow."""
_SEED = 2026


def dice(seed: int = _SEED) -> np.random.Generator:
    """The same dice each time: a report made twice says the same."""
    return np.random.default_rng(seed)


def draws(n: int, source: np.random.Generator) -> NDArray[np.float64]:
    """How often each of `n` units is taken in each draw; shape (DRAWS, n)."""
    if n < 2:
        return np.ones((DRAWS, n))
    return source.multinomial(n - 1, np.full(n, 1 / n), size=DRAWS).astype(np.float64)


def estimate(value: float, drawn: NDArray[np.float64], n: int) -> Estimate:
    """The figure with its 95% interval, from what it was in each draw of `n` units."""
    if n < FEWEST:
        return Estimate(value, None)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(value, (float(low), float(high)))
