"""Enter, Tab and closing brackets in code: each changes the text as one step that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QTextBlock, QTextCursor

from studio.ui.plain_text import text_between
from studio.writing.code import closing_indent, indent_unit, next_indent
from studio.writing.languages import Language

_LOOK_BACK_UNITS = 8_000
_CLOSING = (")", "]", "}")


class CodeEdit(NamedTuple):
    """What a key does."""

    typing: str
    """The text that it types, if that is all that it does."""
    make: Callable[[], QTextCursor]
    """Do it; the answer is where the cursor is then."""


def edit_of(event: QKeyEvent, cursor: QTextCursor, language: Language) -> CodeEdit | None:
    """What `event` does in code if that is not what it does in prose."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    plain = not modifiers & ~Qt.KeyboardModifier.ShiftModifier
    if not plain:
        return None
    before = _before(cursor)
    if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        return _typing(cursor, "\n" + next_indent(before, language))
    if not cursor.hasSelection() and event.text() in _CLOSING:
        return _closing(cursor, before, event.text(), language)
    unit = indent_unit(before, language)
    if event.key() == Qt.Key.Key_Backtab:
        return CodeEdit("", lambda: _outdent(cursor, unit))
    if event.key() != Qt.Key.Key_Tab or modifiers:
        return None
    if cursor.hasSelection():
        return CodeEdit("", lambda: _indent(cursor, unit))
    return _typing(cursor, _to_next_stop(before.rpartition("\n")[2], unit))


def _before(cursor: QTextCursor) -> str:
    end = cursor.selectionStart()
    return text_between(cursor.document(), max(0, end - _LOOK_BACK_UNITS), end)


def _to_next_stop(line: str, unit: str) -> str:
    return unit if unit == "\t" else " " * (len(unit) - len(line) % len(unit))


def _closing(cursor: QTextCursor, before: str, bracket: str, language: Language) -> CodeEdit | None:
    """Move a line that begins with a closing bracket out to where the bracket was opened."""
    indent = closing_indent(before, bracket, language)
    line = before.rpartition("\n")[2]
    if indent is None or indent == line:
        return None

    def make() -> QTextCursor:
        cursor.movePosition(
            QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(line)
        )
        cursor.insertText(indent + bracket)
        return cursor

    return CodeEdit("", make)


def _typing(cursor: QTextCursor, text: str) -> CodeEdit:
    def make() -> QTextCursor:
        cursor.beginEditBlock()
        cursor.insertText(text)
        cursor.endEditBlock()
        return cursor

    return CodeEdit(text, make)


def _indent(cursor: QTextCursor, unit: str) -> QTextCursor:
    cursor.beginEditBlock()
    for block in _lines(cursor):
        if block.text().strip():
            QTextCursor(block).insertText(unit)
    cursor.endEditBlock()
    return cursor


def _outdent(cursor: QTextCursor, unit: str) -> QTextCursor:
    cursor.beginEditBlock()
    for block in _lines(cursor):
        text = block.text()
        n_blank = len(text) - len(text.lstrip(" \t"))
        n = 1 if text.startswith("\t") else min(n_blank, len(unit.expandtabs(4)))
        line = QTextCursor(block)
        line.movePosition(QTextCursor.MoveOperation.Right, QTextCursor.MoveMode.KeepAnchor, n)
        line.removeSelectedText()
    cursor.endEditBlock()
    return cursor


def _lines(cursor: QTextCursor) -> list[QTextBlock]:
    """The lines that the selection touches; not one that it only reaches the start of."""
    document = cursor.document()
    block = document.findBlock(cursor.selectionStart())
    end = max(cursor.selectionStart(), cursor.selectionEnd() - 1)
    lines = []
    while block.isValid() and block.position() <= end:
        lines.append(block)
        block = block.next()
    return lines or [cursor.block()]
