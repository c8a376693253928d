"""Choosing the next token: llama.cpp's own sampler chain over rows of logits."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cached_property

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine import Request, RequestError, Sampling, native

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """The sampler chain of one version, with its own seed and memory of tokens.

    `vocab` is llama.cpp's vocabulary of `n_vocab` tokens.
    """

    def __init__(
        self,
        sampling: Sampling,
        seed: int,
        vocab: C.llama_vocab_p,
        n_vocab: int,
        *,
        grammar: str = "",
    ) -> None:
        if any(token >= n_vocab for token, _ in sampling.logit_bias):
            raise RequestError(f"A biased token is outside of the vocabulary of {n_vocab:,}.")
        self._n_vocab = n_vocab
        self._greedy = _is_greedy(sampling)
        self._remembers = _penalizes(sampling) or sampling.dry_multiplier > 0
        self._grammar = _open_grammar(grammar, vocab) if grammar else None
        self._chain = _build(sampling, seed % (2**32 - 1), vocab, n_vocab)

    def remember(self, tokens: Sequence[int]) -> None:
        """Let the penalties see tokens that were not chosen here, such as the prompt's."""
        if self._remembers:
            for token in tokens:
                C.llama_sampler_accept(self._chain, token)

    def follow(self, tokens: Sequence[int]) -> None:
        """Let the grammar go on behind tokens that were chosen before."""
        if self._grammar:
            for token in tokens:
                C.llama_sampler_accept(self._grammar, token)

    def choose(
        self, logits: NDArray[np.float32], ids: NDArray[np.int32] | None = None
    ) -> int | None:
        """The next token; it is remembered. None if the grammar allows none of them.

        `logits` has shape (n_vocab,), or that of `ids`, the only tokens to choose from; entries
        of -inf are never chosen.
        """
        token = self._choose(logits, ids)
        if self._grammar and not self._fits(token):
            # Most choices fit, so the whole vocabulary is tried only when one does not.
            array = self._array(logits, ids)
            C.llama_sampler_apply(self._grammar, ctypes.byref(array))
            rows = self._candidates[: array.size]
            if np.isneginf(rows["logit"]).all():
                return None
            token = self._choose(rows["logit"].copy(), rows["id"].copy())
        if not self._greedy:
            C.llama_sampler_accept(self._chain, token)
        if self._grammar:
            C.llama_sampler_accept(self._grammar, token)
        return token

    def _choose(self, logits: NDArray[np.float32], ids: NDArray[np.int32] | None) -> int:
        if self._greedy:
            best = int(np.argmax(logits))
            return best if ids is None else int(ids[best])
        array = self._array(logits, ids)
        C.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    @cached_property
    def _all(self) -> NDArray[np.int32]:
        return np.arange(self._n_vocab, dtype=np.int32)

    @cached_property
    def _candidates(self) -> NDArray[np.void]:
        return np.zeros(self._n_vocab, _TOKEN_DATA)

    def _array(
        self, logits: NDArray[np.float32], ids: NDArray[np.int32] | None
    ) -> C.llama_token_data_array:
        """Candidates as llama.cpp wants them; valid until the next call."""
        rows = self._candidates[: len(logits)]
        rows["id"] = self._all if ids is None else ids
        rows["logit"] = logits
        rows["p"] = 0
        return C.llama_token_data_array(
            data=rows.ctypes.data_as(C.llama_token_data_p),
            size=len(rows),
            selected=-1,
            sorted=False,
        )

    def _fits(self, token: int) -> bool:
        """Whether the grammar allows `token` next."""
        one = C.llama_token_data(id=token, logit=1.0, p=0.0)
        array = C.llama_token_data_array(
            data=ctypes.pointer(one), size=1, selected=-1, sorted=False
        )
        C.llama_sampler_apply(self._grammar, ctypes.byref(array))
        return bool(one.logit == 1.0)

    def close(self) -> None:
        """Free the chain; the sampler can't be used after it."""
        C.llama_sampler_free(self._chain)
        if self._grammar:
            C.llama_sampler_free(self._grammar)


def log_softmax_of(
    logits: NDArray[np.float32], token: int, ids: NDArray[np.int32] | None = None
) -> float:
    """Natural log-probability of `token` given logits of all tokens, or of `ids` in order."""
    at = token if ids is None else int(np.flatnonzero(ids == token)[0])
    return float(logits[at]) - log_sum_exp(logits)


