"""What the engine is measured against: the same library without our engine around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import llama_cpp.llama_cpp as C

from studio.engine import LoadOptions
from studio.engine.context import CHUNK, Context
from studio.engine.native import start


class BareLoop:
    """`llama_decode` and the likeliest token, in a context made as the engine makes its own."""

    def __init__(self, path: Path, n_ctx: int, n_threads: int) -> None:
        start()
        self._model = C.llama_model_load_from_file(
            str(path).encode(), C.llama_model_default_params()
        )
        options = LoadOptions(path, n_ctx=n_ctx)
        self._context = Context(self._model, options)
        self._context.use_threads(n_threads)

    def decode_ms(self, prompt: list[int], n: int) -> float:
        """Milliseconds per token, for `n` tokens after `prompt`."""
        context = self._context
        C.llama_memory_clear(context.memory, False)
        for at in range(0, len(prompt), CHUNK):
            chunk = prompt[at : at + CHUNK]
            context.decode(chunk, range(at, at + len(chunk)), 0, outputs=False)
        token = int(context.row(-1).argmax())
        began = time.perf_counter()
        for i in range(n):
            context.decode([token], [len(prompt) + i], 0, outputs=False)
            token = int(context.row(-1).argmax())
        return (time.perf_counter() - began) * 1000 / n

    def close(self) -> None:
        self._context.close()
        C.llama_model_free(self._model)


class HighLevel:
    """`llama_cpp.Llama`, as its own documentation uses it, greedy."""

    def __init__(self, path: Path, n_ctx: int, n_threads: int, n_threads_batch: int) -> None:
        self._llama = llama_cpp.Llama(
            str(path),
            n_ctx=n_ctx,
            n_threads=n_threads,
            n_threads_batch=n_threads_batch,
            verbose=False,
        )

    def stream(self, prompt: str, n: int) -> Iterator[str]:
        """`n` tokens after `prompt` as they come."""
        chunks = self._llama.create_completion(prompt, max_tokens=n, temperature=0.0, stream=True)
        for chunk in chunks:
            yield chunk["choices"][0]["text"]

    def close(self) -> None:
        self._llama.close()
