"""How sure the model must be for grey text to appear: fitted to this writer, on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

WANTED = 0.66
"""After so large a share of keys, what is in sight should be what the writer goes on to write.
A bit above the 60% that we promise, because the threshold lags behind."""
_STEP = 0.01
"""How far one outcome moves the threshold: some hundred keystrokes to settle."""
_LOWEST, _HIGHEST = 0.2, 0.9


@dataclass(frozen=True)
class Confidence:
    """The least probability of a suggestion's first word, and what it was learned from.

    A threshold that a stochastic approximation (Robbins and Monro, 1951) moves until the share
    of right suggestions is the one wanted: up after one that was wrong, down after one that was
    right, by steps whose mean is nought there.
    """

    threshold: float = 0.72
    seen: int = 0
    """Outcomes so far."""

    def __post_init__(self) -> None:
        if not _LOWEST <= self.threshold <= _HIGHEST:
            object.__setattr__(self, "threshold", min(max(self.threshold, _LOWEST), _HIGHEST))

    def enough(self, sure: float) -> bool:
        """Whether a suggestion whose first word has this probability is shown."""
        return sure >= self.threshold

    def learned(self, *, right: bool, n_keys: int = 1) -> Confidence:
        """After a suggestion that was in sight for so many keys turned out right, or not."""
        moved = self.threshold + _STEP * n_keys * (WANTED - float(right))
        return replace(self, threshold=min(max(moved, _LOWEST), _HIGHEST), seen=self.seen + n_keys)
