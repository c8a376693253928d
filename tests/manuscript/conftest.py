"""What the tests of the manuscript room share: other processes, and a model of an edited text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import studio

Child = Callable[..., "subprocess.Popen[str]"]

_REPOSITORY = Path(studio.__file__).parents[1]


@pytest.fixture
def child() -> Iterator[Child]:
    """Start `code` in a Python of its own, with the other arguments in `sys.argv[1:]`."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(_REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def answer(child: Child) -> Callable[..., str]:
    """Run `code` in a Python of its own to its end; returns what it printed."""

    def run(code: str, *arguments: object) -> str:
        process = child(code, *arguments)
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        return printed

    return run
