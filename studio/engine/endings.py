"""Whole words that a request holds likely, mixed with what the model holds likely.

The mixture is that of a cache language model (Kuhn and De Mori, 1990, "A cache-based natural
language model for speech recognition"); docs/completion.md says what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.engine.sampler import log_sum_exp
from studio.engine.vocabulary import PER_UNSPELLED_BYTE, Vocabulary


@dataclass(frozen=True)
class Meant:
    """The word that is meant."""

    tokens: tuple[int, ...]
    """All of it, the typed letters too; of the model's own word the first token alone."""
    log_prob: float
    """Natural logarithm of its probability among the words that begin as typed."""


def meant(
    vocabulary: Vocabulary,
    row: NDArray[np.float32],
    spell: bytes,
    endings: tuple[tuple[str, float], ...],
) -> Meant | None:
    """The likeliest word that begins with `spell`; `row` holds the logits before it.

    `endings` are those of `Request`. None if no token agrees with `spell`.
    """
    ids, lowered = vocabulary.spelling(spell)
    if not len(ids):
        return None
    by_model = np.exp(row[ids] - lowered - log_sum_exp(row))
    at = int(np.argmax(by_model))
    tokens: tuple[int, ...] = (int(ids[at]),)
    likely = float(by_model[at])
    for ending, added in endings:
        word = vocabulary.spelled(spell + ending.encode())
        if not word:
            continue
        first = float(by_model[ids == word[0]].sum())
        if len(word) > 1 and len(vocabulary.pieces[word[0]]) >= len(spell):
            # Other words begin with that piece, too, as with those that spell less (`spelling`).
            first *= np.exp(-PER_UNSPELLED_BYTE)
        if first + added > likely:
            tokens, likely = word, first + added
    total = float(by_model.sum()) + sum(added for _, added in endings)
    return Meant(tokens, float(np.log(max(likely, 1e-30) / max(total, 1e-30))))
