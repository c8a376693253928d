"""The engine over llama.cpp: one model, its context, and the requests that take turns on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine import (
    AdapterSet,
    Capabilities,
    EngineError,
    Evaluating,
    Event,
    Finished,
    LoadOptions,
    Priority,
    Query,
    Reading,
    ReadingAhead,
    Request,
    RequestError,
    Score,
    Scoring,
    logits_of,
    native,
)
from studio.engine.adapters import Adapters
from studio.engine.cache import IDLE_STEP_S, Cache, common
from studio.engine.context import Context, metadata
from studio.engine.devices import Gpu, automatic_layers, gpus, in_words, layers_by_device
from studio.engine.faster import Copies
from studio.engine.infill import Infill
from studio.engine.model_file import damaged, refuse_unfit, why_not_loaded
from studio.engine.queries import Queries
from studio.engine.sequence import AdapterKey
from studio.engine.threads import settle_threads
from studio.engine.versions import Versions
from studio.engine.vocabulary import Vocabulary

log = logging.getLogger(__name__)

_MARGIN = 8
"""Tokens that must be left in the context window after a prompt."""
_NEAREST = 512
"""After a change of adapters the first answers are read from so many tokens."""
_WORTH_WAITING = 128
"""The whole prompt is evaluated at once if that takes at most so many tokens more."""
_HASTY_S, _HASTY_NEAREST_S = 1.5, 0.35
"""A hasty answer is read from the end of the prompt where the whole would take longer than the
first; that end takes the second."""
_LEAST_NEAREST = 64
_ALIKE = 256
"""So many bytes are taken for the same place of a text."""


@dataclass(frozen=True)
class _Behind:
    """A prompt that was answered from its end alone and is still to be evaluated as a whole."""

    prompt: list[int]
    key: AdapterKey
    start: int
    """Where the end that was read begins."""


class LlamaEngine:
    """A GGUF model, loaded. Raises `ModelFileError` when it can't be."""

    def __init__(
        self, options: LoadOptions, on_progress: Callable[[float], None] | None = None
    ) -> None:
        native.start()
        self._model: C.llama_model_p | None = None
        self._context: Context | None = None
        devices = gpus() if options.gpu_layers else []
        # A GPU reads every format quickly.
        copy = None if devices else Copies(options.copies).find(options.path)
        try:
            lines, context = self._open(copy or options.path, options, devices, on_progress)
        except EngineError:
            if copy is None:
                raise
            log.warning("%s can't be used, so its source is", copy, exc_info=True)
            copy = None
            lines, context = self._open(options.path, options, devices, on_progress)
        self._layers = layers_by_device(lines)
        self._infill = Infill.of(self._model, self.vocabulary)
        self._adapters = Adapters(self._model, context)
        self._cache = Cache(context, self.vocabulary.never, self._adapters.use)
        self._behind: _Behind | None = None
        self._queries = Queries(self.vocabulary, context, self._cache, self._adapters)
        self.capabilities = replace(
            _describe(self._model, context, options, self._layers, self._infill), copy=copy
        )

    def _open(
        self,
        weights: Path,
        options: LoadOptions,
        devices: list[Gpu],
        on_progress: Callable[[float], None] | None,
    ) -> tuple[list[str], Context]:
        """Load a file; llama.cpp's log of that, and the context. Raises `ModelFileError`."""
        refuse_unfit(weights, sum(device.free_bytes for device in devices))
        self._model, lines = _load_model(weights, options, devices, on_progress)
        if not self._model:
            raise why_not_loaded(weights, lines)
        try:
            self._context = context = Context(self._model, options)
            if not context.sound:
                raise damaged(weights)
            if options.n_threads is None:
                again = options.measure_threads
                settle_threads(context, weights, options.threads_memo, again=again)
            self.vocabulary = Vocabulary(self._model)
        except BaseException:
            self.close()
            raise
        return lines, context

    @property
    def n_threads(self) -> int:
        """Threads that it decodes with."""
        return self._context.n_threads if self._context else 0

    @property
    def evaluated_tokens(self) -> int:
        """Tokens evaluated since the model was loaded, those of prompts and generated ones."""
        return self._context.evaluated if self._context else 0

    @property
    def generated_tokens(self) -> int:
        """How many of these were generated."""
        return self._cache.generated

    def stream(self, request: Request) -> Iterator[Event | None]:
        """See `studio.engine.Engine.stream`."""
        prompt, spell = self._prompt(request)
        if len(prompt) + _MARGIN > self.capabilities.n_ctx:
            raise RequestError(
                f"The text is too long for the model: {len(prompt):,} tokens, and its context "
                f"window holds {self.capabilities.n_ctx:,}. Choose a larger window in Settings."
            )
        key = self._adapters.load(request.adapters)
        whole, prompt = prompt, self._nearest(prompt, key, request)
        sequence, reused = self._cache.acquire(prompt, key)
        forks = []
        try:
            versions = Versions(request, self.vocabulary, self._cache, self.capabilities.n_ctx)
            try:
                began = time.monotonic()
                yield from self._cache.evaluate(sequence, prompt)
                prompt_ms = (time.monotonic() - began) * 1000
                yield Reading(len(prompt) - reused, len(prompt) - reused)
                row = sequence.rows[len(prompt)]
                began = time.monotonic()
                first = sequence
                if not self.capabilities.can_rewind:
                    # What a version writes could not be taken back: the prompt stays as it is.
                    first = self._cache.fork(sequence, len(prompt))
                    forks.append(first)
                versions.open(first, prompt, spell)
                for _ in range(request.versions - 1):
                    forks.append(self._cache.fork(sequence, len(prompt)))
                    versions.open(forks[-1], prompt, spell)
                yield from versions.write(row)
                yield Finished(
                    prompt_tokens=len(whole),
                    reused_tokens=reused,
                    generated_tokens=versions.generated,
                    prompt_ms=prompt_ms,
                    decode_ms=(time.monotonic() - began) * 1000,
                    exact=prompt is whole and not sequence.shifted,
                )
            finally:
                versions.close()
        finally:
            self._cache.release(sequence)
            for fork in forks:
                self._cache.drop(fork)

    def catch_up(self) -> Iterator[None]:
        """See `studio.engine.Engine.catch_up`."""
        while behind := self._behind:
            for _ in self._read(behind.prompt, behind.key):
                yield None
            if self._behind is behind:
                self._behind = None
        while self._cache.tidy():
            yield None

    def answer(self, query: Query) -> Iterator[Event | None]:
        """See `studio.engine.Engine.answer`."""
        if isinstance(query, ReadingAhead):
            return self._read_ahead(query)
        return self._queries.answer(query)

    def serves(self, request: Request | Query) -> bool:
        """See `studio.engine.Engine.serves`."""
        under_way = self._cache.under_way
        if under_way is None:
            return True  # nothing is lost by letting it go on to its next step
        sequence, added = under_way
        if sequence is None or not isinstance(request, Request | ReadingAhead):
            return False
        if self._adapters.known(request.adapters) != sequence.key:
            return False
        pieces = self.vocabulary.pieces
        # Some tokenizers put a space before a text.
        read = b"".join(pieces[token] for token in [*sequence.tokens, *added]).lstrip(b" ")
        wanted = request.prompt.encode("utf-8").lstrip(b" ")
        return _same_text(read, wanted) or _same_text(wanted, read)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """See `studio.engine.Engine.tokenize`."""
        return self.vocabulary.tokenize(text, special=special)

    def score(
        self, text: str, *, start: int = 0, alternatives: int = 0, adapters: AdapterSet = ()
    ) -> Score:
        """See `studio.engine.Engine.score`."""
        return Score.of(self.answer(Scoring(text, start, alternatives, adapters)))

    def logits(self, tokens: Sequence[int], *, adapters: AdapterSet = ()) -> NDArray[np.float32]:
        """See `studio.engine.Engine.logits`."""
        return logits_of(self.answer(Evaluating(tuple(tokens), adapters)), len(tokens))

    def interrupt(self) -> None:
        """See `studio.engine.Engine.interrupt`."""
        if self._context:
            self._context.interrupt()

    def spare(self, on: bool) -> None:
        """See `studio.engine.Engine.spare`."""
        if self._context:
            self._context.spare(on)
            n = self._context.n_threads
            self.capabilities = replace(
                self.capabilities, device=in_words(self._layers, n), n_threads=n, sparing=on
            )

    def close(self) -> None:
        """See `studio.engine.Engine.close`."""
        if self._context:
            self._context.close()
            self._context = None
        if self._model:
            C.llama_model_free(self._model)
            self._model = None

    def _read_ahead(self, query: ReadingAhead) -> Iterator[Event | None]:
        prompt, _ = self._prompt(query)
        if len(prompt) + _MARGIN > self.capabilities.n_ctx:
            yield Finished(len(prompt), 0, 0, 0.0, 0.0)  # who asks for an answer is told
            return
        key = self._adapters.load(query.adapters)
        reused = self._cache.known(prompt, key)
        began = time.monotonic()
        if reused < len(prompt):
            yield from self._read(prompt, key)  # and tells how far it is: silence would be a hang
        yield Finished(len(prompt), reused, 0, (time.monotonic() - began) * 1000, 0.0)

    def _read(self, prompt: list[int], key: AdapterKey) -> Iterator[Reading | None]:
        """Evaluate a prompt in idle time."""
        sequence, _ = self._cache.acquire(prompt, key)
        try:
            yield from self._cache.evaluate(sequence, prompt, IDLE_STEP_S)
        finally:
            self._cache.release(sequence)

    def _prompt(self, request: Request | ReadingAhead) -> tuple[list[int], bytes]:
        """The tokens to evaluate, and what the first generated ones must spell."""
        vocabulary = self.vocabulary
        free = not isinstance(request, Request) or not (request.grammar or request.json_schema)
        if request.heal and free:  # a grammar begins with the new text
            healing = vocabulary.heal(request.prompt)
            before, spell = healing.tokens, healing.spell
        else:
            before, spell = vocabulary.tokenize(request.prompt) or vocabulary.beginning(), b""
        if request.suffix and self._infill:
            after = vocabulary.tokenize(request.suffix, start=False)
            return self._infill.arrange(before, after), spell
        return before, spell

    def _nearest(self, prompt: list[int], key: AdapterKey, request: Request) -> list[int]:
        """`prompt`, or its end alone, while the whole waits for idle time.

        That is for suggestions, which would come too late: after a change of adapters, and where
        they are hasty and much is unread. The end begins at the same token from one keystroke to
        the next, so that it is evaluated once.
        """
        behind = self._behind if self._behind and self._behind.key == key else None
        if request.priority is not Priority.INLINE or (request.suffix and self._infill):
            return prompt
        nearest = _NEAREST
        if behind is None and self._cache.known_otherwise(prompt, key) <= len(prompt) // 2:
            rate = self._context.rate if self._context else None
            unread = len(prompt) - self._cache.known(prompt, key)
            if not request.hasty or rate is None or unread <= rate * _HASTY_S:
                return prompt
            nearest = max(_LEAST_NEAREST, min(_NEAREST, int(rate * _HASTY_NEAREST_S)))
        if behind and common(prompt, behind.prompt) >= behind.start:
            start = behind.start
        else:
            start = max(0, len(prompt) - nearest)
        bos = prompt[:1] if prompt[:1] == self.vocabulary.tokenize("")[:1] else []
        end = [*bos, *prompt[max(start, len(bos)) :]]
        whole_costs = len(prompt) - self._cache.known(prompt, key)
        if whole_costs <= len(end) - self._cache.known(end, key) + _WORTH_WAITING:
            return prompt
        self._behind = _Behind(prompt, key, start)
        return end


