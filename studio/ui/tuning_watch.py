"""Follows one tuning, from whatever window, and tells its process what to do."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from studio.tuning import TuningError
from studio.tuning.events import LAST, Do, Failed, Finished, Stopped, Told
from studio.tuning.run import Run
from studio.ui.background import in_background
from studio.ui.tuning_state import GONE, Phase, RunState

LOOK_MS = 500
AT_REST_MS = 2_000
SILENT_S = 5.0
"""After so long without a word it is asked whether anybody still works on it. Not more often: who
asks holds the lock for a moment."""
BEGINS_WITHIN_S = 60.0
NOT_BEGUN = "It did not begin. Go on to try again; what stood in its way is in its log."


class Watch(QObject):
    """Reads in the background what a run has told, as long as something may come."""

    changed = Signal()
    """`state` or `phase` is another."""
    failed = Signal(str)
    """A sentence: it could not be started or told."""

    def __init__(self, run: Run, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self.state = RunState()
        self.phase = Phase.LOOKING
        self.asked: Do | None = None
        """What it was told to do, until it does."""
        self._following = run.follow()
        self._reading = False
        self._alive = False
        self._heard_s = time.monotonic()
        self._asked_lock_s = 0.0
        self._started_s = 0.0
        self._did_not_begin = False
        self._turn = 0
        """How often it was started from here."""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.setTimerType(Qt.TimerType.CoarseTimer)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self.look()

    @property
    def sentence(self) -> str:
        """Why it stands, when it does."""
        last = self.state.last
        if isinstance(last, Stopped | Failed | Finished):
            return last.sentence
        if self._did_not_begin:
            return NOT_BEGUN
        if not self.state.began:
            return "It has not begun yet."
        step = self.state.steps[-1].step if self.state.steps else 0
        where = f", at step {step:,}" if step else ""
        return f"{GONE.removesuffix('.')}{where}. What was kept is there: go on."

    @property
    def paused(self) -> bool:
        """It stands still because it was told to."""
        return self.state.standing == "asked"

    def start(self) -> None:
        """Begin, or go on."""
        self._started_s = self._heard_s = time.monotonic()
        self._turn += 1
        self.asked = None
        self.state.last = None
        self.phase = Phase.STARTING
        self.changed.emit()
        self._timer.start(LOOK_MS)
        in_background(self, self.run.start, done=lambda _: None, failed=self._fail)

    def tell(self, do: Do) -> None:
        """Pause, go on, stop or finish."""
        self.asked = do
        self.changed.emit()
        in_background(self, lambda: self.run.tell(do), done=lambda _: None, failed=self._fail)

    def look(self) -> None:
        """See what is new."""
        if self._reading:
            return
        self._reading = True
        first, ask_lock = self.phase is Phase.LOOKING, self._is_to_ask()

        def read() -> tuple[list[Told], bool | None]:
            told = list(self._following.events())
            ended = bool(told) and isinstance(told[-1].event, LAST)
            if not ask_lock or ended or (told and not first):
                return told, None
            return told, self.run.is_running

        turn = self._turn
        in_background(self, read, done=lambda found: self._take(*found, turn))

    def _is_to_ask(self) -> bool:
        now_s = time.monotonic()
        if self.phase is Phase.STARTING:
            return now_s - self._started_s > BEGINS_WITHIN_S
        if self.phase is Phase.LOOKING:
            return True
        silent = now_s - self._heard_s > SILENT_S and now_s - self._asked_lock_s > SILENT_S
        return self.phase is Phase.RUNNING and silent

    def _take(self, told: list[Told], alive: bool | None, turn: int) -> None:
        self._reading = False
        if turn != self._turn:  # nobody worked on it before it was started
            alive = None
        before = (self.phase, self.asked)
        if told:
            self._heard_s = time.monotonic()
        if alive is not None:
            self._asked_lock_s = time.monotonic()
        for each in told:
            self.state.take(each)
        last = self.state.last
        if isinstance(last, Finished):
            self.phase = Phase.FINISHED
        elif last is not None or alive is False:
            self._did_not_begin = self.phase is Phase.STARTING
            self.phase = Phase.STOPPED
        elif told or alive:
            self.phase = Phase.RUNNING
        if self.phase in (Phase.STOPPED, Phase.FINISHED):
            self.asked = None
        # Another window may go on with it.
        self._timer.setInterval(AT_REST_MS if self.phase is Phase.STOPPED else LOOK_MS)
        if self.phase is Phase.FINISHED:
            self._timer.stop()
        doing = self.state.doing
        if (
            (self.asked == "pause" and self.paused)
            or (self.asked == "go on" and not self.state.standing)
            or (self.asked == "finish" and doing is not None and doing.what != "training")
        ):
            self.asked = None
        if told or before != (self.phase, self.asked):
            self.changed.emit()

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, TuningError):
            raise error
        self.asked = None
        if self.phase is Phase.STARTING:  # such as when another window was quicker
            self.phase = Phase.LOOKING
            self.look()
        self.failed.emit(str(error))
        self.changed.emit()
