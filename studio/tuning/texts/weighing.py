"""How often each work is read in training, so that one long book does not drown the short ones."""

from __future__ import annotations

from collections.abc import Sequence

MAX_PASSES = 4.0


def passes(
    n_words: Sequence[int],
    n_epochs: float,
    exponent: float = 0.5,
    max_passes: float = MAX_PASSES,
) -> tuple[float, ...]:
    """How often each of some works is read, in as many words as `n_epochs` over all of them have.

    `n_words` are their lengths.

    Temperature sampling: a work's share of the words that are read goes with its length to the
    power of `exponent`, from 0 (each work the same share) to 1 (each work `n_epochs` times). None
    is read more than `max_passes` times; what that leaves goes to the others.
    """
    if not 0 <= exponent <= 1:
        raise ValueError(f"exponent is {exponent}, not from 0 to 1")
    sizes = list(n_words)
    left = min(n_epochs, max_passes) * sum(sizes)
    made = [0.0] * len(sizes)
    free = [i for i, size in enumerate(sizes) if size]
    while free:
        shares = {i: sizes[i] ** exponent for i in free}
        a_share = left / sum(shares.values())
        full = [i for i in free if a_share * shares[i] / sizes[i] >= max_passes]
        for i in full or free:
            made[i] = max_passes if full else a_share * shares[i] / sizes[i]
            left -= made[i] * sizes[i]
        free = [i for i in free if i not in full] if full else []
    return tuple(made)
