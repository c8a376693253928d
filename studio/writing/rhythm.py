"""When a person presses the next key, and what of the grey text they have seen by then."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

SEEN_AFTER_MS = 250.0
"""Grey text that was in sight for less before a key did not count for it."""
_SPREAD = 0.4
"""Of the logarithm of the time between two keys."""
_THINKS_MS = (600.0, 2_000.0)
_THINKS_AT = ".!?…\n"
_CLOSING = "”’\"')]"
_THINKS_INSIDE = 0.04
"""Before so large a share of the words inside of a sentence."""

Rhythm = Callable[[str], float]
"""How long after the text so far the next key falls, in ms."""


def steady(every_ms: float) -> Rhythm:
    """One key after the other, without a pause."""
    return lambda _: every_ms


def human(words_a_minute: float, seed: int) -> Rhythm:
    """A person's rhythm: log-normal intervals, and pauses to think.

    Intervals have a mean of one fifth of the time for a word. A pause of 0.6 to 2 s comes at the
    end of sentences and paragraphs, and now and then before a word.
    """
    dice = random.Random(seed)  # noqa: S311  a writer's pauses are no secret
    mean_ms = 60_000 / (5 * words_a_minute)
    mu = math.log(mean_ms) - _SPREAD**2 / 2

    def after(before: str) -> float:
        interval = dice.lognormvariate(mu, _SPREAD)
        sentence = before.rstrip(" ").rstrip(_CLOSING)
        ended = before[-1:].isspace() and sentence[-1:] in _THINKS_AT
        ended = ended and before[-2:] != "\n\n"  # thought about at the first of the two
        inside = before[-1:] == " " and dice.random() < _THINKS_INSIDE
        return interval + dice.uniform(*_THINKS_MS) if ended or inside else interval

    return after


@dataclass
class Sight:
    """Since when each letter of the grey text has been in sight. Places count in the document."""

    at: int = 0
    text: str = ""
    _since_ms: list[float] = field(default_factory=list)

    def painted(self, at: int, text: str, now_ms: float) -> None:
        """From now on `text` is in sight at place `at`, and nothing else."""
        known = dict(enumerate(zip(self.text, self._since_ms, strict=True), self.at))
        since: list[float] = []
        same = True
        for place, letter in enumerate(text, at):
            was = known.get(place)
            same = same and was is not None and was[0] == letter
            since.append(was[1] if same and was is not None else now_ms)
        self.at, self.text, self._since_ms = at, text, since

    def seen(self, n: int, now_ms: float) -> bool:
        """Whether the first `n` letters have been in sight for long enough."""
        since = self._since_ms[:n]
        return bool(since) and now_ms - max(since) >= SEEN_AFTER_MS
