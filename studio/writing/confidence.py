"""How sure the model must be for grey text to appear: fitted to this writer, on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

WANTED = 0.66
"""After so large a share of keys, what is in sight should be what the writer goes on to write.
A bit above the 60% that we promise, because the threshold lags behind."""
_STEP = 0.01
"""How far one outcome moves the threshold: some hundred keystrokes to settle."""
_LOWEST, _HIGHEST = 0.2, 0.9
_FIRST_MS = 600_000.0
_EASIER = 0.03
"""In the first ten minutes of writing the threshold is lower by so much, and by less and less: who
sees nothing at first does not know what the program does."""


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
    written_ms: float = 0.0
    """How long this writer has written with it, up to the first ten minutes."""

    def __post_init__(self) -> None:
        if not _LOWEST <= self.threshold <= _HIGHEST:
            object.__setattr__(self, "threshold", min(max(self.threshold, _LOWEST), _HIGHEST))

    def enough(self, sure: float) -> bool:
        """Whether a suggestion whose first word has this probability is shown."""
        return sure >= self.threshold - _EASIER * (1 - self.written_ms / _FIRST_MS)

    def wrote(self, ms: float) -> Confidence:
        """The writer has written for so long."""
        if self.written_ms >= _FIRST_MS:
            return self
        return replace(self, written_ms=min(_FIRST_MS, self.written_ms + ms))

    def settled(self) -> Confidence:
        """As after the first ten minutes."""
        return replace(self, written_ms=_FIRST_MS)

    def learned(self, *, right: bool, n_keys: int = 1) -> Confidence:
        """After a suggestion that was in sight for so many keys turned out right, or not."""
        moved = self.threshold + _STEP * n_keys * (WANTED - float(right))
        return replace(self, threshold=min(max(moved, _LOWEST), _HIGHEST), seen=self.seen + n_keys)
