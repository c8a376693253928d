"""Attention within documents only, for texts that are packed one after the other into a row.

The obvious way, positions that begin anew, is silently ignored by transformers as soon as a mask or
a cache is there (its PR 46634). Here every document is a call of its own: nothing outside of it can
be seen, and its cost grows with the documents' lengths, not with the row's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

ATTENTION = "lamplight"
"""The name by which a model is told to use this (`attn_implementation`)."""


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
    parts = []
    at = 0
    for n in lengths:
        part = slice(at, at + n)
        at += n
        parts.append(
            _document(
                query[:, :, part],
                key[:, :, part],
                value[:, :, part],
                scaling,
                dropout,
                softcap,
                sliding_window,
            )
        )
    whole = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return whole.transpose(1, 2).to(given).contiguous(), None


def _document(
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
