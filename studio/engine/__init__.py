"""Text out of a model: the small interface that every engine has.

An engine is asked with a `Request` and answers with a stream of `Event` values. Behind this
interface live the prefix cache, batches, token healing and the sampler chain; nothing here
imports llama.cpp, and the values cross the process border as they are (`studio.engine.client`
is the way to an engine in a worker process of its own).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


class EngineError(Exception):
    """Something about the engine that the writer should read: a sentence, and what to do."""


class ModelFileError(EngineError):
    """The model file can't be used: missing, cut short, not GGUF, unknown, or too big."""


class RequestError(EngineError):
    """The request itself can't be answered, such as an empty one or one past the context."""


def _within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside of its range, NaN included."""
    if not low <= value <= high:
        raise RequestError(f"{name} is {value}, but must be between {low:,.10g} and {high:,.10g}.")


def _whole(text: str) -> None:
    """Refuse a text with half a character."""
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise RequestError("The text holds half a character (a lone surrogate).")


def _strengths(adapters: AdapterSet) -> None:
    for path, strength in adapters:
        _within(f"The strength of ‘{path.name}’", strength, 0.0, 2.0)


AdapterSet = tuple[tuple[Path, float], ...]
"""LoRA adapters (GGUF files) and their strengths, 0 to 2."""


class Priority(IntEnum):
    """Whose turn it is when several requests wait; lower runs first."""

    INLINE = 0
    DRAFT = 1
    IDLE = 2


class Why(StrEnum):
    """Why a version ended."""

    LENGTH = "length"
    """`max_tokens` were generated."""
    END = "end"
    """The model says that the text ends here."""
    STOP = "stop"
    """One of the request's stop strings came; it is not part of the text."""
    CANCELLED = "cancelled"
    CONTEXT = "context"
    """The context window is full."""


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen; the stages run in the order of llama.cpp's own chain.

    `temperature` 0 is greedy: the likeliest token after penalties, whatever the cuts say.
    Values at which a stage does nothing are the defaults, but for `top_k` and `min_p`.
    """

    temperature: float = 0.8
    dynamic_range: float = 0.0
    """The temperature moves by so much either way with the entropy (arXiv 2309.02772)."""
    dynamic_exponent: float = 1.0
    top_k: int = 64
    top_p: float = 1.0
    """Nucleus (arXiv 1904.09751)."""
    min_p: float = 0.05
    """Keeps tokens of at least this share of the likeliest one's probability (2407.01082)."""
    typical_p: float = 1.0
    """Locally typical sampling (arXiv 2202.00666)."""
    top_n_sigma: float = 0.0
    """Keeps logits within so many standard deviations of the top (2411.07641); 0 is off."""
    xtc_probability: float = 0.0
    """How often the likeliest choices are left out (text-generation-webui PR 6335)."""
    xtc_threshold: float = 0.1
    """A choice may be left out if it, and a less likely one, are at least so probable."""
    dry_multiplier: float = 0.0
    """Strength of the penalty on repeating sequences (text-generation-webui PR 5677)."""
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_last_n: int = 512
    """How many tokens back DRY looks, at most the 512 last ones of the prompt."""
    dry_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_last_n: int = 256
    """How many tokens back the three penalties look, the prompt's included."""
    mirostat_tau: float = 0.0
    """Mirostat 2.0 (arXiv 2007.14966) aims at this surprise; it replaces the cuts. 0 is off."""
    mirostat_eta: float = 0.1
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(token, what is added to its logit); -inf forbids a token."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _SAMPLING_RANGES.items():
            _within(name, getattr(self, name), low, high)
        for token, bias in self.logit_bias:
            if token < 0 or bias != bias:
                raise RequestError(f"The bias {bias} on token {token} makes no sense.")
        if any(not text for text in self.dry_breakers):
            raise RequestError("A sequence breaker may not be empty.")


