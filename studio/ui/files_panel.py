"""The texts of the folder that is open, beside the editor."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import (
    QDir,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtWidgets import (
    QFileSystemModel,
    QLabel,
    QPushButton,
    QStackedWidget,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from studio.manuscript import words_and_numbers
from studio.ui.panel import Panel


class FilesPanel(Panel):
    """A tree of one folder, with the hidden ones and what is not text left out."""

    chosen = Signal(Path)
    """The writer wants this file."""
    folder_wanted = Signal()
    """The writer wants to open a folder."""

    def __init__(self, suffixes: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__("Files", parent)
        self.setObjectName("files panel")
        self._suffixes = suffixes
        self._model: QFileSystemModel | None = None
        self._folder: Path | None = None
        self._sorted = _Sorted(self)
        self._tree = QTreeView()
        self._tree.setHeaderHidden(True)
        self._tree.setAccessibleName("Texts of the folder")
        self._tree.setToolTip("A click or Enter opens a text in this window")
        self._tree.setFrameShape(QTreeView.Shape.NoFrame)
        self._tree.setIndentation(14)
        self._tree.clicked.connect(self._choose)
        self._tree.activated.connect(self._choose)
        self._nothing = _Empty("No folder is open.", "&Open folder…", self.folder_wanted.emit)
        self._no_texts = _Empty("This folder holds no texts yet. What you save here is listed.")
        self._stack = QStackedWidget()
        for page in (self._nothing, self._no_texts, self._tree):
            self._stack.addWidget(page)
        self.setWidget(self._stack)
        self._stack.setMinimumWidth(140)

    @property
    def folder(self) -> Path | None:
        """The folder that is shown."""
        return self._folder

    def show_folder(self, folder: Path) -> None:
        """List the texts of `folder`; the tree is read in the background."""
        if self._model is None:
            self._model = self._new_model()
            self._sorted.setSourceModel(self._model)
            self._sorted.sort(0)
            self._tree.setModel(self._sorted)
            for column in range(1, self._model.columnCount()):
                self._tree.hideColumn(column)
        self._folder = folder
        self.setWindowTitle(folder.name or str(folder))
        self.setToolTip(str(folder))
        self._tree.setRootIndex(self._sorted.mapFromSource(self._model.setRootPath(str(folder))))
        self._stack.setCurrentWidget(self._tree)

    def mark(self, path: Path | None) -> None:
        """Show which file is open in the window."""
        if self._model is None:
            return
        index = self._model.index(str(path)) if path else QModelIndex()
        self._tree.setCurrentIndex(self._sorted.mapFromSource(index))

    def take_focus(self) -> None:
        """Put the focus on the tree, or on the button in its place."""
        page = self._stack.currentWidget()
        (page or self).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _new_model(self) -> QFileSystemModel:
        model = QFileSystemModel(self)
        model.setOption(QFileSystemModel.Option.DontUseCustomDirectoryIcons)
        model.setReadOnly(True)
        model.setFilter(QDir.Filter.AllDirs | QDir.Filter.Files | QDir.Filter.NoDotAndDotDot)
        model.setNameFilters([f"*{suffix}" for suffix in self._suffixes])
        model.setNameFilterDisables(False)
        model.directoryLoaded.connect(self._look)
        model.rowsInserted.connect(self._look)
        model.rowsRemoved.connect(self._look)
        return model

    def _look(self) -> None:
        """Say so where there is nothing to list."""
        if self._model is None or self._folder is None:
            return
        empty = self._sorted.rowCount(self._tree.rootIndex()) == 0
        self._stack.setCurrentWidget(self._no_texts if empty else self._tree)

    def _choose(self, index: QModelIndex) -> None:
        file = self._sorted.mapToSource(index)
        if self._model is not None and not self._model.isDir(file):
            self.chosen.emit(Path(self._model.filePath(file)))


class _Sorted(QSortFilterProxyModel):
    """Folders first, and "Chapter 2" before "Chapter 10"; Qt's own order depends on the locale."""

    def lessThan(
        self, one: QModelIndex | QPersistentModelIndex, other: QModelIndex | QPersistentModelIndex
    ) -> bool:
        return self._key(one) < self._key(other)

    def _key(
        self, index: QModelIndex | QPersistentModelIndex
    ) -> tuple[bool, list[tuple[str, int]], str]:
        files = cast(QFileSystemModel, self.sourceModel())
        name = files.fileName(index)
        return not files.isDir(index), words_and_numbers(name), name


class _Empty(QWidget):
    """A sentence in place of a list that would be empty."""

    def __init__(self, sentence: str, label: str = "", do: object = None) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 14, 14, 14)
        words = QLabel(sentence)
        words.setWordWrap(True)
        words.setForegroundRole(words.palette().ColorRole.PlaceholderText)
        column.addWidget(words)
        if label:
            button = QPushButton(label)
            button.setToolTip("Choose a folder of texts")
            button.clicked.connect(do)
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            self.setFocusProxy(button)
        column.addStretch(1)
