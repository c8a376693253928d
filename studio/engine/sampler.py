"""Choosing the next token: llama.cpp's own sampler chain over rows of logits."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import llama_cpp.llama_cpp as C
import numpy as np
from numpy.typing import NDArray

from studio.engine import Sampling

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """The sampler chain of one version, with its own seed and memory of tokens."""

    def __init__(self, sampling: Sampling, version: int, n_vocab: int) -> None:
        self._greedy = sampling.temperature == 0 and sampling.repeat_penalty == 1
        self._ids = np.arange(n_vocab, dtype=np.int32)
        self._candidates = np.zeros(n_vocab, _TOKEN_DATA)
        self._chain = _build(sampling, sampling.seed + version, n_vocab)

    def remember(self, tokens: Sequence[int]) -> None:
        """Let the penalties see tokens of the prompt."""
        for token in tokens:
            C.llama_sampler_accept(self._chain, token)

    def choose(self, logits: NDArray[np.float32], allowed: NDArray[np.int32] | None = None) -> int:
        """The next token, out of `allowed` ones if given; it is remembered.

        `logits` has shape (n_vocab,); entries of -inf are never chosen.
        """
        if self._greedy:
            if allowed is None:
                return int(np.argmax(logits))
            return int(allowed[np.argmax(logits[allowed])])
        ids = self._ids if allowed is None else allowed
        rows = self._candidates[: len(ids)]
        rows["id"] = ids
        rows["logit"] = logits if allowed is None else logits[allowed]
        rows["p"] = 0
        array = C.llama_token_data_array(
            data=rows.ctypes.data_as(C.llama_token_data_p), size=len(ids), selected=-1, sorted=False
        )
        C.llama_sampler_apply(self._chain, ctypes.byref(array))
        token = int(array.data[array.selected].id)
        C.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        """Free the chain; the sampler can't be used after it."""
        C.llama_sampler_free(self._chain)


def _build(sampling: Sampling, seed: int, n_vocab: int) -> C.llama_sampler_p:
    """The chain in llama.cpp's own order (common/common.h): cheap cuts before dear ones."""
    chain = C.llama_sampler_chain_init(C.llama_sampler_chain_default_params())
    stages = []
    if sampling.repeat_penalty != 1:
        stages.append(
            C.llama_sampler_init_penalties(
                n_vocab, sampling.repeat_last_n, sampling.repeat_penalty, 0.0, 0.0
            )
        )
    if sampling.temperature == 0:
        stages.append(C.llama_sampler_init_greedy())
    else:
        if sampling.top_k > 0:
            stages.append(C.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            stages.append(C.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            stages.append(C.llama_sampler_init_min_p(sampling.min_p, 1))
        stages.append(C.llama_sampler_init_temp(sampling.temperature))
        stages.append(C.llama_sampler_init_dist(seed % 2**32))
    for stage in stages:
        C.llama_sampler_chain_add(chain, stage)
    return chain


def log_softmax_of(
    logits: NDArray[np.float32], token: int, ids: NDArray[np.int32] | None = None
) -> float:
    """Natural log-probability of `token` given logits of all tokens, or of `ids` in order."""
    at = token if ids is None else int(np.flatnonzero(ids == token)[0])
    top = logits.max()
    return float(logits[at] - top - np.log(np.exp(logits - top).sum(dtype=np.float64)))
