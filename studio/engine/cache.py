"""What of the texts is evaluated already: sequences of one unified KV cache.

A request takes the sequence that begins most like its prompt and evaluates only what differs.
One whose own end is worth keeping is copied first, which costs nothing: a copy shares its
cells. When the window over a long text has moved on, the cells that are still in it are moved
to their new places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine import EngineError, Reading, RequestError
from studio.engine.context import CHUNK, SEQUENCES, Context, NoRoom, full

AdapterKey = tuple[tuple[str, float], ...]
"""The adapters that a sequence was evaluated with: (file, strength)."""

_PARK_ABOVE = 48
"""A sequence that would lose more tokens than this is copied rather than cut."""
_ANCHOR = 32
"""So many tokens in a row are taken for the same place of a text."""
_SHIFT_ABOVE = 64
"""Moving cells must save more tokens than this."""
_READING_ABOVE = 256


@dataclass
class Sequence:
    """One sequence of the KV cache and what is in it."""

    id: int
    tokens: list[int] = field(default_factory=list)
    key: AdapterKey = ()
    busy: bool = False
    used: int = 0
    shifted: bool = False
    """Some cells were moved: its answers are near those of a fresh evaluation, not equal."""
    row_at: int = -1
    """`row` holds the logits after so many tokens; -1 for none."""
    row: NDArray[np.float32] | None = None


class Cache:
    """The sequences of a context. `never` are tokens whose logits are set to -inf."""

    def __init__(
        self,
        context: Context,
        never: NDArray[np.int32],
        use_adapters: Callable[[AdapterKey], None],
    ) -> None:
        self._context = context
        self._use_adapters = use_adapters
        self._never = never
        self._sequences = [Sequence(i) for i in range(SEQUENCES)]
        self._clock = 0

    def acquire(self, prompt: list[int], key: AdapterKey) -> tuple[Sequence, int]:
        """A sequence that holds a beginning of `prompt`, as long as can be, and its length.

        It is the caller's until `release`. Raises `RequestError` if all are taken.
        """
        idle = [s for s in self._sequences if not s.busy]
        if not idle:
            raise RequestError("Too many texts are being written at once. Stop one of them.")
        if sequence := self._shift(prompt, key, idle):
            return self._take(sequence), common(sequence.tokens, prompt)
        alike = [s for s in self._sequences if s.key == key and s.tokens]
        best = max(alike, key=lambda s: (common(s.tokens, prompt), not s.busy), default=None)
        shared = common(best.tokens, prompt) if best else 0
        if best is None or shared == 0:
            return self._take(self._empty(idle, key)), 0
        lost = len(best.tokens) - shared
        if best.busy or (lost > _PARK_ABOVE and shared < len(prompt)):
            others = [s for s in idle if s is not best]
            if others:
                target = self._empty(others, key)
                self._copy(best, target, shared)
                return self._take(target), len(target.tokens)
        return self._take(best), shared

    def fork(self, source: Sequence, n: int) -> Sequence:
        """Another sequence with the first `n` tokens of `source`. Raises `RequestError`."""
        idle = [s for s in self._sequences if not s.busy]
        if not idle:
            raise RequestError("Too many versions are being written at once. Ask for fewer.")
        target = self._empty(idle, source.key)
        self._copy(source, target, n)
        return self._take(target)

    def scratch(self) -> Sequence:
        """An empty sequence that nobody will want to find again: cut it when done."""
        idle = [s for s in self._sequences if not s.busy]
        if not idle:
            raise RequestError("Too many texts are being written at once. Stop one of them.")
        return self._take(self._empty(idle, ()))

    def release(self, sequence: Sequence) -> None:
        """Keep it for a later request."""
        sequence.busy = False

    def drop(self, sequence: Sequence) -> None:
        """Forget what is in it."""
        self.cut(sequence, 0)
        sequence.busy = False

    def cut(self, sequence: Sequence, n: int) -> None:
        """Keep the first `n` tokens of a sequence, or none where it can't be taken back."""
        if n < len(sequence.tokens):
            kept = n > 0 and C.llama_memory_seq_rm(self._context.memory, sequence.id, n, -1)
            if not kept:
                C.llama_memory_seq_rm(self._context.memory, sequence.id, -1, -1)
                n = 0
            del sequence.tokens[n:]
        if sequence.row_at > len(sequence.tokens):
            sequence.row_at, sequence.row = -1, None
        if not sequence.tokens:
            sequence.shifted = False

    def evaluate(self, sequence: Sequence, prompt: list[int]) -> Iterator[Reading | None]:
        """Bring a sequence to `prompt`, with the logits after it in its `row`."""
        shared = common(sequence.tokens, prompt)
        if shared == len(prompt) and sequence.row_at == shared:
            self.cut(sequence, shared)
            if len(sequence.tokens) == shared:
                return
        self.cut(sequence, min(shared, len(prompt) - 1))
        first = len(sequence.tokens)
        while len(sequence.tokens) < len(prompt):
            at = len(sequence.tokens)
            chunk = prompt[at : at + CHUNK]
            if self.decode([sequence], chunk, range(at, at + len(chunk)), outputs=False):
                sequence.tokens.extend(chunk)
                if len(sequence.tokens) == len(prompt):
                    sequence.row, sequence.row_at = self.row(-1), len(prompt)
                if len(prompt) - first > _READING_ABOVE:
                    yield Reading(len(sequence.tokens) - first, len(prompt) - first)
            yield None

    def decode(
        self,
        sequences: list[Sequence],
        tokens: list[int],
        positions: list[int] | range,
        *,
        outputs: bool,
    ) -> bool:
        """As `Context.decode`, for rows of one sequence or a row for each of several.

        What has been idle longest is dropped when room is wanted. All have the same adapters.
        """
        self._use_adapters(sequences[0].key)
        ids = [s.id for s in sequences] if len(sequences) > 1 else sequences[0].id
        while True:
            try:
                return self._context.decode(tokens, positions, ids, outputs)
            except NoRoom:
                if not self._make_room():
                    raise full() from None

    def row(self, index: int) -> NDArray[np.float32]:
        """Logits of an output row of the last batch, without the tokens that are no text."""
        row = self._context.row(index)
        if np.isnan(row).any():
            raise EngineError(
                "The model answers with nothing but nonsense: its file is probably damaged. "
                "Choose another one."
            )
        row[self._never] = -np.inf
        return row

    def _take(self, sequence: Sequence) -> Sequence:
        self._clock += 1
        sequence.busy, sequence.used = True, self._clock
        return sequence

    def _empty(self, idle: list[Sequence], key: AdapterKey) -> Sequence:
        """The one that was idle longest, emptied; an empty one rather."""
        target = min(idle, key=lambda s: (bool(s.tokens), s.used))
        self.cut(target, 0)
        target.key = key
        return target

    def _copy(self, source: Sequence, target: Sequence, n: int) -> None:
        """Give the empty `target` the first `n` tokens of `source`."""
        if n == 0 or (not self._context.can_rewind and n < len(source.tokens)):
            return  # a recurrent state can't be copied up to a place in its past
        C.llama_memory_seq_cp(self._context.memory, source.id, target.id, 0, n)
        target.tokens = source.tokens[:n]
        target.shifted = source.shifted
        if source.row_at <= n:
            target.row_at, target.row = source.row_at, source.row

    def _make_room(self) -> bool:
        """Drop the sequence that has been idle longest; whether there was one."""
        idle = [s for s in self._sequences if not s.busy and s.tokens]
        if not idle:
            return False
        self.cut(min(idle, key=lambda s: s.used), 0)
        return True

    def _shift(self, prompt: list[int], key: AdapterKey, idle: list[Sequence]) -> Sequence | None:
        """A sequence whose cells were moved because the window over its text has moved on."""
        if not (self._context.can_shift and self._context.can_rewind):
            return None
        known = max((common(s.tokens, prompt) for s in self._sequences if s.key == key), default=0)
        for sequence in sorted(idle, key=lambda s: -s.used):
            if sequence.key != key:
                continue
            keep = common(sequence.tokens, prompt)
            gone = _moved_by(sequence.tokens, prompt, keep)
            if gone is None:
                continue
            saved = common(sequence.tokens[keep + gone :], prompt[keep:])
            if keep + saved < known + _SHIFT_ABOVE or not self._owns_cells(sequence, keep):
                continue
            memory, id_ = self._context.memory, sequence.id
            C.llama_memory_seq_rm(memory, id_, keep, keep + gone)
            C.llama_memory_seq_add(memory, id_, keep + gone, -1, -gone)
            del sequence.tokens[keep : keep + gone]
            sequence.row_at, sequence.row, sequence.shifted = -1, None, True
            return sequence
        return None

    def _owns_cells(self, sequence: Sequence, keep: int) -> bool:
        """Make sure that no other sequence shares cells that are about to move."""
        sharing = [
            s
            for s in self._sequences
            if s is not sequence and s.tokens and common(s.tokens, sequence.tokens) > keep
        ]
        if any(s.busy for s in sharing):
            return False
        for other in sharing:
            self.cut(other, 0)
        return True


def _moved_by(tokens: list[int], prompt: list[int], keep: int) -> int | None:
    """How many tokens are gone from `tokens` after the first `keep`, if `prompt` goes on behind."""
    anchor = prompt[keep : keep + _ANCHOR]
    if len(anchor) < _ANCHOR:
        return None
    haystack, needle = np.asarray(tokens[keep + 1 :], np.int32), np.asarray(anchor, np.int32)
    if len(haystack) < _ANCHOR:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(haystack, _ANCHOR)
    found = np.flatnonzero((windows == needle).all(axis=1))
    return int(found[0]) + 1 if len(found) else None


def common(a: list[int], b: list[int]) -> int:
    """Length of the common beginning of two lists of tokens."""
    n = min(len(a), len(b))
    low, high = 0, n
    if a[:n] == b[:n]:
        return n
    while low < high:  # the lists agree up to `low` and differ before `high`
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
