"""The window's side of courtesy: training stands still while the writer waits for the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from studio.engine import Finished, Priority, Query, Request
from studio.engine.client import EngineClient, Failed, OnEvent
from studio.tuning.courtesy import Hold
from studio.tuning.run import HOLD

HELD_S = 3.0
"""How long it stands still for one asking; asked again every second while somebody waits."""
AGAIN_S = 1.0
AFTER_S = 1.5
"""What is suggested next is mostly asked for within that time."""
AT_WORK_S = 120.0
"""How long a writer who presses a key is taken to be at work."""


class WriterFirst:
    """Knows whether a writer waits, and has the trainings in a folder stand still. Thread-safe."""

    def __init__(self, home: Path, *, again_s: float = AGAIN_S) -> None:
        """`home` holds all runs; while it does not exist, there is nothing to hold up."""
        self._home = home
        self._again_s = again_s
        self._hold = Hold(home / HOLD)
        self._waiting = 0
        self._until_s = 0.0  # what was asked for when nobody waited, such as by a key
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def begins(self) -> None:
        """The writer waits for one more answer."""
        with self._changed:
            self._waiting += 1
            if not self._home.is_dir():
                return
            self._ask(HELD_S)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._ask_again, name="writer first", daemon=True
                )
                self._thread.start()

    def ends(self) -> None:
        """One of them has come, or is not wanted any more."""
        with self._changed:
            self._waiting -= 1
            if not self._waiting and self._thread is not None:
                self._ask(AFTER_S)
                self._changed.notify()

    def at_work(self) -> None:
        """A key was pressed, and training is to stand still for as long as the writer works."""
        now_s = time.monotonic()
        with self._changed:
            # A second more or less is nothing here, and a system call for every key something.
            if self._until_s - now_s < AT_WORK_S - 1.0 and self._home.is_dir():
                self._until_s = now_s + AT_WORK_S
                self._ask(AT_WORK_S)

    def _ask(self, seconds: float) -> None:
        """What was asked for longer ago and lasts longer still holds."""
        self._hold.ask(max(seconds, self._until_s - time.monotonic()))

    def _ask_again(self) -> None:
        with self._changed:
            while True:
                self._changed.wait(self._again_s)
                if not self._waiting:
                    self._thread = None
                    return
                self._ask(HELD_S)


class CourteousClient(EngineClient):
    """An engine client whose suggestions and drafts have training stand still."""

    def __init__(self, first: WriterFirst, *, log_path: Path | None = None) -> None:
        super().__init__(log_path=log_path)
        self._first = first

    def ask(self, request: Request | Query, on_event: OnEvent) -> int:
        if request.priority is Priority.IDLE:
            return super().ask(request, on_event)
        self._first.begins()
        return super().ask(request, _until_the_end(on_event, self._first.ends))


def _until_the_end(on_event: OnEvent, ended: Callable[[], None]) -> OnEvent:
    def heard(event: object) -> None:
        if isinstance(event, Finished | Failed):
            ended()
        on_event(event)  # type: ignore[arg-type]  # it is handed on as it came

    return heard
