"""What `lamplight bench editor` measures inside the window: it plays a writer and times paints."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from studio.ui.application import Lamplight
from studio.ui.desk import Desk
from studio.ui.editor import Editor
from studio.ui.window import Window
from studio.writing.decisions import Amount

WORDS = 1_000_000
_BEGINNING = "The keeper climbed the stairs of the lighthouse every evening. He lit the la"
_KEY_EVERY_MS = 60
_SCROLL_EVERY_MS = 30


class Probe(QObject):
    """Plays a writer in the first window and times what is painted for it."""

    def __init__(self, lamplight: Lamplight, repeats: int) -> None:
        super().__init__(lamplight)
        self.window: Window = lamplight.windows[0]
        self.editor: Editor = self.window.editor
        self.figures: dict[str, float] = {}
        self._lamplight = lamplight
        self._repeats = repeats
        self._sent_s: float | None = None
        self._waits_ms: list[float] = []
        self._on_painted: Callable[[], None] = lambda: None
        self.editor.viewport().installEventFilter(self)
        self.window.activateWindow()  # a bare display has nobody who would give it the keys

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            # A timer of 0 ms comes when the paint and its way to the screen are over.
            QTimer.singleShot(0, self, self._painted)
        return super().eventFilter(watched, event)

    def _painted(self) -> None:
        self._on_painted()
        if self._sent_s is not None:
            self._waits_ms.append((time.perf_counter() - self._sent_s) * 1000)
            self._sent_s = None

    def finish(self) -> None:
        print(json.dumps(self.figures), flush=True)
        self._lamplight.leave()

    # -- from the start to the first grey text ---------------------------------------------

    def time_start(self, born_s: float) -> None:
        """Seconds from the birth of the process to the window and to the first grey text."""

        def window_painted() -> None:
            self.figures["window_s"] = time.time() - born_s
            self._on_painted = ghost_painted
            self._type(list(_BEGINNING))

        def ghost_painted() -> None:
            if self.editor.ghost.visible:
                self.figures["ghost_s"] = time.time() - born_s
                self._on_painted = lambda: None
                self.finish()

        self._on_painted = window_painted

    def _type(self, keys: list[str]) -> None:
        if keys and "ghost_s" not in self.figures:
            self._send(keys.pop(0))
            QTimer.singleShot(5, self, lambda: self._type(keys))

    # -- a million words -------------------------------------------------------------------

    def time_million_words(self, path: Path) -> None:
        """Milliseconds to open, then from key and wheel to paint while a draft streams."""
        began_s = time.perf_counter()
        self.window.open(path)

        def opened() -> None:
            if self.editor.document().characterCount() < WORDS:
                return
            self.figures["open_ms"] = (time.perf_counter() - began_s) * 1000
            self._on_painted = lambda: None
            cursor = self.editor.textCursor()
            cursor.setPosition(self.editor.document().characterCount() // 2)
            cursor.movePosition(cursor.MoveOperation.EndOfBlock)
            self.editor.setTextCursor(cursor)
            self.editor.centerCursor()
            self._when(self._ready, self._begin_draft)

        self._on_painted = opened

    def _ready(self) -> bool:
        return self.window.desk.client.capabilities is not None

    def _begin_draft(self) -> None:
        self.window.completer.draft()
        self._when(lambda: len(self.editor.ghost.text) > 40, self._type_along)

    def _type_along(self) -> None:
        """Type what the streaming draft says, so that it goes on streaming."""
        if len(self._waits_ms) >= self._repeats:
            self._report("key")
            self.window.completer.draft()
            self._when(lambda: len(self.editor.ghost.text) > 40, self._scroll)
            return
        if self.editor.ghost.text:
            self._send(self.editor.ghost.text[0])
        elif not self.window.completer.accept(Amount.ALL):
            self.window.completer.draft()
        QTimer.singleShot(_KEY_EVERY_MS, self, self._type_along)

    def _scroll(self) -> None:
        if len(self._waits_ms) >= self._repeats:
            self._report("scroll")
            self.finish()
            return
        down = -120 if len(self._waits_ms) % 40 < 20 else 120
        place = QPointF(self.editor.viewport().rect().center())
        wheel = QWheelEvent(
            place,
            self.editor.viewport().mapToGlobal(place),
            QPoint(),
            QPoint(0, down),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        self._sent_s = time.perf_counter()
        QCoreApplication.postEvent(self.editor.viewport(), wheel)
        QTimer.singleShot(_SCROLL_EVERY_MS, self, self._scroll)

    def _send(self, text: str) -> None:
        key = Qt.Key.Key_Return if text == "\n" else Qt.Key.Key_unknown
        typed = "\r" if text == "\n" else text
        self._sent_s = time.perf_counter()
        event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, typed)
        QCoreApplication.postEvent(self.editor, event)

    def _report(self, name: str) -> None:
        ordered = sorted(self._waits_ms)
        self.figures[f"{name}_p50_ms"] = statistics.median(ordered)
        self.figures[f"{name}_p99_ms"] = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        self._waits_ms = []

    def _when(self, ready: Callable[[], bool], then: Callable[[], None]) -> None:
        if ready():
            then()
        else:
            QTimer.singleShot(20, self, lambda: self._when(ready, then))


def a_million_words() -> str:
    """A text of `WORDS` words in paragraphs, the same each time."""
    dice = random.Random(1)
    stock = [
        "the",
        "lamp",
        "sea",
        "keeper",
        "stairs",
        "night",
        "wind",
        "letter",
        "rain",
        "house",
        "slowly",
        "turned",
        "of",
        "was",
    ]
    paragraphs, left = [], WORDS
    while left > 0:
        n = min(left, dice.randint(20, 120))
        paragraphs.append(" ".join(dice.choices(stock, k=n)).capitalize() + ".")
        left -= n
    return "\n\n".join(paragraphs)


def measure(desk: Desk, name: str, home: Path, repeats: int, born_s: float) -> int:
    """Open the window as `lamplight` does, measure one group of figures, and print them.

    `name` is "start" or "million"; `home` is a folder for a text; `repeats` counts keys;
    `born_s` is the time of day at which the process was started.
    """
    application = QApplication(["lamplight"])
    lamplight = Lamplight(application, desk)
    lamplight.guard()
    lamplight.begin([])
    probe = Probe(lamplight, repeats)
    if name == "start":
        probe.time_start(born_s)
    else:
        path = home / "million.txt"
        path.write_text(a_million_words(), "utf-8")
        probe.time_million_words(path)
    try:
        return application.exec()
    finally:
        lamplight.end()
