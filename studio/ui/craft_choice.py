"""Which craft a window's text is: seen from its file and headings, or chosen by the writer."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from studio.ui.document import Document
from studio.ui.editor import Editor
from studio.ui.plain_text import text_between
from studio.writing.craft import LOOKED_AT_CHARS, Craft, craft_of

_SETTLE_MS = 400
"""A heading that is being typed is seen after a pause this long."""


class CraftChoice(QObject):
    """Follows one editor and its document."""

    changed = Signal()
    """`craft` or `chosen` is another."""

    def __init__(self, editor: Editor, document: Document) -> None:
        super().__init__(editor)
        self._editor = editor
        self._document = document
        self._chosen: Craft | None = None
        self._craft = Craft.STORY
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._look)
        editor.loaded.connect(self._begin)
        editor.edited.connect(self._on_edited)
        document.changed.connect(self._look)

    @property
    def craft(self) -> Craft:
        """What is being written."""
        return self._chosen or self._craft

    @property
    def chosen(self) -> Craft | None:
        """What the writer said that it is; None if Lamplight is to see for itself."""
        return self._chosen

    def choose(self, craft: Craft | None) -> None:
        """Take the text for this, or with None, for what it looks like."""
        if craft is not self._chosen:
            self._chosen = craft
            self.changed.emit()

    def _begin(self) -> None:
        self.choose(None)
        self._look()

    def _on_edited(self, at: int, _removed: int, _inserted: str) -> None:
        if at < LOOKED_AT_CHARS:
            self._settle.start()

    def _look(self) -> None:
        document = self._editor.document()
        end = min(LOOKED_AT_CHARS, document.characterCount() - 1)
        craft = craft_of(self._document.path, text_between(document, 0, end))
        if craft is not self._craft:
            self._craft = craft
            self.changed.emit()
