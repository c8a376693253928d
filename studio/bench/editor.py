"""How the window feels: from key to paint, with a million words and a model at work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from studio.bench import Row, Wanted, verse


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
        env = stack.enter_context(_display())
        for probe in PROBES:
            rows = {key: row for key, row in probe.rows.items() if row.name in wanted.rows}
            if not rows:
                continue
            n = probe.n_quick if wanted.quick else probe.n
            runs = [_run(probe, n, env) for _ in range(1 if wanted.quick else probe.repeats)]
            for key, row in rows.items():
                values = sorted(run[key] for run in runs if key in run)
                yield row.name, values[len(values) // 2] if values else None
    yield from verse.measure(wanted)


def _run(probe: Probe, n: int, env: dict[str, str]) -> dict[str, float]:
    """Figures of one run in a process and a home folder of its own; none if there are none."""
    program = [sys.executable, "-P", "-m", "studio.bench.window"]
    with tempfile.TemporaryDirectory(prefix="lamplight-bench-") as home:
        try:
            done = subprocess.run(
                [*program, probe.name, home, str(n), repr(time.time())],
                env=env,
                stdout=subprocess.PIPE,
                text=True,
                timeout=probe.limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"the window had no figures after {probe.limit_s:.0f} s", file=sys.stderr)
            return {}
    if done.returncode or not done.stdout.strip():
        print(f"the window ended with {done.returncode} and no figures", file=sys.stderr)
        return {}
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


@contextmanager
def _display() -> Iterator[dict[str, str]]:
    """The environment of a process that may open windows."""
    env = dict(os.environ)
    on_linux = sys.platform.startswith("linux")
    if not on_linux or env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"):
        yield env
    elif xvfb := shutil.which("Xvfb"):
        read, write = os.pipe()
        screen = ("-screen", "0", "1280x800x24", "-noreset", "-nolisten", "tcp")
        server = subprocess.Popen(
            [xvfb, "-displayfd", str(write), *screen],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as numbers:
            number = numbers.readline().strip()
        env.pop("QT_QPA_PLATFORM", None)
        try:
            yield {**env, "DISPLAY": f":{number}"}
        finally:
            server.terminate()
            server.wait()
    else:
        print("no display and no Xvfb: windows are measured offscreen", file=sys.stderr)
        yield {**env, "QT_QPA_PLATFORM": "offscreen"}
