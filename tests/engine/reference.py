"""A second opinion on what an engine says: the same tokens, evaluated from nothing, in plain
calls of llama.cpp and without any of the engine's caches."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine import GREEDY, Event, Finished, LoadOptions, Piece, Request, Token, native
from studio.engine.context import CHUNK, Context
from studio.engine.vocabulary import Vocabulary

Rows = NDArray[np.float32]
Strengths = tuple[tuple[Path, float], ...]


class Disagreement(AssertionError):
    """An engine says something else than the reference, by more than rounding explains."""


@dataclass(frozen=True)
class Noise:
    """The most that two evaluations of the same tokens differ, in logits.

    Each is the distance of a token from the likeliest one, against the same in the reference.
    """

    likely: float
    """Among the eight likeliest tokens."""
    any: float
    """Among all tokens."""

    @property
    def limit(self) -> float:
        """What an answer may differ by at a likely token. An answer's cache is a patchwork of
        single rows, batches and places, and its tokens are many more than were measured: so
        twice the largest that was seen, and a thousandth of a logit is nothing (a recurrent
        model's single floats agree to a few 1e-5; one wrong token moves them by more than 1)."""
        return max(2 * self.likely, 1e-3)

    @property
    def limit_any(self) -> float:
        """The same for tokens far down, which healing may have to choose among."""
        return max(2 * self.any, 1e-3)


class Reference:
    """A model whose every answer begins with an empty context. Close it when done."""

    def __init__(self, path: Path, n_ctx: int, n_threads: int | None = None) -> None:
        native.start()
        params = C.llama_model_default_params()
        self._model = C.llama_model_load_from_file(str(path).encode(), params)
        self._context = Context(self._model, LoadOptions(path, n_ctx=n_ctx, n_threads=n_threads))
        self.vocabulary = Vocabulary(self._model)
        self._adapters: dict[Path, C.llama_adapter_lora_p] = {}
        self._spellings: dict[bytes, list[int]] = {}

    def rows(
        self,
        tokens: Sequence[int],
        adapters: Strengths = (),
        *,
        chunk: int = CHUNK // 2,
        from_: int = 0,
        after: int = 0,
    ) -> Rows:
        """Logits after the tokens `from_`, ...; shape (len(tokens) - from_, n_vocab).

        Evaluated in batches of `chunk` rows, none of them of one row unless `chunk` is 1: a last
        lone token goes with the batch before it. `after` so many other tokens, so that all lies
        elsewhere in the cache.
        """
        context = self._context
        C.llama_memory_clear(context.memory, True)
        self._use(adapters)
        for at in range(0, after, 2):
            context.decode([at % 50 + 100, at % 70 + 200], [at, at + 1], 1, outputs=False)
        lone = chunk > 1 and len(tokens) % chunk == 1
        ends = [*range(chunk, len(tokens) - lone, chunk), len(tokens)]
        parts = []
        for at, end in zip([0, *ends], ends, strict=False):
            context.decode(tokens[at:end], range(at, end), 0, outputs=True)
            if end > from_:
                parts.append(context.rows(end - at)[max(0, from_ - at) :])
        return np.concatenate(parts)

    def noise(self, texts: Sequence[str], adapters: Strengths = ()) -> Noise:
        """How much rounding alone changes: other sizes of batches, other places in the cache."""
        likely, any_ = [], []
        for text in texts:
            tokens = self.vocabulary.tokenize(text)
            base = self.rows(tokens, adapters)
            expected = _from_the_top(base, base)
            top = np.argpartition(base, -8, axis=1)[:, -8:]
            for other in ({"chunk": 1}, {"chunk": 5}, {"after": 10}, {"after": 100}):
                apart = np.abs(_from_the_top(self.rows(tokens, adapters, **other), base) - expected)
                any_.append(apart.max())
                likely.append(np.take_along_axis(apart, top, 1).max())
        return Noise(float(max(likely)), float(max(any_)))

    def prompt(self, request: Request) -> tuple[list[int], bytes]:
        """The tokens that a request evaluates, and what the first chosen ones must spell."""
        if request.heal and not (request.grammar or request.json_schema):
            healing = self.vocabulary.heal(request.prompt)
            return list(healing.tokens), healing.spell
        return self.vocabulary.tokenize(request.prompt) or self.vocabulary.beginning(), b""

    def check(self, request: Request, events: Sequence[Event], noise: Noise) -> list[float]:
        """Compare a finished answer, told with alternatives, with a fresh evaluation.

        The differences that were found, one for each token, in logits; none if the answer is
        marked as not exact. Raises `Disagreement` when one is more than `noise` explains.
        """
        finished = events[-1]
        if not isinstance(finished, Finished):
            raise Disagreement(f"it did not finish: {events[-3:]}")
        if not _exact(finished):
            return []
        prompt, spell = self.prompt(request)
        if finished.prompt_tokens != len(prompt):
            raise Disagreement(f"{finished.prompt_tokens} tokens of prompt, not {len(prompt)}")
        found = []
        for version in range(request.versions):
            pieces = [e for e in events if isinstance(e, Piece) and e.version == version]
            tokens = [token for piece in pieces for token in piece.tokens]
            self._check_text(tokens, spell, "".join(piece.text for piece in pieces))
            if tokens:
                found += self._check_tokens(request, prompt, spell, tokens, noise)
        return found

    def close(self) -> None:
        self._context.close()
        C.llama_model_free(self._model)

    def _check_text(self, tokens: list[Token], spell: bytes, text: str) -> None:
        spelled = b"".join(token.spelling for token in tokens)
        if not (spelled.startswith(spell) or spell.startswith(spelled)):
            raise Disagreement(f"{spelled!r} does not spell {spell!r}")
        if not spelled[len(spell) :].decode("utf-8", "ignore").startswith(text):
            raise Disagreement(f"{text!r} was told of {spelled!r} after {spell!r}")

    def _check_tokens(
        self, request: Request, prompt: list[int], spell: bytes, tokens: list[Token], noise: Noise
    ) -> list[float]:
        ids = [*prompt, *(token.id for token in tokens)]
        rows = self.rows(ids[:-1], request.adapters, from_=len(prompt) - 1)
        rows[:, self.vocabulary.never] = -np.inf
        free = not (request.banned or request.grammar or request.json_schema)
        differences = []
        for i, (token, row) in enumerate(zip(tokens, rows, strict=True)):
            likely = [each for each in token.alternatives if np.isfinite(each[2])]
            said = np.array([log_prob for *_, log_prob in likely])
            expected = row[[id_ for id_, *_ in likely]]
            difference = float(np.abs((said - said[0]) - (expected - expected[0])).max())
            differences.append(difference)
            if difference > noise.limit:
                raise Disagreement(
                    f"token {i} ({token.spelling!r}): {difference:.3f} logits from the reference, "
                    f"and at most {noise.limit:.3f} are rounding. All: {differences}"
                )
            if request.sampling == GREEDY and free:
                best, chosen, limit = row.max(), row[token.id], noise.limit
                if spell:
                    limit = noise.limit_any
                    best = max(
                        row[id_] - self._lowered(id_, spell) for id_ in self._may_spell(spell)
                    )
                    chosen -= self._lowered(token.id, spell)
                if best - chosen > limit:
                    raise Disagreement(f"token {i}: {token.spelling!r} is not the likeliest")
            spell = spell[len(token.spelling) :]
        # Single tokens may be unlucky, whole answers less so.
        if len(differences) >= 4 and np.mean(differences) > noise.limit / 2:
            raise Disagreement(f"on average {np.mean(differences):.3f} logits off: {differences}")
        return differences

    def _may_spell(self, spell: bytes) -> list[int]:
        """As `Vocabulary.spelling`, by looking at every token."""
        if spell not in self._spellings:
            never = {*self.vocabulary.never.tolist(), *self.vocabulary.ends}
            self._spellings[spell] = [
                token
                for token, piece in enumerate(self.vocabulary.pieces)
                if (piece and (piece.startswith(spell) or spell.startswith(piece)))
                and token not in never
            ]
        return self._spellings[spell]

    def _lowered(self, token: int, spell: bytes) -> float:
        """What each byte that a piece leaves to be spelled costs it."""
        return 2.5 * max(0, len(spell) - len(self.vocabulary.pieces[token]))

    def _use(self, adapters: Strengths) -> None:
        used = sorted((path, strength) for path, strength in adapters if strength)
        for path, _ in used:
            if path not in self._adapters:
                opened = C.llama_adapter_lora_init(self._model, str(path).encode())
                self._adapters[path] = opened
        n = len(used)
        handles = (C.llama_adapter_lora_p_ctypes * n)(*[self._adapters[path] for path, _ in used])
        strengths = (ctypes.c_float * n)(*[strength for _, strength in used])
        C.llama_set_adapters_lora(self._context.handle, handles, n, strengths)


def _exact(finished: Finished) -> bool:
    """Whether an answer promises to be a fresh engine's; a test takes it for one that isn't."""
    return finished.exact


def _from_the_top(rows: Rows, like: Rows) -> Rows:
    """Rows less the logits of the tokens that are likeliest in `like`."""
    return rows - np.take_along_axis(rows, like.argmax(axis=1)[:, None], 1)
