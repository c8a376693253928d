"""Attention within documents only, for texts that are packed one after the other into a row.

The obvious way, positions that begin anew, is silently ignored by transformers as soon as a mask or
a cache is there (its PR 46634). Here every document is computed by itself: nothing outside of it
can be seen, and its cost grows with the documents' lengths, not with the row's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

ATTENTION = "lamplight"
"""The name by which a model is told to use this (`attn_implementation`)."""
_MOST_FILLER = 2
"""Documents are computed as a batch if it has not more than so many times their tokens."""


def attend(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    sliding_window: int | None = None,
    lengths: Sequence[int] | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention; shapes (batch, heads, tokens, head_dim), the answer's second and third
    swapped, as transformers wants it.

    `lengths` are those of the documents of a single row, in their order; they cover it. Without,
    each row is one document.
    """
    if attention_mask is not None:
        raise ValueError("this attention makes its own masks")
    if lengths is None:
        lengths = [query.shape[2]]
    elif query.shape[0] != 1 or sum(lengths) != query.shape[2]:
        raise ValueError("the documents don't cover the row")
    given = query.dtype
    if query.device.type == "cpu" and given is torch.bfloat16:
        # The kernel for bfloat16 on processors is slower than the one for 32 bits.
        query, key, value = query.float(), key.float(), value.float()
    if len(lengths) > 1 and _is_batch(query.device, lengths):
        query, key, value = (_as_batch(tensor[0], lengths) for tensor in (query, key, value))
        found = _documents(query, key, value, scaling, dropout, softcap, sliding_window)
        whole = _as_row(found, lengths)[None]
    else:
        split = (torch.split(tensor, list(lengths), 2) for tensor in (query, key, value))
        parts = [
            _documents(q, k, v, scaling, dropout, softcap, sliding_window)
            for q, k, v in zip(*split, strict=True)
        ]
        whole = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return whole.transpose(1, 2).to(given).contiguous(), None


def _is_batch(device: torch.device, lengths: Sequence[int]) -> bool:
    """Whether documents are computed side by side, filled up to the longest.

    A graphics card waits for its next call most of the time, and so gains by fewer of them. A
    processor would only compute the filler.
    """
    return device.type == "cuda" and len(lengths) * max(lengths) <= _MOST_FILLER * sum(lengths)


def _as_batch(row: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
    """(heads, tokens, head_dim) as (documents, heads, longest, head_dim).

    The filler stands behind each document, where nothing of it looks.
    """
    into, _ = _places(tuple(lengths), row.device)
    batch = row.index_select(1, into).view(len(row), len(lengths), max(lengths), -1)
    return batch.transpose(0, 1)


def _as_row(batch: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
    """The other way round, without the filler."""
    _, back = _places(tuple(lengths), batch.device)
    return batch.transpose(0, 1).flatten(1, 2).index_select(1, back)


@lru_cache(maxsize=4)
def _places(lengths: tuple[int, ...], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Which token of the row stands at each place of the batch, and where in it each token is."""
    longest = max(lengths)
    starts = np.cumsum([0, *lengths[:-1]])
    within = np.arange(longest)[None, :]
    into = np.minimum(starts[:, None] + within, sum(lengths) - 1)
    back = np.flatnonzero(within < np.array(lengths)[:, None])
    return torch.from_numpy(into.ravel()).to(device), torch.from_numpy(back).to(device)


def _documents(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    dropout: float,
    softcap: float | None,
    window: int | None,
) -> torch.Tensor:
    n = query.shape[2]
    mask = None
    if window is not None and n > window:
        places = torch.arange(n, device=query.device)
        behind = places[:, None] - places[None, :]
        mask = (behind >= 0) & (behind < window)
    if softcap is not None:
        return _capped(query, key, value, scaling, dropout, softcap, mask)
    return functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=mask is None,
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _capped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    dropout: float,
    softcap: float,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """With a soft cap on the scores (Gemma 2, arXiv 2408.00118), which no fused kernel has."""
    n, groups = query.shape[2], query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
    scores = softcap * torch.tanh(scores / softcap)
    if mask is None:
        mask = torch.ones(n, n, dtype=torch.bool, device=query.device).tril()
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    shares = functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    return functional.dropout(shares, dropout, training=dropout > 0) @ value


def _no_mask(*_args: Any, **_kwargs: Any) -> None:
    """transformers asks for a mask before every forward pass; `attend` needs none."""


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, _no_mask)
