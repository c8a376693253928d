"""How many words a text has, kept up to date while it is written."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QTextBlock, QTextDocument

# Chinese characters and Japanese syllables: each counts as a word, as in other editors.
_CJK = (
    r"\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf"
    r"\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_BETWEEN_WORDS = r"\s\u2013\u2014\u2015\u2026/\\|、。，！？：；「」『』・" + _CJK
# A letter or digit, and what follows up to a space or dash: apostrophes, hyphens, combining marks
# and the point of 3.14 do not end a word, but "--" and "..." do.
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}](?:[^{_BETWEEN_WORDS}.-]|[.-](?![.-]))*")

_SLICE_S = 0.004
"""How long the window may be kept waiting at a time."""
_AT_ONCE_UNITS = 20_000
"""Changed paragraphs of up to this length together are counted at once, others soon after."""
_UNCOUNTED = -1


def count_words(text: str) -> int:
    """Words as a reader counts them."""
    return len(_WORD.findall(text))


class ParagraphCounts(QObject):
    """A count for each paragraph of a document, such as its words or matches.

    A change costs the counting of the paragraphs that it touches. Many or long ones, as when a
    document is opened, are counted in slices between other events.
    """

    changed = Signal()
    """The total, or whether it is complete, is another."""

    def __init__(
        self, document: QTextDocument, count: Callable[[str], int], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._count = count
        self._counts = [_UNCOUNTED] * document.blockCount()
        self._next = 0  # there is none uncounted before it
        self._total = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._count_on)
        document.contentsChange.connect(self._on_change)
        self._count_on()

    @property
    def total(self) -> int:
        """The count of all paragraphs that were counted so far."""
        return self._total

    @property
    def complete(self) -> bool:
        return self._next == len(self._counts)

    def before(self, block_number: int) -> int:
        """The count of all paragraphs before this one."""
        return sum(each for each in self._counts[:block_number] if each > 0)

    def nearest(self, block_number: int, step: int) -> int | None:
        """The first paragraph with any from `block_number` on, forwards (1) or backwards (-1)."""
        end = len(self._counts) if step > 0 else -1
        return next((n for n in range(block_number, end, step) if self._counts[n] > 0), None)

    def _on_change(self, at: int, _: int, added: int) -> None:
        # Qt may report more than the text has; findBlock finds nothing behind its end.
        first = self._document.findBlock(at)
        last = self._document.findBlock(at + added)
        if not last.isValid():
            last = self._document.lastBlock()
        start, stop = first.blockNumber(), last.blockNumber() + 1
        old_stop = stop + len(self._counts) - self._document.blockCount()
        touched_units = last.position() + last.length() - first.position()
        if touched_units <= _AT_ONCE_UNITS:
            new = [self._count(block.text()) for block in _blocks(first, stop - start)]
        else:
            new = [_UNCOUNTED] * (stop - start)
        old, self._counts[start:old_stop] = self._counts[start:old_stop], new
        before = self._total
        self._total += sum(n for n in new if n > 0) - sum(n for n in old if n > 0)
        if self._next >= old_stop:
            self._next += len(new) - len(old)
        if touched_units > _AT_ONCE_UNITS:
            self._next = min(self._next, start)
            self._timer.start()
        if self._total != before:
            self.changed.emit()

    def _count_on(self) -> None:
        """Count what is uncounted, for a moment."""
        until = time.perf_counter() + _SLICE_S
        block = self._document.findBlockByNumber(self._next)
        while block.isValid() and time.perf_counter() < until:
            if self._counts[self._next] == _UNCOUNTED:
                self._counts[self._next] = self._count(block.text())
                self._total += self._counts[self._next]
            self._next += 1
            block = block.next()
        if self.complete:
            self._timer.stop()
        else:
            self._timer.start()
        self.changed.emit()


def _blocks(first: QTextBlock, n: int) -> list[QTextBlock]:
    blocks = []
    block = first
    for _ in range(n):
        blocks.append(block)
        block = block.next()
    return blocks
