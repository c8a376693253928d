"""Notices when another program changes the file that is open."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from studio.manuscript import Fingerprint, changed_on_disk
from studio.ui.background import in_background

SETTLE_MS = 300
"""Other programs write in several steps; look when they have come to rest."""


class Found(Enum):
    """What was found on the disk."""

    SAME = auto()
    CHANGED = auto()
    GONE = auto()


class DiskWatch(QObject):
    """Follows one file. The looks happen in the background: a network drive may take its time."""

    found = Signal(object)
    """What a look found, if that is another thing than the last look did."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._path: Path | None = None
        self._known: Fingerprint | None = None
        self._last = Found.SAME
        self._watcher = QFileSystemWatcher(self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.look)
        self._watcher.fileChanged.connect(self._settle.start)

    def follow(self, path: Path | None, known: Fingerprint | None) -> None:
        """Watch `path`, which was last seen as `known`."""
        if watched := self._watcher.files():
            self._watcher.removePaths(watched)
        self._path, self._known = path, known
        self._last = Found.SAME
        if path is not None and known is not None:
            self._watcher.addPath(str(path))

    def look(self) -> None:
        """Look now, such as when the writer comes back to the window."""
        path, known = self._path, self._known
        if path is None or known is None:
            return

        def answer(found: Found) -> None:
            if known is self._known:  # else it was saved or loaded meanwhile
                self._take(path, found)

        in_background(self, lambda: _look(path, known), done=answer)

    def _take(self, path: Path, found: Found) -> None:
        if found is not Found.GONE and str(path) not in self._watcher.files():
            self._watcher.addPath(str(path))  # a file that was replaced is not watched any more
        if found is not self._last:
            self._last = found
            self.found.emit(found)


def _look(path: Path, known: Fingerprint) -> Found:
    if not path.exists():
        return Found.GONE
    return Found.CHANGED if changed_on_disk(path, known) else Found.SAME
