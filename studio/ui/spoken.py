"""Grey text for screen readers: what is painted only, they can't find by themselves."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

SETTLE_MS = 400
"""Grey text is told when it has come to rest; one told bit by bit can't be followed."""
NAME = "Text"
_POLITE = QAccessible.AnnouncementPoliteness.Polite
_ASSERTIVE = QAccessible.AnnouncementPoliteness.Assertive


class Spoken(QObject):
    """Tells assistive technology of the grey text of one editor.

    While there is some, the editor's accessible name has it, too.
    """

    def __init__(self, editor: QWidget) -> None:
        super().__init__(editor)
        self.on = False
        """Whether it is told without being asked for."""
        self._editor = editor
        self._text = self._told = ""
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._tell)

    def show(self, text: str) -> None:
        """This is the grey text now; empty for none."""
        if text == self._text:
            return
        self._text = text
        if not text:
            self._settle.stop()
            self._told = ""
            if self._editor.accessibleName() != NAME:
                self._editor.setAccessibleName(NAME)
        elif self.on and not (self._told and self._told.endswith(text)):
            self._settle.start()  # else it is the rest of what was told already

    def review(self) -> bool:
        """Say it now, again if need be; whether there is any."""
        if self._text:
            self._settle.stop()
            self._say(_ASSERTIVE)
        return bool(self._text)

    def _tell(self) -> None:
        if self._text:
            self._say(_POLITE)

    def _say(self, politeness: QAccessible.AnnouncementPoliteness) -> None:
        self._told = self._text
        self._editor.setAccessibleName(f"{NAME}, suggested: {self._text.strip()}")
        announcement = QAccessibleAnnouncementEvent(
            self._editor, f"Suggested: {self._text.strip()}"
        )
        announcement.setPoliteness(politeness)
        QAccessible.updateAccessibility(announcement)
