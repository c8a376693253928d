"""One sequence of the KV cache as the engine's parts know it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ROWS_AFTER = 12
"""Rows of logits are kept for so many places after the end of the last prompt."""

AdapterKey = tuple[tuple[str, float], ...]
"""The adapters that a sequence was evaluated with: (file, strength). A NUL and which version of it
may follow the file."""


@dataclass
class Sequence:
    """One sequence of the KV cache and what is in it."""

    id: int
    tokens: list[int] = field(default_factory=list)
    key: AdapterKey = ()
    busy: bool = False
    used: int = 0
    shifted: bool = False
    """Some cells were moved: its answers are near those of a fresh evaluation, not equal."""
    n_prompt: int = 0
    """So many of the tokens are the writer's; what follows was generated."""
    rows: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    """Logits after so many tokens, for places about the end of the last prompt."""

    def keep_row(self, row: NDArray[np.float32]) -> None:
        """Keep the logits after all tokens there are, if they may be wanted again."""
        if len(self.tokens) <= self.n_prompt + ROWS_AFTER:
            self.rows[len(self.tokens)] = row

    def goes_on_with(self, at: int, token: int) -> NDArray[np.float32] | None:
        """The logits after `token` at place `at`, if it is evaluated there already."""
        if at < len(self.tokens) and self.tokens[at] == token:
            return self.rows.get(at + 1)
        return None
