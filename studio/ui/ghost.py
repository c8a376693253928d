"""Grey text at the cursor that is not part of the document.

It is given to the paragraph's layout as the text of an input method would be, so it wraps and
pushes the rest of the paragraph along, but is never in the document, its undo stack, the
clipboard or the saved file.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPalette, QTextBlock, QTextCharFormat, QTextCursor, QTextLayout
from PySide6.QtWidgets import QPlainTextEdit

from studio.manuscript.utf16 import length
from studio.ui.block_formats import put_midst

MAX_PARAGRAPH_UNITS = 20_000
"""No grey text in a longer paragraph: each change of it lays out the whole paragraph again,
which takes 0.2 s for a file of one endless line (1 MB) and 2 ms here (9 ms without spaces)."""


class GhostText:
    """The grey text of one editor. Whoever changes text or cursor clears it before."""

    def __init__(self, editor: QPlainTextEdit) -> None:
        self._editor = editor
        self._text = ""
        self._painted = ""
        self._at = QTextCursor()

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text

    @property
    def visible(self) -> bool:
        return bool(self._text)

    @property
    def possible(self) -> bool:
        """Whether the paragraph at the cursor is short enough for grey text."""
        return self._editor.textCursor().block().length() <= MAX_PARAGRAPH_UNITS

    def show(self, text: str) -> None:
        """Show `text` at the cursor in place of what was shown."""
        cursor = self._editor.textCursor()
        if self.visible and cursor.position() != self._at.position():
            self.clear()
        if not text or not self.possible:
            self.clear()
            return
        if text == self._text:
            return
        self._at = cursor
        self._text = text
        self._painted = text.replace("\n", "\u2028")
        self._paint(cursor.block())
        self._keep_newest_line_visible()

    def clear(self) -> None:
        """Take the grey text away."""
        if self.visible:
            self._text = self._painted = ""
            self._take_from(self._at.block())

    def clear_after_change(self, at: int, added: int) -> None:
        """The same, for a change of the text that came while there was grey text.

        Its paragraph may have been split or joined with another, so all that it may be now lose
        what stands there; Qt crashes where it stands behind the end of the paragraph. That goes
        for text that an input method was composing, too.
        """
        self.clear()
        for place in (at, at + added):
            self._take_from(self._editor.document().findBlock(place))

    def recolour(self) -> None:
        """The palette has changed."""
        if self.visible:
            self._paint(self._at.block())

    def position_at(self, point: QPointF) -> int:
        """The document's position under `point` of the viewport.

        Qt's own answer counts the grey text in; here a place within it is the cursor's.
        """
        block = self._at.block()
        area = self._area(block)
        if not area.top() <= point.y() < area.bottom():
            return self._editor.cursorForPosition(point.toPoint()).position()
        layout = block.layout()
        place = point - area.topLeft()
        lines = [layout.lineAt(i) for i in range(layout.lineCount())]
        line = next((line for line in lines if place.y() < line.y() + line.height()), lines[-1])
        index = line.xToCursor(place.x())
        ghost_at = self._at.positionInBlock()
        if index > ghost_at:
            index = max(ghost_at, index - length(self._painted))
        return block.position() + index

    def _area(self, block: QTextBlock) -> QRectF:
        """Where the paragraph is in the viewport; asking for it makes Qt lay it out."""
        return self._editor.blockBoundingGeometry(block).translated(self._editor.contentOffset())

    def _paint(self, block: QTextBlock) -> None:
        """Lay the grey text out; Qt hears of no change of the document's contents."""
        grey = QTextCharFormat()
        grey.setForeground(self._editor.palette().brush(QPalette.ColorRole.PlaceholderText))
        painted = QTextLayout.FormatRange()
        painted.start = self._at.positionInBlock()
        painted.length = length(self._painted)
        painted.format = grey
        put_midst(block.layout(), painted.start, self._painted, [painted])
        self._editor.document().markContentsDirty(block.position(), block.length())

    def _take_from(self, block: QTextBlock) -> None:
        if block.isValid() and block.layout().preeditAreaText():
            put_midst(block.layout(), -1, "")
            self._editor.document().markContentsDirty(block.position(), block.length())

    def _keep_newest_line_visible(self) -> None:
        """Scroll so far that the end of the grey text is in sight, if the cursor stays so too."""
        caret = self._editor.cursorRect()
        height = self._editor.viewport().height()
        if caret.top() < 0 or caret.bottom() > height:
            return
        block = self._at.block()
        area = self._area(block)
        end = self._at.positionInBlock() + length(self._painted)
        last = block.layout().lineForTextPosition(end)
        if not last.isValid():
            return
        hidden_px = area.top() + last.y() + last.height() - height
        if hidden_px > 0:
            lines = min(math.ceil(hidden_px / last.height()), int(caret.top() / last.height()))
            bar = self._editor.verticalScrollBar()
            bar.setValue(bar.value() + lines)
