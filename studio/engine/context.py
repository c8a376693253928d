"""A llama.cpp context: evaluating batches, and the memory that they leave behind."""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Sequence

import llama_cpp.llama_cpp as C
import numpy as np
import psutil
from numpy.typing import NDArray

from studio.engine import EngineError, LoadOptions, ModelFileError, RequestError, native

log = logging.getLogger(__name__)

CHUNK = 64
"""Rows evaluated at a time: what a cancelled prompt may still cost on a CPU."""
SEQUENCES = 16
_SPARE_CELLS = 1024
"""Cells beyond the context window, for drafts and versions beside the document."""
_KV_TYPES = {"f16": C.GGML_TYPE_F16, "q8_0": C.GGML_TYPE_Q8_0}
_TELLING = 8
"""A batch of so many rows tells how quickly prompts are read."""
_TRIAL_S = 0.25
"""How long each number of threads is tried."""


class NoRoom(Exception):
    """The KV cache has no cells left for a batch."""


class Context:
    """The context of a loaded model. Raises `ModelFileError` when there is no memory for it."""

    def __init__(self, model: C.llama_model_p, options: LoadOptions) -> None:
        trained = C.llama_model_n_ctx_train(model)
        n_cells = cells(options.n_ctx, trained)
        self.n_ctx = n_cells - _SPARE_CELLS
        self.n_vocab: int = C.llama_vocab_n_tokens(C.llama_model_get_vocab(model))
        params = C.llama_context_default_params()
        params.n_ctx = n_cells
        params.n_batch = params.n_ubatch = max(CHUNK, SEQUENCES)
        params.n_seq_max = SEQUENCES
        params.kv_unified = True
        params.no_perf = True
        params.type_k = params.type_v = _KV_TYPES[options.kv_type]
        params.flash_attn_type = _flash_attention(options)
        params.n_threads_batch = options.n_threads or cores()
        # One core is left to the window: decoding waits for its slowest thread.
        params.n_threads = options.n_threads or max(1, cores() - 1)
        self._n_threads = int(params.n_threads)
        self._n_threads_batch = int(params.n_threads_batch)
        self.interrupted = 0
        """Rows of batches that were interrupted."""
        self.rate: float | None = None
        """Tokens of a prompt read in a second, smoothed; None until enough were read."""
        self._sparing = self._spared = False  # as it should be, and as llama.cpp was told
        with native.captured_log() as lines:
            self.handle = C.llama_init_from_model(model, params)
        if not self.handle:
            raise _why_no_context(options, self.n_ctx, lines)
        self.flash_attention = params.flash_attn_type == C.LLAMA_FLASH_ATTN_TYPE_ENABLED or any(
            "Flash Attention enabled" in line for line in lines
        )
        self.memory = C.llama_get_memory(self.handle)
        self.can_shift = bool(C.llama_memory_can_shift(self.memory))
        self._abort = native.AbortFlag()
        self._abort.install(self.handle)
        self._batch = native.Batch(max(CHUNK, SEQUENCES))
        self.evaluated = 0
        """Rows evaluated so far, prompts and generated tokens alike."""
        self._n_swa: int = C.llama_model_n_swa(model)
        self._shifted = False
        self.can_rewind = self._try_to_rewind()

    def decode(
        self,
        tokens: Sequence[int],
        positions: Sequence[int] | range,
        sequences: int | Sequence[int],
        outputs: bool,
    ) -> bool:
        """Evaluate one batch; False if it was interrupted and has left nothing behind.

        With `outputs` the logits of every row are wanted, else of the last one. Raises `NoRoom`.
        """
        began = time.monotonic()
        batch = self._batch.fill(tokens, positions, sequences, outputs)
        if self._sparing != self._spared:
            self._set_threads()
        if self._shifted:
            # llama.cpp rotates the moved keys in here; cut short, it would rotate them twice.
            with self._abort.held():
                code = C.llama_decode(self.handle, batch)
            self._shifted = False
        else:
            code = C.llama_decode(self.handle, batch)
        if code == 0:
            self.evaluated += len(tokens)
            if len(tokens) >= _TELLING and not outputs:
                self._note_rate(len(tokens) / max(1e-6, time.monotonic() - began))
            return True
        if code == 2:
            self.interrupted += len(tokens)
            self._abort.clear()
            return False
        if code == 1:
            raise NoRoom
        raise EngineError(f"The model could not go on (llama.cpp answered {code}).")

    def batch_rows(self, at_most_s: float) -> int:
        """How many rows of a prompt are read in so much time, as far as is known.

        `CHUNK`, or a half, a quarter or an eighth of it.
        """
        n = CHUNK
        while self.rate and n > CHUNK // 8 and n / self.rate > at_most_s:
            n //= 2
        return n

    def _note_rate(self, rate: float) -> None:
        self.rate = rate if self.rate is None else self.rate + 0.3 * (rate - self.rate)

    def row(self, index: int) -> NDArray[np.float32]:
        """A copy of the logits of one output row of the last batch; shape (n_vocab,)."""
        return native.logits_row(self.handle, index, self.n_vocab)

    def rows(self, n: int) -> NDArray[np.float32]:
        """A copy of the logits of all `n` output rows of the last batch."""
        pointer = C.llama_get_logits(self.handle)
        return np.ctypeslib.as_array(pointer, (n, self.n_vocab)).copy()

    def has_all_before(self, sequence: int, n: int) -> bool:
        """Whether a sequence can be gone on with from its first `n` tokens.

        With sliding-window attention, cells out of the window of its end may have been taken by
        others (llama-kv-cache.cpp), and an earlier end would need them.
        """
        if not self._n_swa:
            return True
        first = C.llama_memory_seq_pos_min(self.memory, sequence)
        return bool(first <= max(0, n - self._n_swa))

    def move(self, sequence: int, first: int, gone: int) -> None:
        """Take `gone` tokens out of a sequence after its `first` ones, and move up what follows."""
        C.llama_memory_seq_rm(self.memory, sequence, first, first + gone)
        C.llama_memory_seq_add(self.memory, sequence, first + gone, -1, -gone)
        self._shifted = True

    def interrupt(self) -> None:
        """From any thread: abort the batch that is being evaluated, or the next one.

        Where what an aborted batch has left behind can't be taken back, it runs to its end.
        """
        if self.can_rewind:
            self._abort.set()

    def measure_threads(self) -> None:
        """Find out how many threads decode fastest here, and use them.

        Of numbers within a tenth of the best the smallest is taken: the rest of the machine
        is the writer's.
        """
        costs_ms: dict[int, float] = {}
        for n in sorted({max(1, cores() // 2), max(1, cores() - 1), cores()}):
            C.llama_set_n_threads(self.handle, n, self._n_threads_batch)
            self.decode([0], [0], 0, outputs=False)  # threads are started by the first batch
            times: list[float] = []
            until = time.monotonic() + _TRIAL_S
            while len(times) < 3 or time.monotonic() < until:
                began = time.monotonic()
                self.decode([0], [len(times) + 1], 0, outputs=False)
                times.append((time.monotonic() - began) * 1000)
                if sum(times) > 10 * _TRIAL_S * 1000:
                    break
            costs_ms[n] = float(np.median(times))
            C.llama_memory_seq_rm(self.memory, 0, -1, -1)
        best = min(costs_ms.values())
        self.use_threads(min(n for n, cost in costs_ms.items() if cost <= 1.1 * best))

    @property
    def n_threads(self) -> int:
        """Threads that the next token is decoded with."""
        return _half(self._n_threads) if self._sparing else self._n_threads

    def use_threads(self, n: int) -> None:
        """Decode with `n` threads, or with half of them while sparing."""
        self._n_threads = n
        self._set_threads()

    def spare(self, on: bool) -> None:
        """From any thread: see `studio.engine.Engine.spare`. A batch under way is left alone."""
        self._sparing = on

    def _set_threads(self) -> None:
        self._spared = spared = self._sparing
        decode, batch = self._n_threads, self._n_threads_batch
        if spared:
            decode, batch = _half(decode), _half(batch)
        C.llama_set_n_threads(self.handle, decode, batch)

    def close(self) -> None:
        C.llama_free(self.handle)

    def _try_to_rewind(self) -> bool:
        """Whether the end of a sequence can be taken back; recurrent models can't."""
        self.decode([0, 0], range(2), 0, outputs=False)
        self.sound = bool(np.isfinite(self.row(-1)).all())
        """Whether the first answer is made of numbers; a damaged file may load."""
        taken_back = bool(C.llama_memory_seq_rm(self.memory, 0, 1, -1))
        C.llama_memory_clear(self.memory, True)
        return taken_back


def cells(n_ctx: int, trained: int) -> int:
    """Cells of a KV cache for a context window of at most `n_ctx` tokens, or `trained` if set."""
    return (min(n_ctx, trained) if trained else n_ctx) + _SPARE_CELLS


def _half(n_threads: int) -> int:
    return max(1, n_threads // 2)


def cores() -> int:
    """The machine's physical cores."""
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def has_gpu() -> bool:
    """Whether this build of llama.cpp can offload layers to a device."""
    return bool(C.llama_supports_gpu_offload())


def full() -> RequestError:
    """The error for a cache that has no room even when all that is idle was dropped."""
    return RequestError(
        "The context window is full. Choose a larger one in Settings, or ask for fewer or shorter "
        "versions."
    )


def metadata(model: C.llama_model_p, key: str) -> str:
    """A value of the GGUF file's metadata as text; empty if there is none."""
    buffer = ctypes.create_string_buffer(256)
    n = C.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if n >= 0 else ""


def _why_no_context(options: LoadOptions, n_ctx: int, lines: list[str]) -> ModelFileError:
    for line in lines:
        log.info("llama.cpp: %s", line)
    name = f"‘{options.path.name}’"
    if any("does not divide" in line for line in lines):
        return ModelFileError(
            f"{name} can't remember its text in half the memory. Choose full precision in "
            "Settings, under Machine."
        )
    return ModelFileError(
        f"There is not enough memory for {name} with a context window of {n_ctx:,} tokens. "
        "Choose a smaller window in Settings, or a smaller model."
    )


def _flash_attention(options: LoadOptions) -> int:
    if options.flash_attention == "on" or options.kv_type != "f16":  # quantized V needs it
        return int(C.LLAMA_FLASH_ATTN_TYPE_ENABLED)
    if options.flash_attention == "off" or not has_gpu():
        # Exact over all sizes of batches, and on a CPU faster (docs/architecture.md).
        return int(C.LLAMA_FLASH_ATTN_TYPE_DISABLED)
    return int(C.LLAMA_FLASH_ATTN_TYPE_AUTO)
