"""How soon there is something to be seen: after the start, after a key, after the wheel."""

from __future__ import annotations

import random
import statistics
import time

from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent

from studio.ui.application import Lamplight
from studio.ui.probe import Given, Probe, p_of
from studio.writing.decisions import Amount

WORDS = 1_000_000
_BEGINNING = (
    "The keeper climbed the stairs of the lighthouse every evening, lit the lamp and looked out at "
    "the oc"
)
"""How it ends is as good as certain, so that it is suggested."""
_KEY_EVERY_MS = 60
_SCROLL_EVERY_MS = 30


class Start(Probe):
    """Seconds from the birth of the process to the window and to the first grey text."""

    def play(self) -> None:
        self.on_painted = self._window_painted

    def _window_painted(self, _: str) -> None:
        self.figures["window_s"] = time.time() - self.given.born_s
        self.on_painted = self._text_painted
        self._type(list(_BEGINNING))

    def _text_painted(self, grey: str) -> None:
        if grey:
            self.figures["ghost_s"] = time.time() - self.given.born_s
            self.on_painted = lambda _: None
            self.finish()

    def _type(self, keys: list[str]) -> None:
        if keys and "ghost_s" not in self.figures:
            self.send(keys.pop(0))
            QTimer.singleShot(5, self, lambda: self._type(keys))


class Million(Probe):
    """Milliseconds to open a million words, then from key and wheel to paint while a draft
    streams."""

    def __init__(self, lamplight: Lamplight, given: Given) -> None:
        super().__init__(lamplight, given)
        self._waits_ms: list[float] = []
        self._awaited = False

    def play(self) -> None:
        path = self.given.home / "million.txt"
        path.write_text(a_million_words(), "utf-8")
        began_s = time.perf_counter()

        def opened(_: str) -> None:
            if self.editor.document().characterCount() < WORDS:
                return
            self.figures["open_ms"] = (time.perf_counter() - began_s) * 1000
            self.on_painted = self._painted
            cursor = self.editor.textCursor()
            cursor.setPosition(self.editor.document().characterCount() // 2)
            cursor.movePosition(cursor.MoveOperation.EndOfBlock)
            self.editor.setTextCursor(cursor)
            self.editor.centerCursor()
            self.when(self._ready, self._begin_draft)

        self.on_painted = opened
        self.window.open(path)

    def _painted(self, _: str) -> None:
        if self._awaited:
            self._waits_ms.append((time.perf_counter() - self.sent_s) * 1000)
            self._awaited = False

    def _ready(self) -> bool:
        return self.window.desk.client.capabilities is not None

    def _begin_draft(self) -> None:
        self.window.completer.draft()
        self.when(lambda: len(self.editor.ghost.text) > 40, self._type_along)

    def _type_along(self) -> None:
        """Type what the streaming draft says, so that it goes on streaming."""
        if len(self._waits_ms) >= self.given.n:
            self._report("key")
            self.window.completer.draft()
            self.when(lambda: len(self.editor.ghost.text) > 40, self._scroll)
            return
        if self.editor.ghost.text:
            self.send(self.editor.ghost.text[0])
            self._awaited = True
        elif not self.window.completer.accept(Amount.ALL):
            self.window.completer.draft()
        QTimer.singleShot(_KEY_EVERY_MS, self, self._type_along)

    def _scroll(self) -> None:
        if len(self._waits_ms) >= self.given.n:
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
        self.sent_s = time.perf_counter()
        self._awaited = True
        QCoreApplication.postEvent(self.editor.viewport(), wheel)
        QTimer.singleShot(_SCROLL_EVERY_MS, self, self._scroll)

    def _report(self, name: str) -> None:
        self.figures[f"{name}_p50_ms"] = statistics.median(self._waits_ms)
        self.figures[f"{name}_p99_ms"] = p_of(self._waits_ms, 0.99)
        self._waits_ms = []


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
