"""The loss over a text without ever holding all of its logits.

For a vocabulary of 150,000 tokens the logits of 2,048 tokens and their gradient are 2.5 GB. Here
they exist for a few hundred tokens at a time, and the gradient of what went in is computed on the
way forward (the fused linear cross entropy of Liger Kernel, arXiv 2410.10989, in plain PyTorch).
"""

from __future__ import annotations

from typing import Any

import torch

_AT_ONCE = 2**23
"""Logits at a time; 32 MB in 32-bit floats."""
MASKED = -1
"""A label that is not learned."""


def weighted_nats(
    hidden: torch.Tensor,
    head: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    softcap: float | None = None,
) -> torch.Tensor:
    """The sum of `weights` times the nats of each label; differentiable with respect to `hidden`.

    Shapes: hidden (tokens, n_embd), head (n_vocab, n_embd), labels and weights (tokens). `softcap`
    is Gemma 2's. The head gets no gradient.
    """
    total: torch.Tensor = _WeightedNats.apply(  # type: ignore[no-untyped-call]
        hidden, head, labels, weights, softcap
    )
    return total


class _WeightedNats(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        head: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
        softcap: float | None,
    ) -> torch.Tensor:
        wanted = hidden.requires_grad
        gradient = torch.empty_like(hidden) if wanted else None
        total = hidden.new_zeros((), dtype=torch.float32)
        at_once = max(1, _AT_ONCE // len(head))
        weights = torch.where(labels == MASKED, 0.0, weights.float())
        # One piece of memory for all: pieces that come and go leave holes that nothing fits in.
        held = hidden.new_empty(min(at_once, len(hidden)), len(head), dtype=torch.float32)
        for start in range(0, len(hidden), at_once):
            part = slice(start, start + at_once)
            logits = held[: len(hidden[part])]
            if head.dtype is torch.float32:
                torch.mm(hidden[part], head.T, out=logits)
            else:
                logits.copy_(hidden[part] @ head.T)
            slope = None
            if softcap is not None:
                logits.div_(softcap).tanh_()
                slope = logits.square().neg_().add_(1) if wanted else None
                logits.mul_(softcap)
            label, weight = labels[part].clamp(min=0)[:, None], weights[part, None]
            of_label = logits.gather(1, label)
            highest = logits.amax(1, keepdim=True)
            shares = logits.sub_(highest).exp_()
            whole = shares.sum(1, keepdim=True)
            total += ((highest + whole.log() - of_label) * weight).sum()
            if gradient is None:
                continue
            shares.mul_(weight / whole).scatter_add_(1, label, -weight)
            if slope is not None:
                shares.mul_(slope)
            gradient[part] = shares.to(head.dtype) @ head
        ctx.gradient = gradient
        return total

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return ctx.gradient * outer[0].to(ctx.gradient.dtype), None, None, None, None
