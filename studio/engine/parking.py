"""Sequences put aside in ordinary memory, out of the way of what is being computed.

Attention reads every cell of the KV cache up to the last one in use, whoever owns it, so a text
that is only kept for later slows each token of the one being written (docs/benchmarks.md). A
sequence put aside costs nothing until it is wanted again, and then milliseconds, not seconds.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine.context import Context
from studio.engine.sequence import AdapterKey, Sequence

_MOST = 8
"""Sequences put aside at a time."""


@dataclass(frozen=True, eq=False)
class Parked:
    """The keys and values of a sequence, as llama.cpp writes them down, and whose they are."""

    tokens: list[int]
    n_prompt: int
    rows: dict[int, NDArray[np.float32]]
    key: AdapterKey
    shifted: bool
    state: NDArray[np.uint8]


class Parking:
    """Sequences put aside, the last one last; the first ones go when there is no more room.

    They take at most as much memory as the context window's own KV cache.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._parked: list[Parked] = []

    def put(self, sequence: Sequence) -> bool:
        """Write a sequence down; False if it is too big for that."""
        n_tokens = len(sequence.tokens)
        size = C.llama_state_seq_get_size(self._context.handle, sequence.id)
        # The state is of `n_tokens` cells, so this knows the size of a whole window's.
        room = size * self._context.n_ctx // max(1, n_tokens)
        if not 0 < size <= room:
            return False
        state = np.empty(size, np.uint8)
        done = C.llama_state_seq_get_data(self._context.handle, _bytes_of(state), size, sequence.id)
        if done != size:
            return False
        self._parked = [
            p for p in self._parked if not (p.key == sequence.key and p.tokens == sequence.tokens)
        ]
        self._parked.append(
            Parked(
                tokens=list(sequence.tokens),
                n_prompt=sequence.n_prompt,
                rows={n: row for n, row in sequence.rows.items() if n == sequence.n_prompt},
                key=sequence.key,
                shifted=sequence.shifted,
                state=state,
            )
        )
        while len(self._parked) > _MOST or sum(map(_size, self._parked)) > room:
            del self._parked[0]
        return True

    @property
    def keys(self) -> set[AdapterKey]:
        """The adapters of all there is."""
        return {parked.key for parked in self._parked}

    def of(self, key: AdapterKey) -> list[Parked]:
        """What was evaluated with these adapters."""
        return [parked for parked in self._parked if parked.key == key]

    def bring_back(self, parked: Parked, sequence: Sequence) -> bool:
        """Read it back into an empty sequence; False if there are no cells for it."""
        size = parked.state.nbytes
        done = C.llama_state_seq_set_data(
            self._context.handle, _bytes_of(parked.state), size, sequence.id
        )
        if done != size:
            C.llama_memory_seq_rm(self._context.memory, sequence.id, -1, -1)
            return False
        sequence.tokens, sequence.n_prompt = list(parked.tokens), parked.n_prompt
        sequence.rows, sequence.shifted = dict(parked.rows), parked.shifted
        self._parked = [each for each in self._parked if each is not parked]
        return True


def _size(parked: Parked) -> int:
    """In bytes."""
    return parked.state.nbytes + sum(row.nbytes for row in parked.rows.values())


def _bytes_of(state: NDArray[np.uint8]) -> ctypes._Pointer[ctypes.c_uint8]:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
