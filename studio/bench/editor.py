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

from studio.bench import Row, Wanted, verse

_START = {
    "window on screen after start": ("window_s", Row("window on screen after start", "s", 1.0)),
    "first grey text after start": ("ghost_s", Row("first grey text after start", "s", 3.0)),
}
_MILLION = {
    "open 1,000,000 words": ("open_ms", Row("open 1,000,000 words", "ms")),
    "key to paint, median": ("key_p50_ms", Row("key to paint, median", "ms")),
    "key to paint, p99": ("key_p99_ms", Row("key to paint, p99", "ms", 16.0)),
    "scroll to paint, median": ("scroll_p50_ms", Row("scroll to paint, median", "ms")),
    "scroll to paint, p99": ("scroll_p99_ms", Row("scroll to paint, p99", "ms", 16.0)),
}
ROWS = [*(row for _, row in (*_START.values(), *_MILLION.values())), *verse.ROWS]
"""From the third to the seventh with 1,000,000 words open and a draft streaming into them."""

_TIME_LIMIT_S = 120


def measure(wanted: Wanted) -> Iterator[tuple[str, float | None]]:
    """Yield the wanted rows. Uses the display there is, or a virtual one, or none at all."""
    with ExitStack() as stack:
        env = stack.enter_context(_display())
        for probe, rows, repeats in (
            ("start", _START, 1 if wanted.quick else 5),
            ("million", _MILLION, 1),
        ):
            names = [name for name in rows if name in wanted.rows]
            if not names:
                continue
            keys = 60 if wanted.quick else 400
            runs = [_probe(probe, keys, env) for _ in range(repeats)]
            for name in names:
                values = sorted(run[rows[name][0]] for run in runs if rows[name][0] in run)
                yield name, values[len(values) // 2] if values else None
    yield from verse.measure(wanted)


def _probe(name: str, keys: int, env: dict[str, str]) -> dict[str, float]:
    """Figures of one run in a process and a home folder of its own."""
    program = [sys.executable, "-P", "-m", "studio.bench.window"]
    with tempfile.TemporaryDirectory(prefix="lamplight-bench-") as home:
        done = subprocess.run(
            [*program, name, home, str(keys), repr(time.time())],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
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
        server = subprocess.Popen(
            [xvfb, "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
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
