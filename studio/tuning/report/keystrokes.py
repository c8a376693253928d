"""Keystrokes saved on held-out text: a typist who takes what is right, with each model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np

from studio.engine import Engine
from studio.settings import Settings
from studio.tuning.report import bootstrap
from studio.tuning.report.figures import Keystrokes, NotMeasured
from studio.tuning.report.measured import Measured
from studio.tuning.report.places import spread
from studio.tuning.report.voice import Voice
from studio.writing.decisions import Options
from studio.writing.typist import Typist

_LEAD = 600
"""Characters of a chapter that stand before the first one that is typed."""


@dataclass(frozen=True)
class Typed:
    """One stretch: its characters, and the keys that it took with each model."""

    n_chars: int
    base_keys: int
    tuned_keys: int


def summarised(stretches: Sequence[Typed]) -> Keystrokes | NotMeasured:
    """The shares over all characters; the interval is over stretches, both models together."""
    if not stretches:
        return NotMeasured("There is too little held-out text to write.")
    chars = np.array([float(s.n_chars) for s in stretches])
    fewer = np.array([float(s.base_keys - s.tuned_keys) for s in stretches])
    n_chars = int(chars.sum())
    taken = bootstrap.draws(len(stretches), bootstrap.dice())
    drawn = (taken @ fewer) / (taken @ chars)
    gain = bootstrap.estimate(float(fewer.sum()) / n_chars, drawn, len(stretches))
    base = 1 - sum(s.base_keys for s in stretches) / n_chars
    tuned = 1 - sum(s.tuned_keys for s in stretches) / n_chars
    return Keystrokes(len(stretches), n_chars, base, tuned, gain)


def measure(
    base: Voice,
    tuned: Voice,
    texts: Sequence[str],
    n_stretches: int,
    n_chars: int,
    on_stretch: Callable[[], None],
    measured: Measured,
) -> Keystrokes | NotMeasured:
    """Write at most `n_stretches` of about `n_chars` of `texts`, with everything shown.

    Names are not remembered from other texts: what is measured is the model.
    """
    places = spread(texts, n_stretches, n_chars, lead=_LEAD) or spread(
        texts, n_stretches, n_chars, lead=_LEAD // 6
    )

    def keys(voice: Voice, text: str, start: int, n: int) -> tuple[int, int]:
        typist = Typist(
            cast("Engine", voice),  # it only streams
            counts=lambda: (0, 0),
            reach=Settings.context_chars,
            options=Options(gated=False),
        )
        tally = typist.write(text, start, n)
        return tally.keys, tally.chars

    def write(text: str, start: int) -> Typed:
        n = len(text) - start
        base_keys, n_written = keys(base, text, start, n)
        tuned_keys, _ = keys(tuned, text, start, n)
        return Typed(n_written, base_keys, tuned_keys)

    typed = []
    for place in places:
        # Ends where the stretch does, so that both models write the same characters.
        text = texts[place.text][: place.end]
        typed.append(measured.once((text, place.start), Typed, partial(write, text, place.start)))
        on_stretch()
    return summarised(typed)