_SAMPLING_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 5.0),
    "dynamic_range": (0.0, 5.0),
    "dynamic_exponent": (0.01, 10.0),
    "top_k": (0, 1_000_000),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "top_n_sigma": (0.0, 20.0),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 1.0),
    "dry_multiplier": (0.0, 10.0),
    "dry_base": (1.0, 10.0),
    "dry_allowed_length": (1, 1_000),
    "dry_last_n": (0, 4_096),
    "repeat_penalty": (0.5, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "repeat_last_n": (0, 4_096),
    "mirostat_tau": (0.0, 20.0),
    "mirostat_eta": (0.0, 1.0),
    "seed": (0, 2**32 - 2),
}

GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True)
class Request:
    """One question to an engine.

    `prompt` is continued as plain text. With `heal`, the last, perhaps unfinished word of the
    prompt is backed up to its start and only tokens that spell its letters are allowed until
    they are spelled, so that a cursor in the middle of a word gets the word that is meant;
    the pieces begin after the typed letters all the same. `versions` run side by side in one
    batch, each with its own seed (`seed`, `seed + 1`, ...). `stop` strings end a version.
    """

    prompt: str
    max_tokens: int = 64
    sampling: Sampling = field(default_factory=Sampling)
    versions: int = 1
    stop: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    """Phrases that are never written, in any case; the text goes back and another way."""
    grammar: str = ""
    """GBNF (llama.cpp's grammars/README.md) that the generated text follows from its start."""
    json_schema: str = ""
    """The same as a JSON schema."""
    suffix: str = ""
    """What follows the cursor. Models that can fill in the middle (`can_infill`) read it; the
    others continue the prompt as if it were not there."""
    adapters: AdapterSet = ()
    alternatives: int = 0
    """How many of the likeliest tokens to tell at each place; with 0, `Piece.tokens` is empty."""
    heal: bool = True
    endings: tuple[tuple[str, float], ...] = ()
    """How the unfinished word at the end of the prompt may go on, each with a probability (0 to 1)
    that is added to the model's own for that whole word. For one version that is `GREEDY`, healed
    and without a grammar; the first `Piece` then has the probability of the word."""
    hasty: bool = False
    """An answer from the end of the prompt is better than a late one: where reading all of it would
    take more than a second or so, the rest is read in idle time (`Finished.exact`)."""
    priority: Priority = Priority.DRAFT

    def __post_init__(self) -> None:
        _within("max_tokens", self.max_tokens, 1, 1_000_000)
        _within("versions", self.versions, 1, MAX_VERSIONS)
        _within("alternatives", self.alternatives, 0, MAX_ALTERNATIVES)
        if any(not text for text in self.stop):
            raise RequestError("A stop text may not be empty.")
        if any(not text.strip() for text in self.banned):
            raise RequestError("A banned phrase may not be empty.")
        _strengths(self.adapters)
        for ending, probability in self.endings:
            _within(f"The probability of ‘{ending}’", probability, 0.0, 1.0)
        if any(not ending for ending, _ in self.endings):
            raise RequestError("An ending may not be empty.")
        chosen_freely = self.sampling == GREEDY and not (self.grammar or self.json_schema)
        if self.endings and not (chosen_freely and self.versions == 1 and self.heal):
            raise RequestError("Endings are for one greedy version that is healed.")
        if self.grammar and self.json_schema:
            raise RequestError("Give a grammar or a JSON schema, not both.")
        for text in (self.prompt, self.suffix, self.grammar, self.json_schema):
            _whole(text)
        others = (*self.stop, *self.banned, *self.sampling.dry_breakers)
        for text in (*others, *(ending for ending, _ in self.endings)):
            _whole(text)


MAX_ALTERNATIVES = 100
MAX_VERSIONS = 8
"""Versions that one request may ask for; the context holds a sequence for each."""