def log_sum_exp(logits: NDArray[np.float32]) -> float:
    """Natural logarithm of the sum of exp(logits)."""
    top = logits.max()
    return float(top) + float(np.log(np.exp(logits - top).sum()))


def grammar_of(request: Request) -> str:
    """The GBNF that a request asks for, in whatever form. Raises `RequestError`."""
    if not request.json_schema:
        return request.grammar
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    try:
        return str(json_schema_to_gbnf(request.json_schema))
    except Exception as error:  # the converter raises whatever it stumbles over
        raise RequestError(f"The JSON schema can't be used: {error}.") from error


def _open_grammar(grammar: str, vocab: C.llama_vocab_p) -> C.llama_sampler_p:
    with native.captured_log() as lines:
        opened = C.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
    if not opened:
        reason = "; ".join(line.strip() for line in lines) or "it has no rule “root”"
        raise RequestError(f"The grammar can't be read: {reason}.")
    return opened


def _is_greedy(sampling: Sampling) -> bool:
    """Whether the likeliest token is all that is asked for, without a stage before it."""
    return sampling.temperature == 0 and not _penalizes(sampling) and not sampling.dry_multiplier


def _penalizes(sampling: Sampling) -> bool:
    return bool(
        sampling.logit_bias
        or sampling.repeat_penalty != 1
        or sampling.frequency_penalty
        or sampling.presence_penalty
    )


def _build(
    sampling: Sampling, seed: int, vocab: C.llama_vocab_p, n_vocab: int
) -> C.llama_sampler_p:
    """The chain in llama.cpp's own order (common/common.h)."""
    chain = C.llama_sampler_chain_init(C.llama_sampler_chain_default_params())
    for stage in (*_penalties(sampling, vocab, n_vocab), *_choice(sampling, seed)):
        C.llama_sampler_chain_add(chain, stage)
    return chain


def _penalties(sampling: Sampling, vocab: C.llama_vocab_p, n_vocab: int) -> list[C.llama_sampler_p]:
    stages = []
    if sampling.logit_bias:
        biases = (C.llama_logit_bias * len(sampling.logit_bias))(
            *[C.llama_logit_bias(token=token, bias=bias) for token, bias in sampling.logit_bias]
        )
        stages.append(C.llama_sampler_init_logit_bias(n_vocab, len(biases), biases))
    if _penalizes(sampling):
        stages.append(
            C.llama_sampler_init_penalties(
                n_vocab,
                sampling.repeat_last_n,
                sampling.repeat_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
    if sampling.dry_multiplier:
        breakers = [text.encode() for text in sampling.dry_breakers]
        stages.append(
            C.llama_sampler_init_dry(
                vocab,
                sampling.dry_multiplier,
                sampling.dry_base,
                sampling.dry_allowed_length,
                sampling.dry_last_n,
                (ctypes.c_char_p * len(breakers))(*breakers),
                len(breakers),
            )
        )
    return stages


def _choice(sampling: Sampling, seed: int) -> list[C.llama_sampler_p]:
    """What cuts and chooses."""
    if sampling.temperature == 0:
        return [C.llama_sampler_init_greedy()]
    if sampling.mirostat_tau:
        return [
            C.llama_sampler_init_temp(sampling.temperature),
            C.llama_sampler_init_mirostat_v2(seed, sampling.mirostat_tau, sampling.mirostat_eta),
        ]
    stages = []
    if sampling.top_n_sigma:
        stages.append(C.llama_sampler_init_top_n_sigma(sampling.top_n_sigma))
    if sampling.top_k:
        stages.append(C.llama_sampler_init_top_k(sampling.top_k))
    if sampling.typical_p < 1:
        stages.append(C.llama_sampler_init_typical(sampling.typical_p, 1))
    if sampling.top_p < 1:
        stages.append(C.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p:
        stages.append(C.llama_sampler_init_min_p(sampling.min_p, 1))
    if sampling.xtc_probability:
        stages.append(
            C.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 1, seed)
        )
    if sampling.dynamic_range:
        stages.append(
            C.llama_sampler_init_temp_ext(
                sampling.temperature, sampling.dynamic_range, sampling.dynamic_exponent
            )
        )
    else:
        stages.append(C.llama_sampler_init_temp(sampling.temperature))
    stages.append(C.llama_sampler_init_dist(seed))
    return stages
