"""Which of two model files is read and written faster here, in a process of its own.

`python -m studio.engine.reading_speed SOURCE COPY`, started by `faster`.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import llama_cpp.llama_cpp as C

from studio.engine import LoadOptions, native
from studio.engine.context import Context

_READ, _WRITTEN = 64, 8
"""Tokens that are measured: about what one suggestion takes."""
_ROUNDS = 5


def main() -> None:
    """Measure argv, a source and its copy, in turns.

    Tells on stdout after each round: how much is done, and how many times as fast the copy is.
    """
    native.start()
    contexts = []
    for path in sys.argv[1:]:
        params = C.llama_model_default_params()
        params.n_gpu_layers = 0
        model = C.llama_model_load_from_file(path.encode(), params)
        contexts.append(Context(model, LoadOptions(Path(path), n_ctx=512, gpu_layers=0)))

    def seconds(context: Context) -> float:
        tokens = [(7 * i) % context.n_vocab for i in range(_READ)]
        C.llama_memory_clear(context.memory, False)
        began = time.perf_counter()
        context.decode(tokens, range(_READ), 0, outputs=False)
        for i in range(_WRITTEN):
            context.decode([tokens[i]], [_READ + i], 0, outputs=False)
        return time.perf_counter() - began

    times: list[list[float]] = [[], []]
    for context in contexts:
        seconds(context)  # warm
    for n in range(1, _ROUNDS + 1):
        for context, taken in zip(contexts, times, strict=True):
            taken.append(seconds(context))
        ratio = statistics.median(times[0]) / statistics.median(times[1])
        print(n / _ROUNDS, ratio, flush=True)


if __name__ == "__main__":
    main()