@dataclass(frozen=True)
class Tokenizing:
    """Ask which tokens a text is. The answer is one `Tokenized`.

    Nothing is evaluated for it: it waits for the batch under way, and for no draft. It takes
    about a millisecond for each kilobyte of text.
    """

    text: str
    special: bool = False
    """Read what looks like a special token, such as "<|im_end|>", as that token."""
    priority: Priority = Priority.INLINE

    def __post_init__(self) -> None:
        _whole(self.text)


@dataclass(frozen=True)
class Scoring:
    """Ask how likely a text is. The answer are `Scored` parts, told as they come.

    With `start` only the tokens from there on are told, and what stands before is taken from
    the cache as a prompt is: many endings of one beginning cost no more than the endings.
    """

    text: str
    start: int = 0
    """In code points. A token that only ends after it is told as well."""
    alternatives: int = 0
    """How many of the likeliest tokens to tell at each place."""
    adapters: AdapterSet = ()
    priority: Priority = Priority.DRAFT

    def __post_init__(self) -> None:
        if not self.text:
            raise RequestError("There is no text to be scored.")
        _whole(self.text)
        _within("start", self.start, 0, len(self.text) - 1)
        _within("alternatives", self.alternatives, 0, MAX_ALTERNATIVES)
        _strengths(self.adapters)


@dataclass(frozen=True)
class Evaluating:
    """Ask for the logits after each of some tokens, evaluated from an empty context.

    The answer are `Evaluated` parts, told as they come.
    """

    tokens: tuple[int, ...]
    adapters: AdapterSet = ()
    priority: Priority = Priority.DRAFT

    def __post_init__(self) -> None:
        if not self.tokens:
            raise RequestError("There are no tokens to be evaluated.")
        _strengths(self.adapters)


@dataclass(frozen=True)
class ReadingAhead:
    """Have a prompt read before anything is asked of it. The answer is `Finished` alone.

    It gives way to all else that is asked, at once where that is about another text, and goes on
    afterwards; a newer one takes the place of an older one. The fields are those of `Request`.
    """

    prompt: str
    suffix: str = ""
    adapters: AdapterSet = ()
    heal: bool = True
    priority: Priority = Priority.IDLE

    def __post_init__(self) -> None:
        _strengths(self.adapters)
        _whole(self.prompt)
        _whole(self.suffix)


@dataclass(frozen=True)
class Counting:
    """Ask what was computed. The answer is one `Counted`; counting begins with the first one."""

    priority: Priority = Priority.INLINE


Query = Tokenizing | Scoring | Evaluating | ReadingAhead | Counting
"""What is asked about a text that is there, rather than for more of it."""


def supersedes(newer: Request | Query, older: Request | Query) -> bool:
    """Whether one takes the place of another: a suggestion that of one, reading ahead likewise."""
    if isinstance(newer, ReadingAhead):
        return isinstance(older, ReadingAhead)
    return _is_suggestion(newer) and _is_suggestion(older)


def _is_suggestion(asked: Request | Query) -> bool:
    return isinstance(asked, Request) and asked.priority is Priority.INLINE


@dataclass(frozen=True)
class Token:
    """One token of a text, and what the model thought at its place."""

    id: int
    spelling: bytes
    """Its bytes; a character may be spread over several tokens."""
    log_prob: float
    """Natural logarithm of its probability, before the sampler had its say."""
    rank: int
    """0 for the likeliest."""
    alternatives: tuple[tuple[int, bytes, float], ...] = ()
    """The likeliest tokens there, first the likeliest: (id, bytes, log_prob)."""


