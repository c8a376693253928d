"""The writer goes first: training waits while a suggestion is awaited.

Training on all cores made decoding 60 times slower. So it has the lowest priority that the system
knows, and stands still while the window says so in a file. What the file says runs out by itself:
a window that is gone holds nobody up.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.02
_AT_MOST_S = 3600.0
"""A time further away than that is a broken file or a clock that was set."""


class Hold:
    """A file that says until when training should stand still; for both sides."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._handle: int | None = None

    def ask(self, seconds: float) -> None:
        """Let training stand still for so long from now on. Never raises, never waits."""
        with contextlib.suppress(OSError):
            if self._handle is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
                self._handle = os.open(self._path, flags, 0o600)
            os.lseek(self._handle, 0, os.SEEK_SET)
            os.write(self._handle, struct.pack("<d", self._clock() + seconds))

    def left_s(self) -> float:
        """How long it still has to stand still; 0 if it needn't."""
        try:
            with self._path.open("rb") as file:
                (until,) = struct.unpack("<d", file.read(8))
        except (OSError, struct.error):
            return 0.0
        left = until - self._clock()
        return left if 0 < left < _AT_MOST_S else 0.0

    def wait(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Stand still as long as is asked, or until `stop`."""
        while self.left_s() > 0 and not stop():
            time.sleep(_LOOK_EVERY_S)

    def close(self) -> None:
        """Let the file go; it stays."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def step_back() -> None:
    """Give this process the lowest priority there is; what it starts inherits it."""
    try:
        if sys.platform == "win32":
            psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS)
            return
        os.nice(19)
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (OSError, psutil.Error):
        log.info("the priority could not be lowered", exc_info=True)
