"""The Steering menu: the files that tell the model more than the text does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from studio.manuscript import lore_file, memory_file, note_file
from studio.ui.editor import Editor
from studio.ui.steered import Steered

_MAX_NAME_CHARS = 60


class SteeringMenu(QMenu):
    """Opens memory, note and lore as texts; what is not there yet is made."""

    open_wanted = Signal(Path)

    def __init__(self, steered: Steered, editor: Editor, parent: QWidget) -> None:
        super().__init__("Stee&ring", parent)
        self.setToolTipsVisible(True)
        self._steered = steered
        self._editor = editor
        self._window = parent
        self._add(
            "&Memory", "Write what the model should always know", partial(self._open, memory_file)
        )
        self._add(
            "Author’s &note",
            "Write a line or two that colour what comes next",
            partial(self._open, note_file),
        )
        self._add(
            "New &lore entry…",
            "Describe a person, a place or a thing; told while its name stands in the recent text",
            self._ask_for_name,
        )
        self.lore = self.addMenu("Lore &entries")
        self.lore.setToolTipsVisible(True)
        self.lore.menuAction().setStatusTip("Open one of the lore entries")
        self.lore.menuAction().setToolTip("Open one of the lore entries")
        self.lore.aboutToShow.connect(self._fill_lore)
        self._fill_lore()

    def _add(self, label: str, tip: str, do: Callable[[], None]) -> QAction:
        action = self.addAction(label, do)
        action.setStatusTip(tip)
        action.setToolTip(tip)
        self._window.addAction(action)
        return action

    def _open(self, file_in: Callable[[Path], Path]) -> None:
        self._steered.begin(file_in, self.open_wanted.emit)

    def _ask_for_name(self) -> None:
        dialog = QInputDialog(self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("New lore entry")
        dialog.setLabelText("Whom or what is it about?")
        selected = " ".join(self._editor.textCursor().selectedText().split())
        if len(selected) <= _MAX_NAME_CHARS:
            dialog.setTextValue(selected)
        dialog.textValueSelected.connect(
            lambda name: self._open(lambda home: lore_file(home, name))
        )
        dialog.open()

    def _fill_lore(self) -> None:
        self.lore.clear()
        files = self._steered.files
        for path in files.lore:
            action = self.lore.addAction(
                path.stem.replace("&", "&&"), partial(self.open_wanted.emit, path)
            )
            action.setStatusTip(f"Open {path}")
            action.setToolTip(str(path))
        if self.lore.isEmpty():
            self.lore.addAction("There are none yet").setEnabled(False)
