"""What was not saved when Lamplight ended, looked for at the start and offered in one dialog."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from studio.manuscript import (
    ManuscriptError,
    Project,
    Recovery,
    pending_recoveries,
    pending_untitled,
)
from studio.ui.background import in_background
from studio.ui.recovery_dialog import RecoveryDialog

log = logging.getLogger(__name__)


class Recoveries(QObject):
    """Shows one dialog at a time for all that is found, by whoever finds it."""

    restore = Signal(object)
    """The writer wants this `Recovery` in a window."""
    failed = Signal(str)
    """A sentence for the writer."""

    def __init__(self, data_dir: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._data_dir = data_dir
        self._dialog: RecoveryDialog | None = None
        self._decided: set[Path] = set()

    def look(self, folders: Sequence[Path], window: QWidget) -> None:
        """Look for all that is pending, in the background, and offer it over `window`."""
        in_background(
            self,
            lambda: _pending(self._data_dir, folders),
            done=lambda found: self.offer(found, window),
        )

    def offer(self, recoveries: Sequence[Recovery], window: QWidget) -> None:
        """Offer what was not decided yet."""
        new = [each for each in recoveries if each.folder not in self._decided]
        if not new:
            return
        if self._dialog and isValid(self._dialog) and self._dialog.isVisible():
            self._dialog.add(new)
            return
        self._dialog = dialog = RecoveryDialog(new, window)
        dialog.restore.connect(self._restore)
        dialog.let_go.connect(self._discard)
        dialog.open()

    def _restore(self, recovery: Recovery) -> None:
        self._decided.add(recovery.folder)
        self.restore.emit(recovery)

    def _discard(self, recovery: Recovery) -> None:
        self._decided.add(recovery.folder)
        in_background(
            self,
            recovery.discard,
            done=lambda _: None,
            failed=lambda error: self.failed.emit(str(error)),
        )


def _pending(data_dir: Path, folders: Sequence[Path]) -> list[Recovery]:
    """All that is pending: texts without a name, files opened alone, files in known folders."""
    found = pending_untitled(data_dir)
    projects: list[Project] = []
    try:
        projects += [Project(None, hidden) for hidden in (data_dir / "files").iterdir()]
    except OSError:
        log.debug("no file was opened alone yet")
    for folder in folders:
        try:
            projects.append(Project.of_folder(folder))
        except ManuscriptError as error:
            log.info("not looked into: %s", error)
    for project in projects:
        found += pending_recoveries(project)
    return found
