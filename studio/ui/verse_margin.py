"""Beside the lines of a song: how many syllables each has, and which ones rhyme."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
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

    def facts(self) -> dict[int, tuple[int, str]]:
        """Syllables and letter of each line in sight, by the number of its paragraph."""
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
        text_metrics = QFontMetricsF(self._editor.font())
        rise_px = text_metrics.ascent() - metrics.ascent()
        letter_px = metrics.horizontalAdvance("M")
        editor = self._editor
        block, facts = editor.firstVisibleBlock(), self.facts()
        offset = editor.contentOffset()
        while block.isValid() and block.blockNumber() in facts:
            n, letter = facts[block.blockNumber()]
            top_px = editor.blockBoundingGeometry(block).translated(offset).top() + rise_px
            if top_px > event.rect().bottom():
                break
            if n and block.isVisible():
                right_px = self.width() - letter_px - _GAP_PX
                area = QRectF(0, top_px, right_px - _GAP_PX / 2, metrics.height())
                painter.drawText(area, Qt.AlignmentFlag.AlignRight, str(n))
                area = QRectF(right_px, top_px, letter_px, metrics.height())
                painter.drawText(area, Qt.AlignmentFlag.AlignHCenter, letter)
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

    def _on_update(self) -> None:
        if self.isVisible():
            self.update()

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
        self.update()

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
