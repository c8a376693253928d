"""What a run will take, before it begins and corrected as it goes: memory, time, precision."""

from __future__ import annotations

import importlib.util
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from studio.tuning import TuningError
from studio.tuning.base import BaseModel
from studio.tuning.memory import loading_bytes, memory_bytes
from studio.tuning.recipe import Recipe

_HEADROOM = 0.9
"""Of the free memory, so much may be planned with."""
_FOR_4_BITS = "bitsandbytes"
_PAYS_FROM = 1.3
"""So much faster half precision must be, to be worth what it rounds."""


class PlanError(TuningError):
    """There is not enough memory or disk for this."""


@dataclass(frozen=True)
class Plan:
    """How a run is computed here."""

    device: str
    """As PyTorch calls it: "cpu", "cuda", "mps"."""
    precision: str
    """ "float32", "bfloat16" or "4-bit"."""
    layers: range
    """That get adapters."""
    row_tokens: int
    checkpointing: bool
    memory_bytes: int
    """At the most, predicted."""

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32 if self.precision == "float32" else torch.bfloat16


def plan(base: BaseModel, recipe: Recipe) -> Plan:
    """Choose what is `auto`, so that it fits. Raises `PlanError` if nothing does.

    Half precision on a processor only where it is measured to pay: those with AVX512-BF16 or AMX
    compute twice to three times as fast with it, others many times slower.
    """
    here = device()
    precision = recipe.precision
    if precision == "4-bit":
        _require_4_bits()
    if precision == "auto":
        precision = "bfloat16" if here == "cuda" or _half_pays(base) else "float32"
    upper = max(1, round(base.n_layers * recipe.share_of_layers))
    layers = range(base.n_layers - upper, base.n_layers)
    free = free_bytes(here)
    _refuse_loading(base, here)
    sizes = sorted({recipe.row_tokens or _row_tokens(here, recipe), recipe.n_ctx}, reverse=True)
    ways = [(n, False) for n in sizes] + [(recipe.n_ctx, True)]
    if recipe.checkpointing == "on":
        ways = [(n, True) for n in sizes]
    elif recipe.checkpointing == "off":
        ways = ways[:-1]
    precisions = [precision]
    if recipe.precision == "auto" and can_4_bits():
        precisions.append("4-bit")
    needed = 0
    for kind in precisions:
        for row_tokens, checkpointing in ways:
            needed = memory_bytes(
                base, recipe, kind, len(layers), row_tokens, checkpointing=checkpointing
            )
            if needed < _HEADROOM * free:
                return Plan(here, kind, layers, row_tokens, checkpointing, needed)
    raise PlanError(
        f"Tuning ‘{base.path.name}’ takes about {needed / 1e9:.1f} GB of memory, and "
        f"{free / 1e9:.1f} GB are free. Close other programs, or choose a smaller model."
    )


def free_bytes(device: str) -> int:
    """Memory that is free on a device."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


def used_bytes(device: str) -> int:
    """Memory that this process holds there now."""
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return int(psutil.Process().memory_info().rss)


def require_disk(folder: Path, needed: int, what: str) -> None:
    """Raises `PlanError` if `needed` bytes, and some room, are not free."""
    free = shutil.disk_usage(folder).free
    if needed + 200e6 > free:
        raise PlanError(
            f"{what} takes {needed / 1e9:.1f} GB on the disk, and {free / 1e9:.1f} GB are free. "
            "Make room, and go on."
        )


def device() -> str:
    """What there is to compute on, as PyTorch calls it."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _row_tokens(device: str, recipe: Recipe) -> int:
    """What suits a device. A graphics card computes a whole update in little more time than a
    document, and an update ends with the document that fills it."""
    return recipe.step_tokens + recipe.n_ctx if device == "cuda" else recipe.n_ctx


def can_4_bits() -> bool:
    """Whether this machine has what training in 4 bits needs."""
    return device() == "cuda" and importlib.util.find_spec(_FOR_4_BITS) is not None


def _require_4_bits() -> None:
    if device() != "cuda":
        raise PlanError(
            "Training in 4 bits needs an NVIDIA graphics card, and none was found here. Choose "
            "another precision, such as Automatic."
        )
    if not can_4_bits():
        raise PlanError(
            f"Training in 4 bits needs {_FOR_4_BITS}, which this installation does not have. To "
            "add it, close Lamplight and run “make run” in its folder; or choose another precision."
        )


def _refuse_loading(base: BaseModel, device: str) -> None:
    needed = loading_bytes(base)
    free = free_bytes("cpu")
    if needed > free:
        raise PlanError(
            f"Reading ‘{base.path.name}’ for tuning takes {needed / 1e9:.1f} GB of memory for a "
            f"moment, and {free / 1e9:.1f} GB are free. Close other programs, or choose a smaller "
            f"model.{'' if device == 'cpu' else ' (This is the memory of the computer itself.)'}"
        )


def _half_pays(base: BaseModel) -> bool:
    """Whether products in bfloat16 are faster on this processor; takes a tenth of a second."""
    if device() != "cpu":
        return False
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.ones(256, base.n_embd, dtype=dtype)
        b = torch.ones(base.n_ff, base.n_embd, dtype=dtype)
        tries = []
        for _ in range(4):  # the first one prepares
            begin = time.perf_counter()
            a @ b.T
            tries.append(time.perf_counter() - begin)
        seconds[dtype] = min(tries)
    return seconds[torch.float32] > _PAYS_FROM * seconds[torch.bfloat16]
