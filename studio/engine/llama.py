"""The engine over llama.cpp: a prefix cache, batches, healing and cancellation.

Several sequences share one unified KV cache. Each remembers the tokens that were evaluated for
it; a request takes the one that begins most like its prompt and evaluates only what differs.
A sequence whose own end is worth keeping is copied first, which costs nothing: the copy
shares its cells. Work is done in small steps, so that requests can take turns.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp.llama_cpp as C
import numpy as np
import psutil
from numpy.typing import NDArray

from studio.engine import (
    MAX_VERSIONS,
    Capabilities,
    Ended,
    EngineError,
    Event,
    Finished,
    LoadOptions,
    ModelFileError,
    Piece,
    Reading,
    Request,
    RequestError,
    Score,
    Token,
    Why,
    native,
)
from studio.engine.model_file import refuse_unfit, why_not_loaded
from studio.engine.output import Output, Phrases, Verdict
from studio.engine.sampler import Sampler, grammar_of, log_softmax_of
from studio.engine.vocabulary import Vocabulary

log = logging.getLogger(__name__)

CHUNK = 64
"""Rows evaluated at a time: what a cancelled prompt may still cost on a CPU."""
SEQUENCES = 16
_PARK_ABOVE = 48
"""A sequence that would lose more tokens than this is copied rather than cut."""
_SPARE_CELLS = 1024
"""Cells beyond the context window, for drafts and versions beside the document."""
_PENALTY_TOKENS = 512
_READING_ABOVE = 256


@dataclass
class _Sequence:
    """One sequence of the KV cache and what is in it."""

    id: int
    tokens: list[int] = field(default_factory=list)
    busy: bool = False
    used: int = 0
    row_at: int = -1
    """`row` holds the logits after so many tokens; -1 for none."""
    row: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class _Chosen:
    """A token of a version, and what it takes to choose otherwise in its place."""

    at: int
    """Its place in the sequence."""
    token: int
    log_prob: float
    row: NDArray[np.float32]
    spell: bytes
    """What was still to be spelled before it."""


@dataclass
class _Version:
    """One version being written."""

    index: int
    sequence: _Sequence
    sampler: Sampler
    output: Output[_Chosen]
    spell: bytes
    tokens: list[int]
    """Prompt and what was chosen; the last one is not evaluated yet."""
    generated: int = 0
    taken_back: int = 0
    bans: dict[int, list[int]] = field(default_factory=dict)
    """Tokens that led to a banned phrase, by their place in the sequence."""
    why: Why | None = None


class LlamaEngine:
    """A GGUF model, loaded. Raises `ModelFileError` when it can't be."""

    def __init__(
        self, options: LoadOptions, on_progress: Callable[[float], None] | None = None
    ) -> None:
        native.start()
        self._model: C.llama_model_p | None = None
        self._context: C.llama_context_p | None = None
        refuse_unfit(options.path)
        # One core is left to the window: decoding waits for its slowest thread.
        n_threads = options.n_threads or max(1, cores() - 1)
        with native.captured_log() as lines:
            self._model = _load_model(options, on_progress)
        if not self._model:
            raise why_not_loaded(options.path, lines)
        try:
            self._open_context(options, n_threads)
            self.vocabulary = Vocabulary(self._model)
            self.capabilities = self._describe(options.path, n_threads, lines)
        except BaseException:
            self.close()
            raise
        self._batch = native.Batch(max(CHUNK, SEQUENCES))
        self._sequences = [_Sequence(i) for i in range(SEQUENCES)]
        self._clock = 0

    def stream(self, request: Request) -> Iterator[Event | None]:
        """See `studio.engine.Engine.stream`."""
        free = not (request.grammar or request.json_schema)  # a grammar begins with the new text
        healing = self.vocabulary.heal(request.prompt) if request.heal and free else None
        if healing:
            prompt, spell = list(healing.tokens), healing.spell
        else:
            prompt = self.vocabulary.tokenize(request.prompt) or self.vocabulary.beginning()
            spell = b""
        if len(prompt) + 8 > self.capabilities.n_ctx:
            raise RequestError(
                f"The text is too long for the model: {len(prompt):,} tokens, and its context "
                f"window holds {self.capabilities.n_ctx:,}. Choose a larger window in Settings."
            )
        sequence, reused = self._acquire(prompt)
        owned = [sequence]
        versions: list[_Version] = []
        try:
            began = time.monotonic()
            yield from self._evaluate(sequence, prompt)
            prompt_ms = (time.monotonic() - began) * 1000
            began = time.monotonic()
            row = sequence.row
            if row is None:
                raise EngineError("The model gave no answer after the prompt.")
            for index in range(request.versions):
                if index:
                    owned.append(self._fork(sequence, len(prompt)))
                versions.append(self._open_version(request, index, owned[-1], spell, prompt))
            for version in versions:
                yield from self._choose(version, row, request)
            while running := [v for v in versions if v.why is None]:
                yield from self._step(running, request)
            yield Finished(
                prompt_tokens=len(prompt),
                reused_tokens=reused,
                generated_tokens=sum(v.generated for v in versions),
                prompt_ms=prompt_ms,
                decode_ms=(time.monotonic() - began) * 1000,
            )
        finally:
            for version in versions:
                version.sampler.close()
            for each in owned:
                each.busy = False
            for each in owned[1:]:
                self._cut(each, 0)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """See `studio.engine.Engine.tokenize`."""
        return self.vocabulary.tokenize(text, special=special)

    def score(self, text: str, *, alternatives: int = 0) -> Score:
        """See `studio.engine.Engine.score`."""
        tokens = self.vocabulary.tokenize(text)
        return Score(
            tuple(
                self._insight(tokens[start + i + 1], row, alternatives)
                for start, rows in self._all_logits(tokens[:-1])
                for i, row in enumerate(rows)
            )
        )

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """See `studio.engine.Engine.logits`."""
        n_vocab = self.vocabulary.n_tokens
        if any(not 0 <= token < n_vocab for token in tokens):
            raise RequestError(f"A token is outside of the vocabulary of {n_vocab:,}.")
        parts = [rows for _, rows in self._all_logits(list(tokens))]
        return np.concatenate(parts) if parts else np.zeros((0, n_vocab), np.float32)

    def interrupt(self) -> None:
        """See `studio.engine.Engine.interrupt`."""
        self._abort.set()

    def close(self) -> None:
        """See `studio.engine.Engine.close`."""
        if self._context:
            C.llama_free(self._context)
            self._context = None
        if self._model:
            C.llama_model_free(self._model)
            self._model = None

    # -- sequences -------------------------------------------------------------------------

    def _acquire(self, prompt: list[int]) -> tuple[_Sequence, int]:
        """A sequence that holds the longest known beginning of `prompt`, and its length."""
        idle = [s for s in self._sequences if not s.busy]
        best = max(self._sequences, key=lambda s: (_common(s.tokens, prompt), not s.busy))
        shared = _common(best.tokens, prompt)
        if not idle:
            raise RequestError("Too many texts are being written at once. Stop one of them.")
        lost = len(best.tokens) - shared
        if best.busy or (lost > _PARK_ABOVE and shared < len(prompt)):
            target = min((s for s in idle if s is not best), key=lambda s: s.used, default=best)
            if target is not best:
                self._cut(target, 0)
                self._copy(best, target, shared)
                best = target
        best.busy = True
        self._touch(best)
        return best, shared

    def _fork(self, source: _Sequence, n: int) -> _Sequence:
        """Another sequence with the first `n` tokens of `source`."""
        idle = [s for s in self._sequences if not s.busy]
        if not idle:
            raise RequestError("Too many versions are being written at once. Ask for fewer.")
        target = min(idle, key=lambda s: s.used)
        self._cut(target, 0)
        self._copy(source, target, n)
        target.busy = True
        self._touch(target)
        return target

    def _copy(self, source: _Sequence, target: _Sequence, n: int) -> None:
        """Give the empty `target` the first `n` tokens of `source`."""
        if n == 0:
            return
        if not self.capabilities.can_rewind and n < len(source.tokens):
            return  # a recurrent state can't be copied up to a place in its past
        C.llama_memory_seq_cp(self._memory, source.id, target.id, 0, n)
        target.tokens = source.tokens[:n]
        if source.row_at <= n:
            target.row_at, target.row = source.row_at, source.row

    def _cut(self, sequence: _Sequence, n: int) -> None:
        """Keep the first `n` tokens of a sequence, or none where it can't be taken back."""
        if n < len(sequence.tokens):
            kept = n > 0 and C.llama_memory_seq_rm(self._memory, sequence.id, n, -1)
            if not kept:
                C.llama_memory_seq_rm(self._memory, sequence.id, -1, -1)
                n = 0
            del sequence.tokens[n:]
        if sequence.row_at > len(sequence.tokens):
            sequence.row_at, sequence.row = -1, None

    def _touch(self, sequence: _Sequence) -> None:
        self._clock += 1
        sequence.used = self._clock

    def _make_room(self) -> bool:
        """Drop the sequence that has been idle longest; whether there was one."""
        idle = [s for s in self._sequences if not s.busy and s.tokens]
        if not idle:
            return False
        self._cut(min(idle, key=lambda s: s.used), 0)
        return True

    # -- evaluation ------------------------------------------------------------------------

    def _evaluate(self, sequence: _Sequence, prompt: list[int]) -> Iterator[Event | None]:
        """Bring a sequence to `prompt`, with the logits after it in its `row`."""
        shared = _common(sequence.tokens, prompt)
        if shared == len(prompt) and sequence.row_at == shared:
            self._cut(sequence, shared)
            if len(sequence.tokens) == shared:
                return
        self._cut(sequence, min(shared, len(prompt) - 1))
        first = len(sequence.tokens)
        while len(sequence.tokens) < len(prompt):
            at = len(sequence.tokens)
            chunk = prompt[at : at + CHUNK]
            positions = range(at, at + len(chunk))
            if self._decode(self._batch.fill(chunk, positions, sequence.id, False)):
                sequence.tokens.extend(chunk)
                if len(sequence.tokens) == len(prompt):
                    sequence.row, sequence.row_at = self._row(-1), len(prompt)
                if len(prompt) - first > _READING_ABOVE:
                    yield Reading(len(sequence.tokens) - first, len(prompt) - first)
            yield None

    def _decode(self, batch: C.llama_batch) -> bool:
        """Evaluate one batch; False if it was interrupted and has left nothing behind."""
        while True:
            code = C.llama_decode(self._context, batch)
            if code == 0:
                return True
            if code == 2:
                self._abort.clear()
                return False
            if code == 1 and self._make_room():
                continue
            if code == 1:
                raise RequestError(
                    "The context window is full. Choose a larger one in Settings, or ask for "
                    "fewer or shorter versions."
                )
            raise EngineError(f"The model could not go on (llama.cpp answered {code}).")

    def _row(self, index: int) -> NDArray[np.float32]:
        """Logits of one output row of the last batch, without the tokens that are no text."""
        row = native.logits_row(self._context, index, self.vocabulary.n_tokens)
        row[self.vocabulary.never] = -np.inf
        return row

    def _all_logits(self, tokens: list[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Logits after every token, in parts: (index of the first, rows of float32)."""
        if len(tokens) > self.capabilities.n_ctx:
            raise RequestError(
                f"The text has {len(tokens):,} tokens, and the context window holds "
                f"{self.capabilities.n_ctx:,}."
            )
        sequence, _ = self._acquire([])
        try:
            self._cut(sequence, 0)
            for at in range(0, len(tokens), CHUNK):
                chunk = tokens[at : at + CHUNK]
                batch = self._batch.fill(chunk, range(at, at + len(chunk)), sequence.id, True)
                while not self._decode(batch):
                    pass  # an interrupt is meant for streams; this goes on
                sequence.tokens.extend(chunk)
                pointer = C.llama_get_logits(self._context)
                shape = (len(chunk), self.vocabulary.n_tokens)
                yield at, np.ctypeslib.as_array(pointer, shape).copy()
        finally:
            self._cut(sequence, 0)
            sequence.busy = False

    # -- versions --------------------------------------------------------------------------

    def _open_version(
        self, request: Request, index: int, sequence: _Sequence, spell: bytes, prompt: list[int]
    ) -> _Version:
        output: Output[_Chosen] = Output(Phrases.of(request.stop, request.banned))
        sampler = self._sampler(request, index, prompt)
        return _Version(index, sequence, sampler, output, spell, list(prompt))

    def _sampler(self, request: Request, seed_offset: int, tokens: list[int]) -> Sampler:
        sampler = Sampler(
            request.sampling,
            request.sampling.seed + seed_offset,
            self.vocabulary.handle,
            self.vocabulary.n_tokens,
            grammar=grammar_of(request),
        )
        sampler.remember(tokens[-_PENALTY_TOKENS:])
        return sampler

    def _step(self, running: list[_Version], request: Request) -> Iterator[Event | None]:
        """One more token for each version, in one batch."""
        batch = self._batch.fill(
            [v.tokens[-1] for v in running],
            [len(v.sequence.tokens) for v in running],
            [v.sequence.id for v in running],
            outputs=True,
        )
        if not self._decode(batch):
            yield None
            return
        rows = [self._row(i) for i in range(len(running))]
        for version, row in zip(running, rows, strict=True):
            version.sequence.tokens.append(version.tokens[-1])
            yield from self._choose(version, row, request)
        yield None

    def _choose(
        self, version: _Version, row: NDArray[np.float32], request: Request
    ) -> Iterator[Event | None]:
        """Choose a version's next token and tell what it adds to the text."""
        while True:
            chosen = self._next(version, row)
            if chosen is None or chosen.token in self.vocabulary.ends:
                yield from self._end(version, Why.END, request)
                return
            piece = self.vocabulary.pieces[chosen.token]
            version.tokens.append(chosen.token)
            version.spell = chosen.spell[len(piece) :]
            new = piece[len(chosen.spell) :]
            version.generated += bool(new)
            text, told, verdict = version.output.add(chosen, new)
            if verdict is not Verdict.BANNED:
                break
            row = yield from self._take_back(version, request)
        if text:
            yield self._piece(version, text, told, request)
        if verdict is Verdict.STOP:
            yield from self._end(version, Why.STOP, request)
        elif version.generated >= request.max_tokens:
            yield from self._end(version, Why.LENGTH, request)
        elif len(version.tokens) >= self.capabilities.n_ctx:
            yield from self._end(version, Why.CONTEXT, request)

    def _next(self, version: _Version, row: NDArray[np.float32]) -> _Chosen | None:
        """The next token of a version; None if there is none that may come."""
        at = len(version.tokens)
        banned = version.bans.get(at)
        if banned:
            row = row.copy()
            row[banned] = -np.inf
        allowed = self.vocabulary.spelling(version.spell) if version.spell else None
        if np.isneginf(row if allowed is None else row[allowed]).all():
            return None
        token = version.sampler.choose(row, allowed)
        log_prob = log_softmax_of(row if allowed is None else row[allowed], token, allowed)
        return _Chosen(at, token, log_prob, row, version.spell)

    def _take_back(
        self, version: _Version, request: Request
    ) -> Generator[Event | None, None, NDArray[np.float32]]:
        """Go back to where a banned phrase began; the logits there."""
        undone = version.output.take_back()
        first = undone[0]
        version.bans.setdefault(first.at, []).append(first.token)
        version.spell = first.spell
        pieces = self.vocabulary.pieces
        version.generated -= sum(len(pieces[each.token]) > len(each.spell) for each in undone)
        version.taken_back += 1
        del version.tokens[first.at :]
        self._cut(version.sequence, first.at)
        if len(version.sequence.tokens) < first.at:  # a model that can't be taken back
            yield from self._evaluate(version.sequence, version.tokens)
        version.sampler.close()
        seed_offset = version.index + MAX_VERSIONS * version.taken_back
        version.sampler = self._sampler(request, seed_offset, version.tokens)
        return first.row

    def _piece(self, version: _Version, text: str, told: list[_Chosen], request: Request) -> Piece:
        probability = float(np.exp(sum(chosen.log_prob for chosen in told)))
        tokens = (
            tuple(self._insight(c.token, c.row, request.alternatives) for c in told)
            if request.alternatives
            else ()
        )
        return Piece(version.index, text, probability, tokens)

    def _insight(self, token: int, row: NDArray[np.float32], alternatives: int) -> Token:
        """A token and the likeliest ones in its place."""
        pieces = self.vocabulary.pieces
        shift = float(row.max())
        log_sum = shift + float(np.log(np.exp(row - shift).sum(dtype=np.float64)))
        likeliest: list[int] = []
        if alternatives:
            top = np.argpartition(row, -alternatives)[-alternatives:]
            likeliest = top[np.argsort(-row[top], kind="stable")].tolist()
        return Token(
            id=token,
            spelling=pieces[token],
            log_prob=float(row[token]) - log_sum,
            rank=int((row > row[token]).sum()),
            alternatives=tuple((t, pieces[t], float(row[t]) - log_sum) for t in likeliest),
        )

    def _end(self, version: _Version, why: Why, request: Request) -> Iterator[Event]:
        version.why = why
        text, told = version.output.rest()
        if text:
            yield self._piece(version, text, told, request)
        yield Ended(version.index, why)

    # -- loading ---------------------------------------------------------------------------

    def _open_context(self, options: LoadOptions, n_threads: int) -> None:
        params = C.llama_context_default_params()
        self._n_ctx = min(options.n_ctx, C.llama_model_n_ctx_train(self._model) or options.n_ctx)
        params.n_ctx = self._n_ctx + _SPARE_CELLS
        params.n_batch = params.n_ubatch = max(CHUNK, SEQUENCES)
        params.n_seq_max = SEQUENCES
        params.kv_unified = True
        params.n_threads = n_threads
        params.n_threads_batch = options.n_threads or cores()
        params.no_perf = True
        if not C.llama_supports_gpu_offload():
            # Exact over all chunk sizes, and on a CPU no slower (docs/architecture.md).
            params.flash_attn_type = C.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = C.llama_init_from_model(self._model, params)
        if not self._context:
            raise ModelFileError(
                f"There is not enough memory for ‘{options.path.name}’ with a context window of "
                f"{self._n_ctx:,} tokens. Choose a smaller window in Settings, or a smaller model."
            )
        self._memory = C.llama_get_memory(self._context)
        self._abort = native.AbortFlag()
        self._abort.install(self._context)

    def _describe(self, path: Path, n_threads: int, lines: list[str]) -> Capabilities:
        return Capabilities(
            name=path.stem,
            path=path,
            architecture=self._metadata("general.architecture"),
            n_params=C.llama_model_n_params(self._model),
            n_ctx=self._n_ctx,
            n_ctx_train=C.llama_model_n_ctx_train(self._model),
            n_vocab=self.vocabulary.n_tokens,
            device=_device(lines, n_threads),
            can_shift=bool(C.llama_memory_can_shift(self._memory)),
            can_rewind=not (
                C.llama_model_is_recurrent(self._model) or C.llama_model_is_hybrid(self._model)
            ),
        )

    def _metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(256)
        n = C.llama_model_meta_val_str(self._model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if n >= 0 else ""


def cores() -> int:
    """The machine's physical cores."""
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def _load_model(
    options: LoadOptions, on_progress: Callable[[float], None] | None
) -> C.llama_model_p | None:
    def report(fraction: float, _user: ctypes.c_void_p) -> bool:
        if on_progress:
            on_progress(fraction)
        return True

    params = C.llama_model_default_params()
    params.n_gpu_layers = options.gpu_layers
    params.progress_callback = C.llama_progress_callback(report)
    return C.llama_model_load_from_file(str(options.path).encode(), params)


def _device(lines: list[str], n_threads: int) -> str:
    """Where the model computes, in words, from llama.cpp's log of loading it."""
    cpu = f"CPU, {n_threads} thread{'s' if n_threads != 1 else ''}"
    gpus = [line.split("(", 1)[1].split(")")[0] for line in lines if "using device " in line]
    layers = [line.split("offloaded ")[1] for line in lines if "offloaded " in line]
    if not gpus or not layers or layers[-1].startswith("0/"):
        return cpu
    share = layers[-1].split(" ")[0].replace("/", " of ")
    return f"{' and '.join(gpus)}, {share} layers"


def _common(a: list[int], b: list[int]) -> int:
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
