"""A difference between two texts to look at. It reads without colours, too."""

from __future__ import annotations

from PySide6.QtGui import QColor, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QWidget

from studio.ui.difference import Difference, Line
from studio.ui.theme import Colours, colours_now

KEY = "+ added, underlined.  − removed, struck out."
_MARKS = {"+": "+", "-": "−", " ": " ", "…": "…"}
_INDENT_PX = 22


class DifferenceView(QTextEdit):
    """Shows lines with a mark, and the words that differ in them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName("Difference")
        self.setToolTip(KEY)
        self.setMinimumSize(440, 200)
        self._difference: Difference | None = None
        self.wait()

    def wait(self) -> None:
        """Nothing is known yet."""
        self._difference = None
        self.setPlainText("Comparing the texts…")

    def show_difference(self, found: Difference) -> None:
        """Show what was found, from its beginning."""
        self._difference = found
        self.clear()
        colours = colours_now()
        cursor = self.textCursor()
        for i, line in enumerate(found.lines):
            if i:
                cursor.insertBlock()
            _write(cursor, line, colours)
        if not found.lines:
            cursor.insertText("The two texts are the same.")
        if not found.complete:
            cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())
            cursor.insertText("There is more. Only the beginning of the difference is shown.")
        self.moveCursor(QTextCursor.MoveOperation.Start)


def _write(cursor: QTextCursor, line: Line, colours: Colours) -> None:
    grounds = {
        "+": (colours.added, colours.added_word),
        "-": (colours.removed, colours.removed_word),
    }
    block = QTextBlockFormat()
    block.setLeftMargin(_INDENT_PX)
    block.setTextIndent(-_INDENT_PX)
    block.setTopMargin(2)
    plain = QTextCharFormat()
    changed = QTextCharFormat()
    if line.mark in grounds:
        ground, word_ground = grounds[line.mark]
        block.setBackground(QColor(ground))
        changed.setBackground(QColor(word_ground))
        changed.setFontUnderline(line.mark == "+")
        changed.setFontStrikeOut(line.mark == "-")
    else:
        plain.setForeground(QColor(colours.grey))
    cursor.setBlockFormat(block)
    cursor.insertText(f"{_MARKS[line.mark]}\u2002", plain)
    for run in line.runs:
        cursor.insertText(run.text, changed if run.changed else plain)
