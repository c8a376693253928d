"""How the window feels: from key to paint, with a million words and a model at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from studio.bench import Row, Wanted, verse
from studio.bench.windows import display, figures_of


@dataclass(frozen=True)
class Probe:
    """What one process with a window measures."""

    name: str
    rows: dict[str, Row]
    """By the name of the figure."""
    n: int
    n_quick: int
    repeats: int = 1
    """Of so many runs the median counts."""
    limit_s: float = 120.0


PROBES = (
    Probe(
        "start",
        {
            "window_s": Row("window on screen after start", "s", 1.0),
            "ghost_s": Row("first grey text after start", "s", 3.0),
        },
        n=1,
        n_quick=1,
        repeats=5,
    ),
    Probe(
        "million",
        {
            "open_ms": Row("open 1,000,000 words", "ms"),
            "key_p50_ms": Row("key to paint, median", "ms"),
            "key_p99_ms": Row("key to paint, p99", "ms", 16.0),
            "scroll_p50_ms": Row("scroll to paint, median", "ms"),
            "scroll_p99_ms": Row("scroll to paint, p99", "ms", 16.0),
        },
        n=400,
        n_quick=60,
    ),
    Probe(
        "first word",
        {
            "end_p50": Row("key to first word painted, median", "token times", 4.0),
            "end_p95": Row("key to first word painted, p95", "token times", 8.0),
            "middle_p50": Row("in the middle of a line, ranked, median", "token times"),
            "middle_p95": Row("in the middle of a line, ranked, p95", "token times"),
            "token_ms": Row("one token, greedily decoded", "ms"),
        },
        n=1400,
        n_quick=60,
        limit_s=900.0,
    ),
    Probe(
        "idle",
        {
            "worker_s": Row("idle for 60 s: worker's CPU", "s", 0.0),
            "window_percent": Row("idle for 60 s: window's CPU", "%", 1.0),
        },
        n=60,
        n_quick=10,
        limit_s=240.0,
    ),
)
ROWS = [*(row for probe in PROBES for row in probe.rows.values()), *verse.ROWS]
"""From the third to the seventh with 1,000,000 words open and a draft streaming into them."""


def measure(wanted: Wanted) -> Iterator[tuple[str, float | None]]:
    """Yield the wanted rows. Uses the display there is, or a virtual one, or none at all."""
    with ExitStack() as stack:
        env = stack.enter_context(display())
        for probe in PROBES:
            rows = {key: row for key, row in probe.rows.items() if row.name in wanted.rows}
            if not rows:
                continue
            n = probe.n_quick if wanted.quick else probe.n
            runs = [
                figures_of(probe.name, n, env, limit_s=probe.limit_s)
                for _ in range(1 if wanted.quick else probe.repeats)
            ]
            for key, row in rows.items():
                values = sorted(run[key] for run in runs if key in run)
                yield row.name, values[len(values) // 2] if values else None
    yield from verse.measure(wanted)
