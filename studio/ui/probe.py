"""What `lamplight bench editor` measures inside the window: it plays a writer and times paints.

The plays are in `probe_paints` and `probe_suggestions`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from studio.ui.application import Lamplight
from studio.ui.desk import Desk
from studio.ui.editor import Editor
from studio.ui.window import Window


@dataclass(frozen=True)
class Given:
    """What a play is told."""

    home: Path
    """A folder for a text."""
    n: int
    """How much is to be measured: keys, or seconds."""
    born_s: float
    """The time of day at which the process was started."""


class Probe(QObject):
    """Plays a writer in the first window and times what is painted for it.

    A play begins in `play`, puts its figures by name into `figures`, and ends with `finish`.
    """

    def __init__(self, lamplight: Lamplight, given: Given) -> None:
        super().__init__(lamplight)
        self.window: Window = lamplight.windows[0]
        self.editor: Editor = self.window.editor
        self.given = given
        self.figures: dict[str, float] = {}
        self.on_painted: Callable[[str], None] = lambda _: None
        """Called when a paint of the text and its way to the screen are over, with the grey text
        that was painted."""
        self.sent_s = 0.0
        """When the last key was posted."""
        self._lamplight = lamplight
        self.editor.viewport().installEventFilter(self)
        self.window.activateWindow()  # a bare display has nobody who would give it the keys

    def play(self) -> None:
        raise NotImplementedError

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            grey = self.editor.ghost.text
            # A timer of 0 ms comes when the paint and its way to the screen are over.
            QTimer.singleShot(0, self, lambda: self.on_painted(grey))
        return super().eventFilter(watched, event)

    def send(self, text: str) -> None:
        """Press the key of a character."""
        key = Qt.Key.Key_Return if text == "\n" else Qt.Key.Key_unknown
        typed = "\r" if text == "\n" else text
        event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, typed)
        self.sent_s = time.perf_counter()
        QCoreApplication.postEvent(self.editor, event)

    def when(self, ready: Callable[[], bool], then: Callable[[], None]) -> None:
        """Call `then` as soon as it is so."""
        if ready():
            then()
        else:
            QTimer.singleShot(5, self, lambda: self.when(ready, then))

    def finish(self) -> None:
        """Print the figures and end the program."""
        print(json.dumps(self.figures), flush=True)
        self._lamplight.leave()


def p_of(values: list[float], share: float) -> float:
    """The value below which so large a share of `values` lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(desk: Desk, probe: Callable[[Lamplight, Given], Probe], given: Given) -> int:
    """Open the window as `lamplight` does, let a probe play in it; the exit code."""
    application = QApplication(["lamplight"])
    lamplight = Lamplight(application, desk)
    lamplight.guard()
    lamplight.begin([])
    probe(lamplight, given).play()
    try:
        return application.exec()
    finally:
        lamplight.end()
