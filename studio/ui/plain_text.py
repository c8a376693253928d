"""The writer's text in a QTextDocument, character for character.

Offsets are UTF-16 code units. Qt ends paragraphs with U+2029 and would also do so at a U+2029,
U+FDD0 or U+FDD1 of the text itself; those are kept as other noncharacters, which Unicode sets
apart for a program's own use. `toPlainText` is not used because it turns no-break spaces into
spaces and U+2028 into a paragraph's end.
"""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QStringListModel
from PySide6.QtGui import QTextCursor, QTextDocument

_STAND_INS = {"\u2029": "\ufdd2", "\ufdd0": "\ufdd3", "\ufdd1": "\ufdd4"}


def for_document(text: str) -> str:
    """`text` as it must be given to Qt so that `text_between` answers the same text."""
    for character, stand_in in _STAND_INS.items():
        if character in text:
            text = text.replace(character, stand_in)
    # PySide takes U+FEFF at the beginning of a string for a byte order mark and drops it.
    return f"\ufeff{text}" if text.startswith("\ufeff") else text


def from_document(raw: str) -> str:
    """The writer's text for `raw`, a text as Qt keeps it."""
    text = raw.replace("\u2029", "\n")
    for character, stand_in in _STAND_INS.items():
        if stand_in in text:
            text = text.replace(stand_in, character)
    return text


def with_newlines(text: str) -> str:
    r"""`text` from elsewhere (clipboard, keyboard), with "\n" for all paragraph ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2029", "\n")


def for_clipboard(text: str) -> QMimeData:
    """`text` and nothing else, to be handed to Qt.

    An object made by Qt: the clipboard outlives Python, and deleting at the exit what Python has
    made crashes.
    """
    model = QStringListModel([""])
    copied = model.mimeData([model.index(0)])
    copied.clear()
    copied.setText(text)
    return copied


def text_between(document: QTextDocument, start: int, end: int) -> str:
    """The text from `start` to `end`; takes time for its own length only.

    An end in the middle of a surrogate pair moves outwards: Python has no half characters.
    """
    if start > 0 and splits_pair(document, start):
        start -= 1
    if splits_pair(document, end):
        end += 1
    cursor = QTextCursor(document)
    cursor.setPosition(start)
    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
    return from_document(cursor.selectedText())


def splits_pair(document: QTextDocument, at: int) -> bool:
    """Whether `at` is in the middle of a surrogate pair."""
    return "\udc00" <= document.characterAt(at) <= "\udfff"
