"""Beside the lines of a song: how many syllables each has, and which ones rhyme."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, Qt, QTimer
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QPalette, QTextBlock
from PySide6.QtWidgets import QWidget

from studio.ui.background import in_background
from studio.ui.editor import Editor
from studio.writing.sounds import Sounds
from studio.writing.verse import is_break, rhyme_scheme, syllables

log = logging.getLogger(__name__)

_SIZE = 0.75
"""Of the text's letters."""
_GAP_PX = 10
_LOOK_BACK_LINES = 60
"""How far above the window the beginning of a stanza is looked for."""
_SETTLE_MS = 40
"""The figures follow the typing at this distance, so that a key costs nothing here."""
_LONGEST_UNITS = 500
"""A longer line is no verse, and gets no figures."""


class VerseMargin(QWidget):
    """A child of `editor` that stands left of its column. Nothing is computed while it is off.

    `load` gives the sounds of words; it is called in the background when they are first needed.
    """

    def __init__(self, editor: Editor, load: Callable[[], Sounds]) -> None:
        super().__init__(editor)
        self._editor = editor
        self._load = load
        self._sounds: Sounds | None = None
        self._count: Callable[[str], int] = lambda _: 0
        self._facts: dict[int, tuple[int, str]] = {}
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self.setAccessibleName("Syllables and rhymes")
        self.setToolTip("The syllables of each line. Lines of a stanza with the same letter rhyme.")
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.hide()
        editor.updateRequest.connect(self._on_update)
        editor.recoloured.connect(self.update)
        editor.viewport().installEventFilter(self)

    def show_for_verse(self, on: bool) -> None:
        """Show the margin, or take it away."""
        if on and self._sounds is None:
            in_background(self, self._load, done=self._ready, failed=self._failed)
        self.setVisible(on)
        self._place()
        self._settle.start()

    @property
    def facts(self) -> dict[int, tuple[int, str]]:
        """Syllables and letter of each line in sight, by the number of its paragraph."""
        return self._facts

    def _look(self) -> None:
        """Find the facts anew, and paint the lines of which they changed."""
        known, self._facts = self._facts, self._measured() if self.isVisible() else {}
        changed = sorted(
            number
            for number in known.keys() | self._facts.keys()
            if known.get(number) != self._facts.get(number)
        )
        if changed:
            editor = self._editor
            first, last = map(editor.document().findBlockByNumber, (changed[0], changed[-1]))
            offset = editor.contentOffset()
            area = editor.blockBoundingGeometry(first).translated(offset)
            if last.isValid():
                area |= editor.blockBoundingGeometry(last).translated(offset)
                self.update(0, int(area.top()), self.width(), math.ceil(area.height()) + 1)
            else:
                self.update()

    def _measured(self) -> dict[int, tuple[int, str]]:
        sounds = self._sounds
        if sounds is None:
            return {}
        first = self._editor.firstVisibleBlock()
        start = _stanza_of(first)
        lines: list[str] = []
        block, bottom_px = start, self.height()
        offset = self._editor.contentOffset()
        while block.isValid():
            if (
                block.blockNumber() > first.blockNumber()
                and self._editor.blockBoundingGeometry(block).translated(offset).top() > bottom_px
            ):
                break
            lines.append(block.text() if block.length() <= _LONGEST_UNITS else "")
            block = block.next()
        letters = rhyme_scheme(lines, sounds)
        return {
            start.blockNumber() + i: (self._count(line), letter)
            for i, (line, letter) in enumerate(zip(lines, letters, strict=True))
            if start.blockNumber() + i >= first.blockNumber()
        }

    # -- painting ----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = self._font()
        painter.setFont(font)
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        metrics = QFontMetricsF(font)
        baseline_px = QFontMetricsF(self._editor.font()).ascent()
        letter_left_px = self.width() - metrics.horizontalAdvance("M") - _GAP_PX
        digit_px = metrics.horizontalAdvance("0")
        editor = self._editor
        block, offset = editor.firstVisibleBlock(), editor.contentOffset()
        while block.isValid():
            area = editor.blockBoundingGeometry(block).translated(offset)
            if area.top() > event.rect().bottom():
                break
            n, letter = self._facts.get(block.blockNumber(), (0, ""))
            if n and area.bottom() >= event.rect().top():
                y = area.top() + baseline_px
                count = str(n)
                x = letter_left_px - _GAP_PX / 2 - digit_px * len(count)
                painter.drawText(QPointF(x, y), count)
                painter.drawText(QPointF(letter_left_px, y), letter)
            block = block.next()

    def _font(self) -> QFont:
        font = QFont(self._editor.font())
        font.setPointSizeF(font.pointSizeF() * _SIZE)
        return font

    # -- following the editor ----------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place()
        return super().eventFilter(watched, event)

    def _on_update(self, area: QRect, dy: int) -> None:
        """Move and paint along with the text; what it says now is seen a moment later."""
        if not self.isVisible():
            return
        if dy:
            self.scroll(0, dy)
        else:
            self.update(0, area.top(), self.width(), area.height())
        if not self._settle.isActive():
            self._settle.start()

    def _place(self) -> None:
        """Stand beside the column, which makes room while the margin is on."""
        on = not self.isHidden()
        width_px = round(QFontMetricsF(self._font()).horizontalAdvance("888M")) + 2 * _GAP_PX
        self._editor.keep_left_free(width_px if on else 0)
        if on:
            viewport = self._editor.viewport().geometry()
            self.setGeometry(
                viewport.left() - width_px, viewport.top(), width_px, viewport.height()
            )
            self.raise_()

    def _ready(self, sounds: Sounds) -> None:
        self._sounds = sounds
        self._count = lru_cache(maxsize=4096)(lambda line: syllables(line, sounds))
        self._look()

    def _failed(self, error: Exception) -> None:
        # The line bar says so in words when it is asked for something.
        log.error("no syllables and rhymes: %s", error)


def _stanza_of(block: QTextBlock) -> QTextBlock:
    """The block where the stanza of `block` begins, or one far enough above."""
    for _ in range(_LOOK_BACK_LINES):
        before = block.previous()
        if not before.isValid() or is_break(before.text()[:_LONGEST_UNITS]):
            break
        block = before
    return block
