"""LoRA adapters (arXiv 2106.09685) in a model: PEFT's weights and files, computed in fewer steps.

PEFT's layers make six small products and four passes over the activations for each weight. Here the
products are added in place, and nothing is kept for the way back but the input and `x @ A`.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.nn import functional
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
    if not dropout:
        _make_lean(peft)
    return peft


def _make_lean(peft: PeftModel) -> None:
    """Compute in fewer steps what PEFT and transformers compute, where its parts are known."""
    lean = [module for module in peft.modules() if _is_lean(module)]
    for module in lean:
        module.forward = types.MethodType(_forward, module)
    config: Any = peft.config
    named = getattr(config, "hidden_activation", None) or getattr(config, "hidden_act", None)
    activation = _ACTIVATIONS.get(str(named))
    for module in peft.modules():
        parts = [getattr(module, f"{name}_proj", None) for name in ("gate", "up", "down")]
        if activation and all(part in lean and part.base_layer.bias is None for part in parts):
            module.forward = types.MethodType(partial(_gated, activation), module)


def _is_lean(module: nn.Module) -> bool:
    # 4-bit layers are left to PEFT: their weights are no matrices.
    return isinstance(module, LoraLayer) and type(module.get_base_layer()) is nn.Linear


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)  # bitsandbytes' 4-bit layers are a kind of them


_ACTIVATIONS: Mapping[str, tuple[Any, Any]] = {
    "silu": (functional.silu, torch.ops.aten.silu_backward),
    "gelu_pytorch_tanh": (
        partial(functional.gelu, approximate="tanh"),
        partial(torch.ops.aten.gelu_backward, approximate="tanh"),
    ),
}
"""What stands between the two halves of a feed-forward layer, and its derivative."""


def _parts(layer: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    """Weight, A, B and scale of a layer with an adapter."""
    return (
        layer.get_base_layer().weight,
        layer.lora_A[ADAPTER].weight,
        layer.lora_B[ADAPTER].weight,
        layer.scaling[ADAPTER],
    )


def _gated(activation: tuple[Any, Any], self: Any, x: torch.Tensor) -> torch.Tensor:
    """In the place of a feed-forward layer's `forward`."""
    layers = (self.gate_proj, self.up_proj, self.down_proj)
    if any(layer.disable_adapters for layer in layers):
        return cast(torch.Tensor, type(self).forward(self, x))
    gate, up, down = map(_parts, layers)
    return cast(
        torch.Tensor,
        _GatedLayer.apply(x, *gate, *up, *down, activation),  # type: ignore[no-untyped-call]
    )


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


class _GatedLayer(torch.autograd.Function):
    """down(act(gate(x)) * up(x)), each with its adapter; what is between them is not kept."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        *given: Any,
    ) -> torch.Tensor:
        *numbers, (act, act_backward) = given
        gate, up, down = (_Part(x.dtype, *numbers[at : at + 4]) for at in (0, 4, 8))
        rows = x.reshape(-1, x.shape[-1])
        g, g_small = gate(rows)
        u, u_small = up(rows)
        h = act(g).mul_(u)
        out, h_small = down(h)
        ctx.save_for_backward(rows, g, u, g_small, u_small, h_small)
        ctx.parts, ctx.shape, ctx.act = (gate, up, down), x.shape, (act, act_backward)
        return out.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[Any, ...]:
        rows, g, u, g_small, u_small, h_small = ctx.saved_tensors
        gate, up, down = ctx.parts
        act, act_backward = ctx.act
        slope = outer[0].reshape(rows.shape)
        a = act(g)
        to_h, down_a, down_b = down.back(slope, a * u, h_small)
        to_u = to_h * a
        to_g = act_backward(to_h.mul_(u), g)
        to_x, gate_a, gate_b = gate.back(to_g, rows, g_small)
        also, up_a, up_b = up.back(to_u, rows, u_small)
        none = (None,)
        return (
            to_x.add_(also).view(ctx.shape),
            *none, gate_a, gate_b, *none,
            *none, up_a, up_b, *none,
            *none, down_a, down_b, *none,
            *none,
        )  # fmt: skip


class _Part:
    """A weight and its adapter, in the precision of the computation."""

    def __init__(
        self,
        dtype: torch.dtype,
        weight: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
    ) -> None:
        self._weight, self._a, self._b, self._scale = weight, a.to(dtype), b.to(dtype), scale

    def __call__(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What comes out, and `rows @ A`."""
        small = rows @ self._a.T
        out = rows @ self._weight.T
        return out.addmm_(small, self._b.T, alpha=self._scale), small

    def back(
        self, slope: torch.Tensor, rows: torch.Tensor, small: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The gradients of `rows`, A and B."""
        narrow = slope @ self._b
        to_rows = slope @ self._weight
        to_rows.addmm_(narrow, self._a, alpha=self._scale)
        to_a = (narrow.T @ rows).float().mul_(self._scale)
        to_b = (slope.T @ small).float().mul_(self._scale)
        return to_rows, to_a, to_b
