"""A typist who does not wait: keys fall when they fall, and what was seen by then is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent

from studio.engine import Counted, Counting, Event
from studio.engine.client import Failed
from studio.ui import engine_bridge
from studio.ui.application import Lamplight
from studio.ui.probe import Given
from studio.ui.probe_suggestions import Writing, used_s
from studio.writing.rhythm import Sight, human, steady
from studio.writing.segments import next_word
from studio.writing.typist import is_next

_LOOKS_MS = 1_000
"""How long the writer looks at the text before the first key."""
_WORDS_A_MINUTE = 60.0


@dataclass(frozen=True)
class Script:
    """What is typed, and how."""

    text: str
    start: int
    """The first character that is typed; those before it stand there already."""
    n_chars: int
    pace_ms: float | None
    """Milliseconds a key; None for a person's rhythm."""
    seed: int = 1


class Typist(Writing):
    """Types a known text, and takes each word that was seen to be right with one key."""

    def __init__(self, lamplight: Lamplight, given: Given, script: Script) -> None:
        super().__init__(lamplight, given)
        self._script = script
        self._rhythm = (
            human(_WORDS_A_MINUTE, script.seed)
            if script.pace_ms is None
            else steady(script.pace_ms)
        )
        self._at = script.start
        self._sight = Sight()
        self._due_s = self._first_key_s = 0.0
        self._taken_from = -1
        self._keys = self._seen = self._right = self._slips = self._words = 0
        self._words_since = self._longest = 0
        self._used_s: tuple[float, float] = (0.0, 0.0)
        self._evaluated_before = 0
        self._late_ms = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._press)

    def play(self) -> None:
        path = self.given.home / "story.txt"
        text = self._script.text[: self._script.start]
        path.write_text(text, "utf-8", newline="")
        self.window.open(path)

        def opened() -> None:
            self.put_cursor(len(text))
            self._count(self._begin)
            self._due_s = time.perf_counter() + _LOOKS_MS / 1000
            self._timer.start(_LOOKS_MS)

        self.when(lambda: self.editor.text() == text and self.loaded(), opened)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            at, grey = self.editor.textCursor().position(), self.editor.ghost.text
            QTimer.singleShot(0, self, lambda: self._painted(at, grey))
        return super().eventFilter(watched, event)

    def _painted(self, at: int, grey: str) -> None:
        self._sight.painted(at, grey, time.perf_counter() * 1000)
        if grey and self._keys:
            seconds = time.perf_counter() - self._first_key_s
            self.figures.setdefault("first_s", seconds)

    def _press(self) -> None:
        """The next key falls now."""
        script, text = self._script, self._script.text
        now_s = time.perf_counter()
        self._late_ms = max(self._late_ms, (now_s - self._due_s) * 1000)
        if self._keys == 0:
            self._first_key_s = now_s
            self._used_s = self._processor_time()
        if self._taken_from >= 0 and not self._taken():
            self._keys += 1
            self._slips += 1
            self._key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
            self._go_on()
            return
        if self._at >= script.start + script.n_chars:
            self._count(self._end)
            return
        self._keys += 1
        if not self._take(now_s):
            letter = text[self._at]
            self.send(letter)
            self._at += 1
            if letter.isspace() and not text[self._at - 2].isspace():
                self._words_since += 1
                self._longest = max(self._longest, self._words_since)
        self._go_on()

    def _take(self, now_s: float) -> bool:
        """Look at what is in sight, and take the next word if it is right and saves a key."""
        text, at, sight = self._script.text, self._at, self._sight
        if sight.at != at or not sight.text:
            return False
        word = next_word(sight.text, text[max(0, at - 200) : at])
        if not sight.seen(len(word), now_s * 1000):
            return False
        self._seen += 1
        self._words_since = 0
        if not is_next(word, text, at):
            return False
        self._right += 1
        if len(word.strip()) < 2:
            return False
        self._taken_from = at
        self._key(Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
        return True

    def _taken(self) -> bool:
        """What the key that takes has brought; whether that is what the text has there."""
        at, self._taken_from = self._taken_from, -1
        position = self.editor.textCursor().position()
        inserted = self.editor.text()[at:position]
        if not self._script.text.startswith(inserted, at):
            return False
        self._at = at + len(inserted)
        return True

    def _go_on(self) -> None:
        self._due_s += self._rhythm(self._script.text[max(0, self._at - 10) : self._at]) / 1000
        self._timer.start(max(0, round((self._due_s - time.perf_counter()) * 1000)))

    def _key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> None:
        QCoreApplication.postEvent(self.editor, QKeyEvent(QEvent.Type.KeyPress, key, modifiers))

    def _count(self, then: Callable[[Counted], None]) -> None:
        """Ask the model's process how much it has computed."""

        def heard(event: Event | Failed) -> None:
            if isinstance(event, Counted):
                then(event)

        engine_bridge.ask(self, self.window.desk, Counting(), heard)

    def _processor_time(self) -> tuple[float, float]:
        worker, window = used_s(psutil.Process(self.worker_pid)), used_s(psutil.Process())
        return worker, window

    def _begin(self, counted: Counted) -> None:
        """From now on it is counted what is evaluated again."""
        self._evaluated_before = counted.evaluated

    def _end(self, counted: Counted) -> None:
        script = self._script
        end = self._at
        typed = self.editor.text()[script.start :]
        if typed != script.text[script.start : end]:
            raise ValueError(f"the text became {typed!r}")
        wall_s = time.perf_counter() - self._first_key_s
        worker_s, window_s = (
            now - before for now, before in zip(self._processor_time(), self._used_s, strict=True)
        )
        n_chars = end - script.start
        self.figures |= {
            "chars": n_chars,
            "keys": self._keys,
            "seen": self._seen / self._keys,
            "right": self._right / max(1, self._seen),
            "wrong": (self._seen - self._right) / self._keys,
            "saved": 1 - self._keys / n_chars,
            "longest": self._longest,
            "slips": self._slips,
            "late_ms": self._late_ms,
            "evaluated": counted.evaluated - self._evaluated_before,
            "again": counted.again,
            "interrupted": counted.interrupted,
            "wall_s": wall_s,
            "worker_cpu": worker_s / wall_s,
            "window_cpu": window_s / wall_s,
        }
        self.window.document.close(discard=True)
        self.finish()
