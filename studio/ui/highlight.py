"""Colours for code: at once where one types, in small slices everywhere else.

A key colours its own lines, and those below only as far as the lexer's state differs from what
it was. What takes longer, as when a file is opened or a comment is begun above thousands of
lines, is done between other events, a few milliseconds at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QColor, QTextBlock, QTextCharFormat, QTextDocument, QTextLayout

from studio.ui.block_formats import set_text_formats
from studio.ui.plain_text import from_document
from studio.ui.theme import colours_now
from studio.writing.languages import Language
from studio.writing.lexing import AT_START, Lexing, Line, Part, Span, Stack

_SLICE_S = 0.004
"""How long the window may be kept waiting at a time."""
_WINDOW_LINES = 400
_MARGIN_LINES = 40
"""The lexer reads so many lines at a time, and these at their end only to look ahead."""
_LATER_MS = 300
"""What can wait is done after so long a pause in typing."""
_LONG_LINES = 2_000
"""From here on it can wait where the lexer has to begin at the start of the text."""
_SETTLED_LINES = 400
"""A comment that began so far above may have been ended by what was typed: some lexers see that
only from where it began."""
MAX_LINE_UNITS = 5_000
"""A longer line keeps one colour: it is data, and takes a lexer too long."""


class Highlighter(QObject):
    """Keeps one document coloured. Delete it, after `clear`, to stop."""

    def __init__(self, document: QTextDocument, language: Language) -> None:
        super().__init__(document)
        self._document = document
        self._lexing = Lexing(language.lexer)
        self._formats = _formats()
        n = document.blockCount()
        self._starts: list[Stack | None] = [AT_START, *[None] * (n - 1)]
        self._spans: list[tuple[Span, ...] | None] = [None] * n
        self._from, self._to = 0, n  # the lines that must be looked at
        self._lines: Iterator[Line] | None = None  # of the window that is being read
        self._line = 0  # the next of them
        self._window_end = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self._typed_from, self._typed_to = n, 0  # the lines changed since the last pause
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_LATER_MS)
        self._pause.timeout.connect(self._settle)
        document.contentsChange.connect(self._on_change)
        self._go_on()

    @property
    def complete(self) -> bool:
        """Whether everything has its colours."""
        return self._from >= self._to

    def recolour(self) -> None:
        """The colours of the theme are others now."""
        self._formats = _formats()
        n = len(self._starts)
        self._spans = [None] * n
        self._from, self._to = 0, n
        self._lines = None
        self._go_on()

    def clear(self) -> None:
        """Take all colours away and stop."""
        self._timer.stop()
        self._pause.stop()
        self._document.contentsChange.disconnect(self._on_change)
        block = self._document.begin()
        while block.isValid():
            set_text_formats(block.layout(), [])
            block = block.next()
        self._document.markContentsDirty(0, self._document.characterCount())

    def _on_change(self, at: int, _: int, added: int) -> None:
        # Qt may report more than the text has; findBlock finds nothing behind its end.
        first = self._document.findBlock(at).blockNumber()
        last = self._document.findBlock(at + added)
        stop = (last if last.isValid() else self._document.lastBlock()).blockNumber() + 1
        delta = self._document.blockCount() - len(self._starts)
        old_stop = stop - delta
        self._starts[first + 1 : old_stop] = [None] * (stop - first - 1)
        self._spans[first:old_stop] = [None] * (stop - first)
        if self.complete:
            self._from, self._to = first, stop
        else:
            to = self._to + delta if self._to >= old_stop else min(self._to, first)
            self._from, self._to = min(self._from, first), max(to, stop)
        self._lines = None
        self._typed_from = min(self._typed_from, first)
        self._typed_to = max(self._typed_to + (delta if self._typed_to >= old_stop else 0), stop)
        self._pause.start()
        if self._lexing.resumable or len(self._starts) <= _LONG_LINES:
            self._go_on()
        else:
            self._timer.start(_LATER_MS)

    def _settle(self) -> None:
        """Look once more, from farther above."""
        if self._lexing.resumable:
            n = len(self._starts)
            to = 0 if self.complete else self._to
            self._from = max(0, min(self._from, self._typed_from - _SETTLED_LINES, n - 1))
            self._to = min(n, max(to, self._typed_to, self._from + 1))
            self._lines = None
            self._go_on()
        self._typed_from, self._typed_to = len(self._starts), 0

    def _go_on(self) -> None:
        """Colour on for a moment."""
        until = time.perf_counter() + _SLICE_S
        first: QTextBlock | None = None
        block = last = self._document.findBlockByNumber(self._line)
        while not self.complete and time.perf_counter() < until:
            line = self._next_line()
            if block.blockNumber() != self._line:
                block = self._document.findBlockByNumber(self._line)
            if self._spans[self._line] != line.spans:
                self._spans[self._line] = line.spans
                self._paint(block, line.spans)
                first = first or block
            self._pass(line)
            last, block = block, block.next()
        if first:
            end = last.position() + last.length()
            self._document.markContentsDirty(first.position(), end - first.position())
        if self.complete:
            self._lines = None
            self._timer.stop()
        else:
            self._timer.start(0)

    def _next_line(self) -> Line:
        n = len(self._starts)
        if self._lines is None or n > self._window_end <= self._line + _MARGIN_LINES:
            self._lines = self._read_window()
        return next(self._lines, Line((), None))

    def _read_window(self) -> Iterator[Line]:
        """Begin at the last line before `_from` whose state is known."""
        start = max(0, self._from - 1)
        while start > 0 and self._starts[start] is None:
            start -= 1
        n = len(self._starts)
        end = min(n, self._from + _WINDOW_LINES) if self._lexing.resumable else n
        texts = []
        block = self._document.findBlockByNumber(start)
        for _ in range(end - start):
            endless = block.length() > MAX_LINE_UNITS
            texts.append("" if endless else block.text())
            block = block.next()
        text = from_document("\n".join(texts))
        self._line, self._window_end = start, end
        return self._lexing.lines(text, self._starts[start] or AT_START)

    def _pass(self, line: Line) -> None:
        """Go to the next line, or be done where nothing is different from there on."""
        self._line += 1
        at = self._line
        if at >= len(self._starts):
            self._from = self._to = at
            return
        same = self._starts[at] == line.then and line.then is not None
        if self._from >= at:
            return  # read only to arrive at the first line that changed
        self._starts[at] = line.then
        self._from = at
        if at >= self._to and not same:
            self._to = at + 1

    def _paint(self, block: QTextBlock, spans: tuple[Span, ...]) -> None:
        formats = []
        for start, length, part in spans:
            each = QTextLayout.FormatRange()
            each.start, each.length, each.format = start, length, self._formats[part]
            formats.append(each)
        set_text_formats(block.layout(), formats)


def _formats() -> dict[Part, QTextCharFormat]:
    colours = colours_now()
    formats = {}
    for part in Part:
        formats[part] = QTextCharFormat()
        formats[part].setForeground(QColor(getattr(colours.code, part.value)))
    return formats
