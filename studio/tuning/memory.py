"""How much memory tuning takes, reckoned beforehand. No PyTorch: the window asks, too."""

from __future__ import annotations

from studio.tuning.base import BaseModel
from studio.tuning.recipe import Recipe

_RUNTIME_BYTES = 0.5e9
"""Python and PyTorch."""
_LOGITS_BYTES = 2 * 2**23 * 4
"""What `studio.tuning.loss` holds at once; half of it in 32 bits without a soft cap."""
_LOADING = 1.6
"""Reading a GGUF file takes so many times its weights in 32 bits, for a moment."""


def loading_bytes(base: BaseModel) -> int:
    """The most that is held while the weights of a base are read, in bytes."""
    return int(_LOADING * 4 * base.n_params + _RUNTIME_BYTES)


def memory_bytes(
    base: BaseModel,
    recipe: Recipe,
    precision: str,
    n_layers: int,
    row_tokens: int,
    *,
    checkpointing: bool,
) -> int:
    """The most that a run will hold, in bytes.

    Two coefficients were fitted to what was measured with the default model (docs/tuning.md).
    """
    width = 4 if precision == "float32" else 2
    weights = base.n_params * {"float32": 4.0, "bfloat16": 2.0, "4-bit": 0.7}[precision]
    per_layer = 7 * (base.n_embd + base.n_ff) * recipe.rank
    adapters = 20 * n_layers * per_layer  # with gradients, AdamW's two moments and the mean
    within = width * (12 * base.n_embd + 5 * base.n_ff) * row_tokens
    if checkpointing:
        activations = n_layers * width * base.n_embd * row_tokens + 2 * within
    else:
        activations = n_layers * within
    logits = min(_LOGITS_BYTES, 2 * 4 * base.n_vocab * row_tokens)
    return int(_RUNTIME_BYTES + weights + adapters + activations + logits)
