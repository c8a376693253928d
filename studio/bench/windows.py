"""Processes with a window, each in a home folder of its own, and the display they need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def figures_of(
    name: str,
    n: int,
    env: dict[str, str],
    *,
    limit_s: float,
    files: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """What `studio.bench.window` measures in one run; nothing if it has no figures.

    `files`, by name, lie in its home folder beforehand.
    """
    program = [sys.executable, "-P", "-m", "studio.bench.window"]
    with tempfile.TemporaryDirectory(prefix="lamplight-bench-") as home:
        for file, content in (files or {}).items():
            (Path(home) / file).write_text(content, "utf-8")
        try:
            done = subprocess.run(
                [*program, name, home, str(n), repr(time.time())],
                env=env,
                stdout=subprocess.PIPE,
                text=True,
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"the window had no figures after {limit_s:.0f} s", file=sys.stderr)
            return {}
    if done.returncode or not done.stdout.strip():
        print(f"the window ended with {done.returncode} and no figures", file=sys.stderr)
        return {}
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


@contextmanager
def display() -> Iterator[dict[str, str]]:
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
