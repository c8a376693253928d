"""The code in the other windows, told to the model before the code in this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from studio.ui.background import in_background
from studio.ui.document import Document
from studio.ui.editor import Editor
from studio.ui.steered import Steered
from studio.writing.open_files import preamble

BUDGET_CHARS = 2_000
SETTLE_MS = 1_500
"""Another definition may have begun, to which others belong."""
_LOOK_BACK_UNITS = 12_000
_MAX_UNITS = 300_000
"""Longer files are data, and reading them takes a moment."""

Others = Callable[[], Sequence[tuple[Editor, Document]]]


class OpenFiles(QObject):
    """Keeps `Steered.beside` up to date for one window. What takes time is done elsewhere.

    It is looked at when the window comes to the front, because that is when other files may
    have changed, and some time after a line was ended or the cursor has moved.
    """

    def __init__(self, editor: Editor, document: Document, steered: Steered) -> None:
        super().__init__(editor)
        self.others: Others = tuple
        """The other windows, in the order in which they were opened."""
        self._editor = editor
        self._document = document
        self._steered = steered
        self._looks = 0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.look)
        editor.typed.connect(self._on_typed)
        editor.cursor_moved.connect(self._on_moved)

    def look(self) -> None:
        """Choose afresh what of the other files is told."""
        language = self._editor.language
        files = self._files() if language else []
        if language is None or not files:
            self._looks += 1
            self._steered.read_beside("")
            return
        before = self._editor.around(_LOOK_BACK_UNITS).before
        budget_chars = min(BUDGET_CHARS, self._steered.n_ctx)
        self._looks = this = self._looks + 1

        def done(text: str) -> None:
            if this == self._looks and self._editor.language is language:
                self._steered.read_beside(text)

        in_background(self, lambda: preamble(files, before, language, budget_chars), done=done)

    def _files(self) -> list[tuple[Path, str]]:
        return [
            (document.path, editor.text())
            for editor, document in self.others()
            if editor.language
            and document.path
            and document.path != self._document.path
            and editor.document().characterCount() <= _MAX_UNITS
        ]

    def _on_moved(self) -> None:
        if self._editor.language:
            self._settle.start()

    def _on_typed(self, text: str) -> None:
        if self._editor.language and "\n" in text:
            self._settle.start()