def _same_text(beginning: bytes, text: bytes) -> bool:
    """Whether `text` begins at some place of `beginning` and one goes on as the other does.

    A window over a text may have moved on, and of a prompt only the end may have been read.
    """
    at = beginning.find(text[:_ALIKE])
    rest = beginning[at:]
    return at >= 0 and (rest.startswith(text) or text.startswith(rest))


def _load_model(
    weights: Path,
    options: LoadOptions,
    devices: list[Gpu],
    on_progress: Callable[[float], None] | None,
) -> tuple[C.llama_model_p | None, list[str]]:
    """The model, if it could be loaded, and llama.cpp's log of that."""

    def report(fraction: float, _user: object) -> bool:
        if on_progress:
            on_progress(fraction)
        return True

    def load(gpu_layers: int) -> tuple[C.llama_model_p | None, list[str]]:
        params = C.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.progress_callback = C.llama_progress_callback(report)
        with native.captured_log() as lines:
            return C.llama_model_load_from_file(str(weights).encode(), params), lines

    if options.gpu_layers >= 0:
        return load(options.gpu_layers)
    n = automatic_layers(options, devices)
    model, lines = load(n)
    if not model and devices and n and any("allocate" in line for line in lines):
        log.warning("%d layers did not fit on %s after all; none are put there", n, devices)
        return load(0)
    return model, lines


def _describe(
    model: C.llama_model_p,
    context: Context,
    options: LoadOptions,
    layers: tuple[tuple[str, int], ...],
    infill: Infill | None,
) -> Capabilities:
    return Capabilities(
        name=options.path.stem,
        path=options.path,
        architecture=metadata(model, "general.architecture"),
        n_params=C.llama_model_n_params(model),
        n_ctx=context.n_ctx,
        n_ctx_train=C.llama_model_n_ctx_train(model),
        n_vocab=context.n_vocab,
        device=in_words(layers, context.n_threads),
        can_shift=context.can_shift and context.can_rewind,
        can_rewind=context.can_rewind,
        can_infill=infill is not None,
        n_threads=context.n_threads,
        threads_measured=options.n_threads is None,
        layers=layers,
        flash_attention=context.flash_attention,
    )
