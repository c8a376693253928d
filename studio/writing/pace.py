"""When to ask and when to show: quick where answers are cheap, quiet where they are not wanted."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

_GATE_MS = (15.0, 55.0)
"""Grey text never appears sooner after a key; between the two by how long answers take."""
_CHEAP_MS = 150.0
"""Answers that take longer are asked for only after a pause in typing."""
_LONGEST_WAIT_MS = 400.0
_SPARING_WAIT_MS = 350.0
"""The pause on battery, or when the machine is hot."""
_UNKNOWN_MS = 40.0
"""What answers are taken to need while nothing is known."""
_ANSWERS, _FRESH_MS = 5, 10_000.0
"""So many of the last answers, none older, tell how long they take."""
_ASKED, _ASKED_FRESH_MS = 8, 20_000.0
"""So many of the last requests, none older, tell whether the model keeps up with typing."""
_READ_MS = 400.0
"""Grey text that was in sight for so long was read, so writing on against it was a choice."""
_QUIETER_AFTER, _SILENT_AFTER = 4, 10
"""Suggestions in a row that were read and not wanted."""
_QUIET_MS = 600.0


@dataclass
class Pace:
    """What was learned of this machine's speed and this writer's mood. Times in ms.

    An answer's latency is what it takes once its prompt is read. What is old is forgotten: a
    machine that was busy for a while is soon believed to be quick again.
    """

    sparing: bool = False
    """Ask less: the machine is on battery or hot."""
    rejected: int = 0
    """Suggestions in a row that were read and not taken."""
    _latencies: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_ANSWERS))
    """(when, how long), the last ones."""
    _kept_up: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=_ASKED))
    """(when, whether an answer began before the writer typed on), of the last requests."""

    def latency_ms(self, now_ms: float) -> float:
        """How long answers take to begin: the median of those that are fresh."""
        fresh = [ms for at_ms, ms in self._latencies if now_ms - at_ms < _FRESH_MS]
        return statistics.median(fresh) if fresh else _UNKNOWN_MS

    def wait_ms(self, now_ms: float) -> float:
        """How long after a key the model is asked."""
        if self.sparing:
            return _SPARING_WAIT_MS
        latency_ms = self.latency_ms(now_ms)
        return 0.0 if latency_ms <= _CHEAP_MS else min(latency_ms, _LONGEST_WAIT_MS)

    def gate_ms(self, now_ms: float) -> float:
        """How long after a key an answer may be shown."""
        low, high = _GATE_MS
        gate = min(max(self.latency_ms(now_ms) / 2, low), high)
        return gate if self.rejected < _QUIETER_AFTER else _QUIET_MS

    def only_at_pauses(self, now_ms: float) -> bool:
        """Whether answers don't come while the writer types, because the model is slow here."""
        fresh = [kept for at_ms, kept in self._kept_up if now_ms - at_ms < _ASKED_FRESH_MS]
        too_late = len(fresh) == _ASKED and sum(fresh) <= 1
        return too_late or (not self.sparing and self.wait_ms(now_ms) > 0)

    @property
    def silent(self) -> bool:
        """Nothing is asked until the writer takes something, or a new paragraph begins."""
        return self.rejected >= _SILENT_AFTER

    def answered(self, latency_ms: float, now_ms: float) -> None:
        """An answer began so long after it was asked for and its prompt was read."""
        self._latencies.append((now_ms, latency_ms))
        self._kept_up.append((now_ms, True))

    def unanswered(self, waited_ms: float | None, now_ms: float) -> None:
        """What was asked was called off before an answer began.

        `waited_ms`: so long after its prompt was read; None if nobody knows whether it was.
        """
        self._kept_up.append((now_ms, False))
        if waited_ms is not None and waited_ms > self.latency_ms(now_ms):
            self._latencies.append((now_ms, waited_ms))

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
