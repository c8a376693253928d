"""How a model is tuned: every setting of a run, and the presets of models/tuning.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

from studio.tuning import TuningError

_PRESETS = Path(__file__).parents[2] / "models" / "tuning.toml"

Precision = Literal["auto", "float32", "bfloat16", "4-bit"]


class RecipeError(TuningError):
    """A setting makes no sense."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a run; those that are 0 or "auto" are chosen when it starts.

    Sources and reasons: docs/tuning.md.
    """

    rank: int = 32
    """Of the adapters' matrices."""
    alpha: float = 64.0
    """The adapters are scaled by alpha / rank."""
    learning_rate: float = 4e-4
    """The highest; it rises to it and falls to a tenth along a cosine."""
    passes: float = 2.0
    """How often the texts are read, at most."""
    minutes: float = 0.0
    """How long the training may take; 0 for no limit. Samples and the report come on top."""
    share_of_layers: float = 1.0
    """The upper layers of so large a share get adapters. With less than 1, what the lower ones
    make of the texts is computed once and kept on disk."""
    n_ctx: int = 512
    """Tokens that a document holds at most."""
    step_tokens: int = 2048
    """Tokens for each update of the weights; fewer where the texts are small."""
    row_tokens: int = 0
    """Tokens that are computed at once; less takes less memory. 0 for what suits the device."""
    warm_up: float = 0.05
    """The share of the run in which the learning rate rises."""
    dropout: float = 0.0
    weight_decay: float = 0.0
    clip: float = 1.0
    """The largest norm of a gradient."""
    balance: float = 0.5
    """Works are read in proportion to their words to this power: 1 as they are, 0 all alike."""
    evaluations: int = 8
    """How often the held-out texts are tried during the run."""
    patience: int = 3
    """It stops after so many tries without a gain."""
    precision: Precision = "auto"
    checkpointing: Literal["auto", "on", "off"] = "auto"
    """Compute what is inside a layer again on the way back, which saves memory and costs a third
    more time."""
    seed: int = 1

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise RecipeError(
                    f"{name.replace('_', ' ').capitalize()} is {value:g}, but must be between "
                    f"{low:g} and {high:g}."
                )
        if self.row_tokens and self.row_tokens < self.n_ctx:
            raise RecipeError("What is computed at once must hold at least one document.")


_RANGES: dict[str, tuple[float, float]] = {
    "rank": (1, 256),
    "alpha": (0.1, 1024),
    "learning_rate": (1e-7, 0.1),
    "passes": (0.01, 50),
    "minutes": (0, 100_000),
    "share_of_layers": (0.01, 1),
    "n_ctx": (32, 8192),
    "step_tokens": (32, 1_000_000),
    "row_tokens": (0, 1_000_000),
    "warm_up": (0, 0.5),
    "dropout": (0, 0.9),
    "weight_decay": (0, 1),
    "clip": (0.01, 100),
    "balance": (0, 1),
    "evaluations": (1, 1000),
    "patience": (1, 1000),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class Preset:
    """A recipe with a name and a sentence for the writer."""

    key: str
    name: str
    sentence: str
    recipe: Recipe


@cache
def presets() -> dict[str, Preset]:
    """All presets by key, in the order in which they are offered."""
    known = {each.name for each in fields(Recipe)}
    declared: dict[str, dict[str, Any]] = tomllib.loads(_PRESETS.read_text("utf-8"))
    return {
        key: Preset(
            key,
            values["name"],
            values["sentence"],
            Recipe(**{name: value for name, value in values.items() if name in known}),
        )
        for key, values in declared.items()
    }
