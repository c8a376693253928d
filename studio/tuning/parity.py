"""Whether PyTorch and llama.cpp compute the same model, with an adapter and without.

A wrong rotary embedding or an unpermuted weight still writes fluent text; only the numbers tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.tuning import TuningError

EXACT_NATS = 1e-4
"""How far a base of 16- or 32-bit floats may be from PyTorch, and no further with an adapter."""
QUANTIZED_NATS = 0.02
"""The same for a quantized base: llama.cpp rounds what goes in to 8 bits, PyTorch does not. The
default model (Q4_1) is at 0.004, Gemma 3 270M (Q4_K_M) at 0.007."""
OTHER_WEIGHTS_NATS = 0.3
"""The same where PyTorch has the full weights and llama.cpp has quantized ones: what quantizing
itself costs, which is 0.05 to 0.2 in 4 bits. Another model is beyond 1."""
_GROWTH = 3.0
"""An adapter may add so many times the distance of its base."""

Logits = Callable[[Sequence[int]], NDArray[np.float32]]
"""Shape (tokens, n_vocab)."""


class ParityError(TuningError):
    """PyTorch and llama.cpp disagree about this model."""


@dataclass(frozen=True)
class Parity:
    """How far apart two ways to compute a model are, over some tokens."""

    nats: float
    """Mean Kullback-Leibler divergence of the next token's distribution, per token."""
    largest: float
    """The largest difference of two logits, after their means are taken off."""
    same_top: float
    """The share of places at which both find the same token the likeliest."""
    n_tokens: int


def compare(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Parity:
    """Two sets of logits of the same tokens; the divergence is from `ours` to `theirs`."""
    if ours.shape != theirs.shape:
        raise ParityError(
            f"PyTorch answers with {ours.shape[-1]:,} tokens and llama.cpp with "
            f"{theirs.shape[-1]:,}: these are not the same model."
        )
    nats, largest, same = 0.0, 0.0, 0
    for a, b in zip(ours, theirs, strict=True):  # row by row: vocabularies are large
        p, q = _log_softmax(a.astype(np.float64)), _log_softmax(b.astype(np.float64))
        nats += float(np.sum(np.exp(p) * (p - q)))
        largest = max(largest, float(np.max(np.abs((a - a.mean()) - (b - b.mean())))))
        same += int(a.argmax() == b.argmax())
    n = len(ours)
    return Parity(nats / n, largest, same / n, n)


def refuse_base(found: Parity, limit: float, name: str) -> None:
    """Before training. Raises `ParityError` if the two don't compute the same model."""
    if not found.nats <= limit:
        raise ParityError(
            f"‘{name}’ can't be tuned: PyTorch and llama.cpp disagree about it by "
            f"{found.nats:.2g} nats a token, and no more than {limit:.2g} is sound. What one "
            "learns would not hold for the other. Choose another file, or another model."
        )


def refuse_adapter(base: Parity, tuned: Parity, limit: float) -> None:
    """After the conversion; `limit` is that of the base. Raises `ParityError` if the adapter does
    something else there."""
    if limit > EXACT_NATS:
        limit = max(0.01, _GROWTH * base.nats)
    if not tuned.nats <= limit:
        raise ParityError(
            "The tuning is done, but the adapter does not do the same in llama.cpp: they disagree "
            f"by {tuned.nats:.2g} nats a token, and no more than {limit:.2g} is sound. It was not "
            "put to use; what was learned is kept as a PEFT adapter."
        )


def _log_softmax(row: NDArray[np.float64]) -> NDArray[np.float64]:
    row = row - row.max()
    shifted: NDArray[np.float64] = row - np.log(np.exp(row).sum())
    return shifted
