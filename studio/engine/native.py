"""The thin layer over llama.cpp's C interface: its log, its batches, its abort flag.

Only this room imports llama_cpp, and of it no module that a client of the engine needs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator, Sequence

import numpy as np

# A failed assertion inside llama.cpp would otherwise start a debugger to print its stack.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")

import llama_cpp.llama_cpp as C

_CONTINUATION = 5

_captures: list[list[str]] = []
"""Where the library's lines go; nowhere when nobody listens."""


@C.llama_log_callback  # type: ignore[untyped-decorator]
def _keep_log(level: int, text: bytes, _user: ctypes.c_void_p) -> None:
    if level == _CONTINUATION:
        return
    line = text.decode("utf-8", "replace").rstrip()
    for lines in _captures:
        lines.append(line)


def start() -> None:
    """Ready the library; may be called again."""
    C.llama_log_set(_keep_log, ctypes.c_void_p(0))
    C.llama_backend_init()


@contextlib.contextmanager
def captured_log() -> Iterator[list[str]]:
    """The library's log lines of the enclosed calls, all of them, as they come."""
    lines: list[str] = []
    _captures.append(lines)
    try:
        yield lines
    finally:
        _captures.pop()


class AbortFlag:
    """A byte that stops a computation within one node of its graph, from any thread.

    llama.cpp polls a C function with a pointer; libc's `strlen` over a buffer that holds an
    empty or a one-letter string answers 0 or 1 without the interpreter's lock. GPU back ends
    don't poll it: there a batch runs to its end.
    """

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(2)
        self._lock = threading.Lock()
        self._is_held = self._late = False
        libc = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
        self._strlen = ctypes.cast(libc.strlen, C.ggml_abort_callback)

    def install(self, context: C.llama_context_p) -> None:
        address = ctypes.cast(self._buffer, ctypes.c_void_p)
        C.llama_set_abort_callback(context, self._strlen, address)

    def set(self) -> None:
        with self._lock:
            self._late = self._is_held
            if not self._is_held:
                self._buffer[0] = b"\1"

    def clear(self) -> None:
        self._buffer[0] = b"\0"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is aborted in here; what was to be, is afterwards."""
        with self._lock:
            self._is_held, self._late = True, self.is_set
            self.clear()
        try:
            yield
        finally:
            with self._lock:
                self._is_held = False
                if self._late:
                    self._buffer[0] = b"\1"

    @property
    def is_set(self) -> bool:
        return self._buffer[0] != b"\0"


class Batch:
    """Rows for one `llama_decode`, filled by numpy: a row is a token at a place of a sequence."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._token = np.zeros(capacity, np.int32)
        self._pos = np.zeros(capacity, np.int32)
        self._n_seq_id = np.ones(capacity, np.int32)
        self._seq_ids = np.zeros(capacity, np.int32)
        # llama.cpp wants a pointer to the list of sequences of each row: ours hold one each.
        base = self._seq_ids.ctypes.data
        step = self._seq_ids.itemsize
        self._seq_id = np.arange(base, base + capacity * step, step, dtype=np.uintp)
        self._output = np.zeros(capacity, np.int8)

    def fill(
        self,
        tokens: Sequence[int],
        positions: Sequence[int] | range,
        sequences: int | Sequence[int],
        outputs: bool | Sequence[bool],
    ) -> C.llama_batch:
        """A batch of `len(tokens)` rows; it points into this object until the next call.

        `outputs` says of which rows the logits are wanted; False means the last one alone.
        """
        n = len(tokens)
        self._token[:n] = tokens
        self._pos[:n] = positions
        self._seq_ids[:n] = sequences
        self._output[:n] = outputs
        if outputs is False:
            self._output[n - 1] = 1
        return C.llama_batch(
            n_tokens=n,
            token=self._token.ctypes.data_as(ctypes.POINTER(C.llama_token)),
            embd=None,
            pos=self._pos.ctypes.data_as(ctypes.POINTER(C.llama_pos)),
            n_seq_id=self._n_seq_id.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._seq_id.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(C.llama_seq_id))),
            logits=self._output.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )


def logits_row(context: C.llama_context_p, row: int, n_vocab: int) -> np.ndarray:
    """A copy of the logits of one output row of the last batch; float32, shape (n_vocab,)."""
    pointer = C.llama_get_logits_ith(context, row)
    if not pointer:
        raise RuntimeError(f"llama.cpp has no logits for row {row}")
    return np.ctypeslib.as_array(pointer, (n_vocab,)).copy()