@dataclass(frozen=True)
class Piece:
    """Some generated text of one version: whole characters, never part of one.

    `probability` is that of the tokens behind it, multiplied, before the sampler had its say;
    `tokens` are those, if the request asked for alternatives.
    """

    version: int
    text: str
    probability: float = 1.0
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How far the evaluation of a prompt has come, in tokens.

    Told after each batch of a long prompt, and once any prompt is read: then `done` is `total`, 0
    if all of it was evaluated already.
    """

    done: int
    total: int


@dataclass(frozen=True)
class Ended:
    """One version is complete."""

    version: int
    why: Why


@dataclass(frozen=True)
class Finished:
    """All versions are complete; what it cost."""

    prompt_tokens: int
    """Tokens of the whole prompt, also where only its end was read."""
    reused_tokens: int
    """Tokens of the part that was read which came from the cache."""
    generated_tokens: int
    prompt_ms: float
    decode_ms: float
    exact: bool = True
    """False if parts of the context were moved rather than evaluated at their places, or if
    only the end of the prompt was read: right after a change of adapters, or because it was asked
    for in haste (`Request.hasty`)."""


@dataclass(frozen=True)
class Tokenized:
    """The answer to `Tokenizing`: token ids, the model's BOS first if it has one."""

    tokens: tuple[int, ...]
    starts: tuple[int, ...] = ()
    """Where each begins in the text, in code points; not told with `special`."""


@dataclass(frozen=True)
class Scored:
    """Some more tokens of a `Scoring`, in the order of the text."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Some more rows of an `Evaluating`."""

    first: int
    """Which of the tokens the first row belongs to."""
    logits: NDArray[np.float32]
    """Shape (rows, n_vocab)."""


@dataclass(frozen=True)
class Counted:
    """The answer to `Counting`, in tokens."""

    evaluated: int
    """All that the model computed, read or generated, those of interrupted batches among them."""
    again: int
    """Those of them that it had computed before: the same token after the same 48."""
    interrupted: int
    """Those whose batch was interrupted, so that nothing came of it."""


Event = Piece | Reading | Ended | Tokenized | Scored | Evaluated | Counted | Finished


@dataclass(frozen=True)
class Capabilities:
    """What a loaded model is and can do."""

    name: str
    """As the file calls itself, such as "SmolLM2 135M Instruct"."""
    path: Path
    architecture: str
    n_params: int
    n_ctx: int
    """Tokens that the context window holds here."""
    n_ctx_train: int
    """Tokens that the model was trained for."""
    n_vocab: int
    device: str
    """In words: "CPU, 2 threads" or "NVIDIA ..., 31 of 31 layers"."""
    can_shift: bool
    """The context can be moved along without evaluating it again."""
    can_rewind: bool
    """The end of the context can be taken back at any place."""
    can_infill: bool
    """The model reads `Request.suffix`."""
    n_threads: int = 0
    """Threads that it decodes with on the CPU."""
    threads_measured: bool = False
    """Their number was found by measuring, on this machine and for this file."""
    sparing: bool = False
    """`n_threads` is half of what it else is: see `Engine.spare`."""
    layers: tuple[tuple[str, int], ...] = ()
    """(device, how many layers are there), "CPU" last; the output counts as one layer."""
    flash_attention: bool = False
    copy: Path | None = None
    """The file that was loaded in place of `path`: see `LoadOptions.copies`."""

    @property
    def gpu_layers(self) -> int:
        """Layers that are on a GPU."""
        return sum(n for device, n in self.layers if device != "CPU")


@dataclass(frozen=True)
class LoadOptions:
    """How to load a model. `n_ctx` in tokens; None leaves a choice to the engine."""

    path: Path
    n_ctx: int = 4096
    n_threads: int | None = None
    """Threads to decode with; None measures which number is best, once."""
    threads_memo: Path | None = None
    """A JSON file in which that is remembered."""
    measure_threads: bool = False
    """Measure again what is remembered."""
    gpu_layers: int = -1
    """Layers to put on a GPU if there is one; -1 for as many as fit in its free memory."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """Auto is off on a CPU and llama.cpp's own choice on a GPU."""
    copies: tuple[Path, ...] = ()
    """Folders in which a copy of the file may lie that this machine reads faster; see `faster`. It
    is loaded in its place, and nothing else about the model changes."""
    kv_type: Literal["f16", "q8_0"] = "f16"
    """How keys and values are kept; q8_0 takes half the memory and needs flash attention."""

    def __post_init__(self) -> None:
        _within("n_ctx", self.n_ctx, 256, 1_048_576)
        if self.n_threads is not None:
            _within("n_threads", self.n_threads, 1, 512)
        _within("gpu_layers", self.gpu_layers, -1, 10_000)


