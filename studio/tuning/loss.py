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
        for start in range(0, len(hidden), at_once):
            part = slice(start, start + at_once)
            logits = (hidden[part] @ head.T).float()
            if softcap is not None:
                logits = logits.div_(softcap).tanh_().mul_(softcap)
            label = labels[part].clamp(min=0)[:, None]
            normalizer = logits.logsumexp(-1, keepdim=True)
            nats = (normalizer - logits.gather(1, label))[:, 0]
            total += (nats * weights[part]).sum()
            if gradient is None:
                continue
            slope = None if softcap is None else 1 - (logits / softcap) ** 2
            logits = logits.sub_(normalizer).exp_()
            logits.scatter_add_(1, label, torch.full_like(label, -1.0, dtype=logits.dtype))
            logits.mul_(weights[part, None])
            if slope is not None:
                logits.mul_(slope)
            gradient[part] = logits.to(head.dtype) @ head
        ctx.gradient = gradient
        return total

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return ctx.gradient * outer[0].to(ctx.gradient.dtype), None, None, None, None
