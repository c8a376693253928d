"""When to ask and when to show: quick where answers are cheap, quiet where they are not wanted."""

from __future__ import annotations

from dataclasses import dataclass

_GATE_MS = (15.0, 55.0)
"""Grey text never appears sooner after a key; between the two by how long answers take."""
_CHEAP_MS = 150.0
"""Answers that take longer are asked for only after a pause in typing."""
_LONGEST_WAIT_MS = 400.0
_SPARING_WAIT_MS = 350.0
"""The pause on battery, or when the machine is hot."""
_READ_MS = 400.0
"""Grey text that was in sight for so long was read, so writing on against it was a choice."""
_QUIETER_AFTER, _SILENT_AFTER = 4, 10
"""Suggestions in a row that were read and not wanted."""
_QUIET_MS = 600.0


@dataclass
class Pace:
    """What was learned of this machine's speed and this writer's mood. Times in ms."""

    sparing: bool = False
    """Ask less: the machine is on battery or hot."""
    latency_ms: float = 40.0
    """How long answers take to begin, smoothed."""
    rejected: int = 0
    """Suggestions in a row that were read and not taken."""

    @property
    def wait_ms(self) -> float:
        """How long after a key the model is asked."""
        if self.sparing:
            return _SPARING_WAIT_MS
        return 0.0 if self.latency_ms <= _CHEAP_MS else min(self.latency_ms, _LONGEST_WAIT_MS)

    @property
    def gate_ms(self) -> float:
        """How long after a key an answer may be shown."""
        low, high = _GATE_MS
        gate = min(max(self.latency_ms / 2, low), high)
        return gate if self.rejected < _QUIETER_AFTER else _QUIET_MS

    @property
    def silent(self) -> bool:
        """Nothing is asked until the writer takes something, or a new paragraph begins."""
        return self.rejected >= _SILENT_AFTER

    def answered(self, latency_ms: float) -> None:
        """An answer began so long after it was asked for."""
        told_ms = min(latency_ms, 2 * _LONGEST_WAIT_MS)  # one that was awaited for long is one
        self.latency_ms += 0.2 * (told_ms - self.latency_ms)

    def unanswered(self, waited_ms: float) -> None:
        """What was asked was called off after so long, before an answer began."""
        if waited_ms > self.latency_ms:
            self.answered(waited_ms)

    def taken(self) -> None:
        """The writer took, or typed, what was suggested."""
        self.rejected = 0

    def not_wanted(self, shown_ms: float, *, sent_away: bool = False) -> None:
        """The writer went on otherwise, or sent it away, after `shown_ms` in sight."""
        if sent_away or shown_ms >= _READ_MS:
            self.rejected += 1

    def new_paragraph(self) -> None:
        """Another paragraph, another chance."""
        if self.silent:
            self.rejected = _QUIETER_AFTER
