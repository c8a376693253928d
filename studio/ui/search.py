"""Finding and replacing in a document, paragraph by paragraph.

Perl's regular expressions as in QRegularExpression, which gives up on a pattern that would take
forever. Empty matches are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, QRegularExpression, QRegularExpressionMatch, Signal
from PySide6.QtGui import QTextBlock, QTextCursor

from studio.ui.editor import Editor
from studio.ui.plain_text import for_document
from studio.ui.word_count import ParagraphCounts


@dataclass(frozen=True)
class Sought:
    """What to look for, and how."""

    text: str
    match_case: bool = False
    whole_words: bool = False
    regular: bool = False

    def pattern(self) -> QRegularExpression:
        """The pattern; `isValid` and `errorString` say whether it can be used."""
        if self.regular:
            pattern = self.text
        else:
            # A space finds a no-break space, too: they look the same.
            pattern = QRegularExpression.escape(self.text).replace("\\ ", "[ \u00a0\u202f]")
        if self.whole_words:
            pattern = rf"(?<!\w)(?:{pattern})(?!\w)"
        options = QRegularExpression.PatternOption.UseUnicodePropertiesOption
        if not self.match_case:
            options |= QRegularExpression.PatternOption.CaseInsensitiveOption
        return QRegularExpression(pattern, options)


_ESCAPE = re.compile(r"\\(\d|[nt\\])")


def filled_in(replacement: str, match: QRegularExpressionMatch) -> str:
    r"""`replacement` with \0 to \9 as the match's groups; \n, \t and \\ as usual."""

    def meaning(escape: re.Match[str]) -> str:
        if escape[1].isdigit():
            return match.captured(int(escape[1]))
        return {"n": "\n", "t": "\t", "\\": "\\"}[escape[1]]

    return _ESCAPE.sub(meaning, replacement)


class Search(QObject):
    """All matches of one pattern in the editor's text, kept up to date while it is written."""

    changed = Signal()
    """There are other matches, or more of the text was searched."""

    def __init__(self, editor: Editor, sought: Sought, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._editor = editor
        self._sought = sought
        self._pattern = sought.pattern()
        self._counts = ParagraphCounts(editor.document(), self._count, self)
        self._counts.changed.connect(self.changed)

    @property
    def total(self) -> int:
        return self._counts.total

    @property
    def complete(self) -> bool:
        """Whether all of the text was searched."""
        return self._counts.complete

    def index(self) -> int | None:
        """Which match is selected: 1 for the first one."""
        block = self._first_selected_block()
        n = self._counts.before(block.blockNumber())
        for match in self._matches(block):
            n += 1
            if self._is_selected(block, match):
                return n
        return None

    def select_from(self, position: int) -> bool:
        """Select the first match that begins at `position` or behind it, or the first of all."""
        document = self._editor.document()
        block = document.findBlock(position)
        for match in self._matches(block):
            if block.position() + match.capturedStart() >= position:
                return self._select(block, match)
        number = self._counts.nearest(block.blockNumber() + 1, 1)
        if number is None:
            number = self._counts.nearest(0, 1)
        if number is None:
            return False
        block = document.findBlockByNumber(number)
        return self._select(block, next(self._matches(block)))

    def select_before(self, position: int) -> bool:
        """Select the last match that ends at `position` or before, or the last of all."""
        document = self._editor.document()
        block = document.findBlock(position)
        for match in reversed(list(self._matches(block))):
            if block.position() + match.capturedEnd() <= position:
                return self._select(block, match)
        number = self._counts.nearest(block.blockNumber() - 1, -1)
        if number is None:
            number = self._counts.nearest(document.blockCount() - 1, -1)
        if number is None:
            return False
        block = document.findBlockByNumber(number)
        return self._select(block, list(self._matches(block))[-1])

    def replace_selected(self, replacement: str) -> bool:
        """Replace the selected match as one undo step; False if no match is selected."""
        block = self._first_selected_block()
        for match in self._matches(block):
            if self._is_selected(block, match):
                self._replace(block.position(), match, replacement)
                return True
        return False

    def replace_all(self, replacement: str) -> int:
        """Replace every match as one undo step; how many there were."""
        n = 0
        whole = QTextCursor(self._editor.document())
        with self._editor.reporting():
            whole.beginEditBlock()
            # From the end, so that what is still to be replaced stays where it is.
            block = self._editor.document().lastBlock()
            while block.isValid():
                before, position = block.previous(), block.position()
                for match in reversed(list(self._matches(block))):
                    self._replace(position, match, replacement)
                    n += 1
                block = before
            whole.endEditBlock()
        return n

    def _replace(self, block_at: int, match: QRegularExpressionMatch, replacement: str) -> None:
        text = filled_in(replacement, match) if self._sought.regular else replacement
        self._editor.replace(block_at + match.capturedStart(), match.capturedLength(), text)

    def _count(self, text: str) -> int:
        return sum(1 for _ in self._matches_in(text))

    def _matches(self, block: QTextBlock) -> Iterator[QRegularExpressionMatch]:
        return self._matches_in(block.text())

    def _matches_in(self, text: str) -> Iterator[QRegularExpressionMatch]:
        found = self._pattern.globalMatch(for_document(text))
        while found.hasNext():
            match = found.next()
            if match.capturedLength():
                yield match

    def _first_selected_block(self) -> QTextBlock:
        return self._editor.document().findBlock(self._editor.textCursor().selectionStart())

    def _is_selected(self, block: QTextBlock, match: QRegularExpressionMatch) -> bool:
        cursor = self._editor.textCursor()
        return (
            cursor.selectionStart() == block.position() + match.capturedStart()
            and cursor.selectionEnd() == block.position() + match.capturedEnd()
        )

    def _select(self, block: QTextBlock, match: QRegularExpressionMatch) -> bool:
        cursor = self._editor.textCursor()
        cursor.setPosition(block.position() + match.capturedStart())
        cursor.setPosition(block.position() + match.capturedEnd(), QTextCursor.MoveMode.KeepAnchor)
        self._editor.setTextCursor(cursor)
        return True