@dataclass(frozen=True)
class Score:
    """How likely a model finds a text; natural logarithms."""

    tokens: tuple[Token, ...]
    """Those from `Scoring.start` on, but for the first of a text, which nothing precedes."""

    @staticmethod
    def of(events: Iterable[Event | None]) -> Score:
        """The score that the events of a `Scoring` tell."""
        return Score(tuple(t for e in events if isinstance(e, Scored) for t in e.tokens))

    @property
    def log_likelihood(self) -> float:
        return float(sum(token.log_prob for token in self.tokens))

    @property
    def perplexity(self) -> float:
        """exp of the mean negative log-likelihood per token; NaN without a scored token."""
        if not self.tokens:
            return float("nan")
        return float(np.exp(-self.log_likelihood / len(self.tokens)))


def logits_of(events: Iterable[Event | None], n_tokens: int) -> NDArray[np.float32]:
    """The rows that the events of an `Evaluating` tell; each part is let go once it is in."""
    rows: NDArray[np.float32] | None = None
    for event in events:
        if isinstance(event, Evaluated):
            if rows is None:
                rows = np.empty((n_tokens, event.logits.shape[1]), np.float32)
            rows[event.first : event.first + len(event.logits)] = event.logits
    if rows is None:
        raise EngineError("The model was stopped before it had evaluated the tokens.")
    return rows


class Engine(Protocol):
    """What every engine can do. Not thread-safe but for `interrupt` and `spare`."""

    @property
    def capabilities(self) -> Capabilities: ...

    def stream(self, request: Request) -> Iterator[Event | None]:
        """Answer a request.

        None is yielded between two steps of work (at most one small batch each), so that a
        caller can drop the iterator or serve another request in between. The last event is
        `Finished`. Raises `RequestError`.
        """
        ...

    def catch_up(self) -> Iterator[None]:
        """What makes later answers quicker, in steps as of `stream`, for when nothing is asked.

        After a change of adapters the first suggestions are read from the end of a long prompt
        alone (`Finished.exact`); here the whole is evaluated.
        """
        ...

    def answer(self, query: Query) -> Iterator[Event | None]:
        """Answer a query, in steps as `stream` does. Raises `RequestError`."""
        ...

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of `text` as the model reads it, its BOS first if it has one."""
        ...

    def score(
        self, text: str, *, start: int = 0, alternatives: int = 0, adapters: AdapterSet = ()
    ) -> Score:
        """What the model thinks of the tokens of `text`: see `Scoring`. Raises `RequestError`."""
        ...

    def logits(self, tokens: Sequence[int], *, adapters: AdapterSet = ()) -> NDArray[np.float32]:
        """Logits after each of `tokens`; shape (len(tokens), n_vocab). Raises `RequestError`."""
        ...

    def interrupt(self) -> None:
        """From any thread: abort the computation under way; its step yields None at once."""
        ...

    def serves(self, request: Request | Query) -> bool:
        """From any thread: whether the computation under way is of use for `request`, too.

        A caller that wants `request` answered lets it end then, rather than `interrupt` it.
        """
        ...

    def spare(self, on: bool) -> None:
        """From any thread: spare the machine from the next batch on, or do so no more.

        Prompts are evaluated and tokens decoded with half of the threads, at least one. The
        answers are the same. `capabilities` say so at once.
        """
        ...

    def close(self) -> None:
        """Free the model's memory. The engine can't be used after it."""
        ...
