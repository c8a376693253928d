"""What of the texts is evaluated already: sequences of one unified KV cache.

A request takes the sequence that begins most like its prompt and evaluates only what differs.
What the writer wrote there and would be lost is put aside first (`parking`). When the window
over a long text has moved on, the cells that are still in it are moved to their new places.
What was generated after a prompt stays evaluated, with the logits after its first tokens: a
writer who goes on as the model said, or asks again, has an answer without computing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine import Reading, RequestError
from studio.engine.context import SEQUENCES, Context, NoRoom, full
from studio.engine.model_file import nonsense
from studio.engine.parking import Parking
from studio.engine.sequence import ROWS_AFTER, AdapterKey, Sequence
from studio.engine.tally import Tally

_PARK_ABOVE = 48
"""A sequence that would lose more tokens of the writer's than this is put aside first."""
_ANCHOR = 32
"""So many tokens in a row are taken for the same place of a text."""
_SHIFT_ABOVE = 64
"""Moving cells must save more tokens than this."""
_READING_ABOVE = 256
_STEP_S = 1.0
"""Reading a prompt is not held up for longer, where that can be had: nothing may be silent for so
long that it is taken for hung."""
IDLE_STEP_S = 0.25
"""The same for what is read in idle time: the next key waits for its end."""
_ROWS_BEFORE = 4
"""Rows of logits are kept for so many places before the end of the last prompt."""


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
        self._parking = Parking(context)
        self._clock = 0
        self.tally = Tally()
        self.under_way: tuple[Sequence | None, list[int]] | None = None
        """The batch that is being evaluated: of which sequence (None: of several), and the tokens
        that are added to it."""
        self.generated = 0
        """Tokens evaluated so far that were generated."""
        self._key: AdapterKey = ()
        """Of the last batch."""
        self._spoilt = False
        """There are cells that hold no numbers: nothing that is kept is of use any more."""

    def acquire(self, prompt: list[int], key: AdapterKey) -> tuple[Sequence, int]:
        """A sequence that holds a beginning of `prompt`, as long as can be, and its length.

        It is the caller's until `release`. Raises `RequestError` if all are taken.
        """
        idle = self._idle()
        if sequence := self._shift(prompt, key, idle):
            return self._take(sequence), common(sequence.tokens, prompt)
        best, shared = self._most_alike(prompt, key)
        if back := self._brought_back(prompt, key, best, shared):
            return self._take(back), common(back.tokens, prompt)
        if best is None or shared == 0:
            return self._take(self._empty(idle, key)), 0
        lost = best.n_prompt - shared
        if best.busy or (lost > _PARK_ABOVE and shared < len(prompt) and not self._put_aside(best)):
            others = [s for s in idle if s is not best]
            if others:
                target = self._empty(others, key)
                self._copy(best, target, shared)
                return self._take(target), len(target.tokens)
        return self._take(best), shared

    def known(self, prompt: list[int], key: AdapterKey) -> int:
        """How many tokens of `prompt` need not be evaluated again."""
        alike = [p.tokens for p in self._parking.of(key)]
        alike += [s.tokens for s in self._sequences if s.key == key]
        return max((common(tokens, prompt) for tokens in alike), default=0)

    def known_otherwise(self, prompt: list[int], key: AdapterKey) -> int:
        """The same with any other adapters: keys and values that are of no use for `key`."""
        others = ({s.key for s in self._sequences if s.tokens} | self._parking.keys) - {key}
        return max((self.known(prompt, other) for other in others), default=0)

    def fork(self, source: Sequence, n: int) -> Sequence:
        """Another sequence with the first `n` tokens of `source`. Raises `RequestError`."""
        target = self._empty(self._idle(), source.key)
        self._copy(source, target, n)
        return self._take(target)

    def scratch(self) -> Sequence:
        """An empty sequence that nobody will want to find again: cut it when done."""
        return self._take(self._empty(self._idle(), ()))

    def release(self, sequence: Sequence) -> None:
        """Keep it for a later request."""
        sequence.busy = False

    def drop(self, sequence: Sequence) -> None:
        """Forget what is in it."""
        self.cut(sequence, 0)
        sequence.busy = False

    def tidy(self) -> bool:
        """Put one sequence aside that was not used last; False when there is no more to do."""
        if self._spoilt:
            return False
        idle = [s for s in self._sequences if not s.busy and s.tokens]
        last = max(idle, key=lambda s: s.used, default=None)
        for sequence in idle:
            if sequence is not last and self._put_aside(sequence):
                self.cut(sequence, 0)
                return True
        return False

    def cut(self, sequence: Sequence, n: int) -> None:
        """Keep the first `n` tokens of a sequence, or none where it can't be taken back."""
        if n >= len(sequence.tokens):
            return
        kept = n > 0 and self._context.has_all_before(sequence.id, n)
        kept = kept and C.llama_memory_seq_rm(self._context.memory, sequence.id, n, -1)
        if not kept:
            C.llama_memory_seq_rm(self._context.memory, sequence.id, -1, -1)
            n = 0
        del sequence.tokens[n:]
        sequence.n_prompt = min(sequence.n_prompt, n)
        sequence.rows = {at: row for at, row in sequence.rows.items() if at <= n}
        if not sequence.tokens:
            sequence.shifted = False

    def evaluate(
        self, sequence: Sequence, prompt: list[int], step_s: float = _STEP_S
    ) -> Iterator[Reading | None]:
        """Bring a sequence to `prompt`, with the logits after it in its `rows`.

        What was generated after the same prompt before stays in it. A step should take `step_s`
        at most: where the model is slow, fewer tokens are read in one.
        """
        shared = common(sequence.tokens, prompt)
        # A state that can't be taken back is of use at its end only, and with a row kept there.
        stuck = not self._context.can_rewind and len(sequence.tokens) > len(prompt)
        if stuck or shared < len(prompt) or shared not in sequence.rows:
            self.cut(sequence, 0 if stuck else min(shared, len(prompt) - 1))
        sequence.n_prompt = len(prompt)
        first = len(sequence.tokens)
        while len(sequence.tokens) < len(prompt):
            at = len(sequence.tokens)
            chunk = prompt[at : at + self._context.batch_rows(step_s)]
            if self.decode([sequence], chunk, range(at, at + len(chunk)), outputs=False):
                sequence.tokens.extend(chunk)
                if len(sequence.tokens) == len(prompt):
                    sequence.keep_row(self.row(-1))
                if len(prompt) - first > _READING_ABOVE:
                    yield Reading(len(sequence.tokens) - first, len(prompt) - first)
            yield None
        low, high = len(prompt) - _ROWS_BEFORE, len(prompt) + ROWS_AFTER
        sequence.rows = {at: row for at, row in sequence.rows.items() if low <= at <= high}

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
        self._key = sequences[0].key
        self._use_adapters(self._key)
        alone = len(sequences) == 1
        ids = sequences[0].id if alone else [s.id for s in sequences]
        for i, sequence in enumerate(sequences):
            self.tally.add(sequence.tokens, tokens if alone else tokens[i : i + 1])
        self.under_way = sequences[0] if alone else None, tokens
        try:
            while True:
                try:
                    return self._context.decode(tokens, positions, ids, outputs)
                except NoRoom:
                    if not self._make_room():
                        raise full() from None
        finally:
            self.under_way = None

    def row(self, index: int) -> NDArray[np.float32]:
        """Logits of an output row of the last batch, without the tokens that are no text."""
        row = self._context.row(index)
        row[self._never] = -np.inf
        if np.isnan(row.max()):  # the maximum of anything with a NaN is one
            self._spoilt = True
            raise nonsense([name.partition("\0")[0] for name, _ in self._key])
        return row

    def _wipe(self) -> None:
        """Forget everything, down to the numbers in the cells.

        Cells that nobody owns are read all the same, with a weight of 0, and 0 times NaN is NaN.
        """
        C.llama_memory_clear(self._context.memory, True)
        self._sequences = [Sequence(i) for i in range(SEQUENCES)]
        self._parking = Parking(self._context)
        self._spoilt = False

    def _idle(self) -> list[Sequence]:
        """Those that nobody uses. Raises `RequestError` if there are none."""
        if self._spoilt and not any(s.busy for s in self._sequences):
            self._wipe()
        idle = [s for s in self._sequences if not s.busy]
        if not idle:
            raise RequestError("Too many texts are being written at once. Stop one of them.")
        return idle

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

    def _most_alike(self, prompt: list[int], key: AdapterKey) -> tuple[Sequence | None, int]:
        """The sequence that shares most with `prompt`, an idle one rather, and how much."""
        alike = [s for s in self._sequences if s.key == key and s.tokens]
        best = max(alike, key=lambda s: (common(s.tokens, prompt), not s.busy), default=None)
        return best, common(best.tokens, prompt) if best else 0

    def _put_aside(self, sequence: Sequence) -> bool:
        """Put a sequence aside as it is, unless another one holds the same; whether it is safe."""
        for other in self._sequences:
            same = other is not sequence and other.key == sequence.key
            if same and common(other.tokens, sequence.tokens) + _PARK_ABOVE >= sequence.n_prompt:
                return True
        return self._parking.put(sequence)

    def _brought_back(
        self, prompt: list[int], key: AdapterKey, best: Sequence | None, shared: int
    ) -> Sequence | None:
        """A sequence that was put aside, if it shares more with `prompt` than any other."""
        parked = max(self._parking.of(key), key=lambda p: common(p.tokens, prompt), default=None)
        if parked is None or common(parked.tokens, prompt) <= shared + _PARK_ABOVE:
            return None
        if best and not best.busy and shared:  # they share a beginning: change places
            self._put_aside(best)
            self.cut(best, 0)
        target = self._empty(self._idle(), key)
        while not self._parking.bring_back(parked, target):
            if not self._make_room():
                return None
        return target

    def _copy(self, source: Sequence, target: Sequence, n: int) -> None:
        """Give the empty `target` the first `n` tokens of `source`."""
        whole = n >= len(source.tokens)
        past = self._context.can_rewind and self._context.has_all_before(source.id, n)
        if n == 0 or not (whole or past):
            return  # a recurrent state can't be copied up to a place in its past
        C.llama_memory_seq_cp(self._context.memory, source.id, target.id, 0, n)
        target.tokens = source.tokens[:n]
        target.shifted = source.shifted
        target.n_prompt = min(source.n_prompt, n)
        target.rows = {at: row for at, row in source.rows.items() if at <= n}

    def _make_room(self) -> bool:
        """Drop the sequence that has been idle longest; whether there was one."""
        idle = [s for s in self._sequences if not s.busy and s.tokens]
        if not idle:
            return False
        oldest = min(idle, key=lambda s: s.used)
        self._put_aside(oldest)
        self.cut(oldest, 0)
        return True

    def _shift(self, prompt: list[int], key: AdapterKey, idle: list[Sequence]) -> Sequence | None:
        """A sequence whose cells were moved because the window over its text has moved on."""
        if not (self._context.can_shift and self._context.can_rewind):
            return None
        known = self.known(prompt, key)
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
            self._context.move(sequence.id, keep, gone)
            del sequence.tokens[keep : keep + gone]
            sequence.n_prompt = max(keep, sequence.n_prompt - gone)
            sequence.rows, sequence.shifted = {}, True
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
