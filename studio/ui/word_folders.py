"""The folders that words are learned from: a list with two buttons."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

LINES = 4
"""As many folders are seen without scrolling."""


class WordFolders(QWidget):
    """Shows folders and lets the writer add and remove some."""

    changed = Signal(object)
    """The folders, as a tuple of paths (str)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._list = QListWidget()
        self._list.setAccessibleName("Folders of my texts")
        self._list.setToolTip("Words are learned from the texts in these folders")
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setMinimumWidth(240)
        self._list.setFixedHeight(LINES * self._list.fontMetrics().lineSpacing() + 16)
        self._list.itemSelectionChanged.connect(self._show_selection)
        self._add = QPushButton("&Add…")
        self._add.setToolTip("Choose a folder with texts of yours")
        self._add.setAccessibleName("Add a folder")
        self._add.clicked.connect(self._browse)
        self._remove = QPushButton("&Remove")
        self._remove.setToolTip(
            "Learn no more words from the folder; Del does the same in the list"
        )
        self._remove.setAccessibleName("Remove the folder")
        self._remove.clicked.connect(self._remove_selected)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self._list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove_selected)
        buttons = QVBoxLayout()
        for button in (self._add, self._remove):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._list, 1)
        row.addLayout(buttons)
        self.setFocusProxy(self._list)
        self._show_selection()

    @property
    def folders(self) -> tuple[str, ...]:
        """Those in the list, as it shows them."""
        return tuple(self._list.item(i).text() for i in range(self._list.count()))

    def show_folders(self, folders: tuple[str, ...]) -> None:
        """Put these into the list."""
        if folders == self.folders:
            return
        self._list.clear()
        for folder in folders:
            self._list.addItem(folder)
            self._list.item(self._list.count() - 1).setToolTip(folder)
        self._show_selection()

    def add(self, folder: str) -> None:
        """Add one, if it is not there yet."""
        if folder not in self.folders:
            self.changed.emit((*self.folders, folder))

    def _browse(self) -> None:
        dialog = word_folder_dialog(self)
        dialog.fileSelected.connect(self.add)
        dialog.open()

    def _remove_selected(self) -> None:
        gone = {item.text() for item in self._list.selectedItems()}
        if gone:
            self.changed.emit(tuple(each for each in self.folders if each not in gone))

    def _show_selection(self) -> None:
        self._remove.setEnabled(bool(self._list.selectedItems()))


def word_folder_dialog(parent: QWidget) -> QFileDialog:
    """Asks for a folder with texts."""
    dialog = QFileDialog(parent, "A folder of my texts", str(Path.home()))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    return dialog
