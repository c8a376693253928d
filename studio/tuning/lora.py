"""LoRA adapters (arXiv 2106.09685) in a model: PEFT's weights and files, computed in fewer steps.

PEFT's layers make six small products and four passes over the activations for each weight. Here the
products are added in place, and nothing is kept for the way back but the input and `x @ A`.
"""

from __future__ import annotations

import types
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import PreTrainedModel

ADAPTER = "default"


def add_adapters(
    model: PreTrainedModel,
    *,
    rank: int,
    alpha: float,
    layers: range,
    dropout: float = 0.0,
    seed: int = 0,
) -> PeftModel:
    """Put adapters on all linear weights of these layers; the rest stays as it is.

    The adapters' own weights are 32-bit floats, whatever the model's are, and change nothing yet.
    """
    names = sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.model.layers.named_modules()
            if _is_linear(module)
        }
    )
    config = LoraConfig(
        r=rank,
        lora_alpha=cast(int, alpha),
        lora_dropout=dropout,
        target_modules=names,
        layers_to_transform=list(layers),
        layers_pattern="layers",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    peft = get_peft_model(model, config, autocast_adapter_dtype=True)
    for name, weight in peft.named_parameters():
        weight.requires_grad_("lora_" in name)
        if weight.requires_grad:
            weight.data = weight.data.float()
    for module in peft.modules():
        if (
            isinstance(module, LoraLayer)
            and type(module.get_base_layer()) is nn.Linear
            and not dropout
        ):
            module.forward = types.MethodType(_forward, module)
    return peft


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)  # bitsandbytes' 4-bit layers are a kind of them


def _forward(self: Any, x: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """In the place of `peft.tuners.lora.Linear.forward`."""
    linear = self.get_base_layer()
    if self.disable_adapters:
        return cast(torch.Tensor, linear(x))
    return cast(
        torch.Tensor,
        _LoraLinear.apply(  # type: ignore[no-untyped-call]
            x,
            linear.weight,
            linear.bias,
            self.lora_A[ADAPTER].weight,
            self.lora_B[ADAPTER].weight,
            self.scaling[ADAPTER],
        ),
    )


class _LoraLinear(torch.autograd.Function):
    """x W' + bias + scale (x A') B'; gradients for x, A and B alone."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        a, b = a.to(x.dtype), b.to(x.dtype)
        small = rows @ a.T
        out = rows @ weight.T if bias is None else torch.addmm(bias, rows, weight.T)
        out.addmm_(small, b.T, alpha=scale)
        ctx.save_for_backward(rows, weight, a, b, small)
        ctx.scale, ctx.shape = scale, x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[Any, ...]:
        rows, weight, a, b, small = ctx.saved_tensors
        slope = outer[0].reshape(len(rows), -1)
        narrow = slope @ b
        wanted = ctx.needs_input_grad
        to_x = None
        if wanted[0]:
            to_x = slope @ weight
            to_x.addmm_(narrow, a, alpha=ctx.scale)
            to_x = to_x.view(ctx.shape)
        to_a = (narrow.T @ rows).float().mul_(ctx.scale) if wanted[3] else None
        to_b = (slope.T @ small).float().mul_(ctx.scale) if wanted[4] else None
        return to_x, None, None, to_a, to_b, None
