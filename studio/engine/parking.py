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

AdapterKey = tuple[tuple[str, float], ...]
"""The adapters that a sequence was evaluated with: (file, strength)."""


@dataclass(frozen=True, eq=False)
class Parked:
    """The keys and values of a sequence, as llama.cpp writes them down, and whose they are."""

    tokens: list[int]
    key: AdapterKey
    shifted: bool
    state: NDArray[np.uint8]


class Parking:
    """Sequences put aside, the last one last; the first ones go when there is no more room.

    They take at most half as much memory as the context window's own KV cache.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._parked: list[Parked] = []

    def put(self, id_: int, tokens: list[int], key: AdapterKey, *, shifted: bool) -> bool:
        """Write sequence `id_` down; False if it is too big for that."""
        size = C.llama_state_seq_get_size(self._context.handle, id_)
        # The state is of `len(tokens)` cells, so this knows the size of a whole window's.
        room = size * self._context.n_ctx // (2 * max(1, len(tokens)))
        if not 0 < size <= room:
            return False
        state = np.empty(size, np.uint8)
        if C.llama_state_seq_get_data(self._context.handle, _bytes_of(state), size, id_) != size:
            return False
        self._parked = [p for p in self._parked if not (p.key == key and p.tokens == tokens)]
        self._parked.append(Parked(list(tokens), key, shifted, state))
        while sum(p.state.nbytes for p in self._parked) > room:
            del self._parked[0]
        return True

    @property
    def keys(self) -> set[AdapterKey]:
        """The adapters of all there is."""
        return {parked.key for parked in self._parked}

    def of(self, key: AdapterKey) -> list[Parked]:
        """What was evaluated with these adapters."""
        return [parked for parked in self._parked if parked.key == key]

    def bring_back(self, parked: Parked, id_: int) -> bool:
        """Read a sequence back into the empty sequence `id_`; False if there are no cells."""
        size = parked.state.nbytes
        done = C.llama_state_seq_set_data(self._context.handle, _bytes_of(parked.state), size, id_)
        if done != size:
            C.llama_memory_seq_rm(self._context.memory, id_, -1, -1)
            return False
        self._parked = [each for each in self._parked if each is not parked]
        return True


def _bytes_of(state: NDArray[np.uint8]) -> ctypes._Pointer[ctypes.c_uint8]:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
