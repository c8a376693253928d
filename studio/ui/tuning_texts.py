"""A list of texts: files and folders that the writer adds, each with its words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QFileDialog,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from studio.tuning.run import LEAST_LOSS_WEIGHT, MOST_LOSS_WEIGHT
from studio.ui.background import in_background
from studio.ui.tuning_parts import Buttons, Complaint, button

_LINES = 5
_WORDS, _WEIGHT = 1, 2
"""Columns."""
_WEIGHT_TIP = (
    "How much a mistake on this text counts: 2 is twice as much as on the others. Double-click it, "
    "or press F2, to change it"
)
_PATH = Qt.ItemDataRole.UserRole
_YIELD_S = 0.001
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TextList(QWidget):
    """Shows files and folders, counts their words in the background, and takes what is dropped."""

    changed = Signal()
    """`paths` or their weights are others, or more words are known."""

    def __init__(
        self,
        what: str,
        tip: str,
        project: Callable[[], Path | None] | None = None,
        *,
        weighted: bool = False,
    ) -> None:
        """`what` is its accessible name; `project` the folder or file that is written in; if it is
        `weighted`, each text has a loss weight."""
        super().__init__()
        self._what = what
        self._project = project
        self._n_words: dict[Path, int] = {}
        self._weights: dict[Path, float] = {}
        self._failed: dict[Path, str] = {}
        self._waiting: list[Path] = []
        self._counting: Path | None = None
        self._list = QTreeWidget()
        titles = ["Text", "Words", "Weight"] if weighted else ["Text", "Words"]
        self._list.setColumnCount(len(titles))
        self._list.setHeaderLabels(titles)
        for at in range(1, len(titles)):
            self._list.headerItem().setTextAlignment(at, _RIGHT)
        self._list.setRootIsDecorated(False)
        self._list.setUniformRowHeights(True)
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName(what)
        self._list.setToolTip(tip)
        header = self._list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_WORDS, QHeaderView.ResizeMode.Fixed)
        advance = self._list.fontMetrics().horizontalAdvance
        header.resizeSection(_WORDS, advance("can’t be read") + 16)
        self._list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        if weighted:
            header.setSectionResizeMode(_WEIGHT, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(_WEIGHT, advance("Weight") + 28)
            self._list.headerItem().setToolTip(_WEIGHT, _WEIGHT_TIP)
            self._list.setItemDelegateForColumn(_WEIGHT, _WeightField(self._list))
            self._list.itemDoubleClicked.connect(lambda item: self._list.editItem(item, _WEIGHT))
            self._list.itemChanged.connect(self._take_weight)
            edit = QShortcut(QKeySequence(Qt.Key.Key_F2), self._list)
            edit.setContext(Qt.ShortcutContext.WidgetShortcut)
            edit.activated.connect(self._edit_weight)
        line_px = self._list.fontMetrics().lineSpacing() + 4
        self._list.setFixedHeight((_LINES + 1) * line_px + 8)
        self._list.itemSelectionChanged.connect(self._show_selection)
        self._complaint = Complaint()
        of = what.lower()
        keys = str if project is not None else _without_keys
        self._files = button(
            keys("&Add files…"), "Choose texts: md, txt, docx, odt, epub, html", self._browse_files,
            f"Add files to {of}",
        )  # fmt: skip
        self._folder = button(
            keys("Add fol&der…"), "Choose a folder: all texts in it are taken", self._browse_folder,
            f"Add a folder to {of}",
        )  # fmt: skip
        self._this = button(
            keys("This pro&ject"), "Add the folder, or the file, that is open in this window",
            self._add_project,
        )  # fmt: skip
        self._this.setVisible(project is not None)
        self._remove = button(
            "Remove", "Take what is selected off the list; Del does the same there",
            self._remove_selected, f"Remove from {of}",
        )  # fmt: skip
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self._list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove_selected)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._list)
        column.addWidget(Buttons(self._files, self._folder, self._this, self._remove))
        column.addWidget(self._complaint)
        self.setFocusProxy(self._list)
        self.setAcceptDrops(True)
        self._show_selection()

    @property
    def paths(self) -> tuple[Path, ...]:
        """What is in the list."""
        return tuple(item.data(0, _PATH) for item in self._items())

    @property
    def loss_weights(self) -> tuple[tuple[Path, float], ...]:
        """Those that are not 1."""
        return tuple((path, weight) for path, weight in self._weights.items() if weight != 1.0)

    @property
    def n_words(self) -> int | None:
        """Of all of them; None while some are not counted."""
        if any(p not in self._n_words and p not in self._failed for p in self.paths):
            return None
        return sum(self._n_words.get(path, 0) for path in self.paths)

    def add(self, paths: Sequence[Path]) -> None:
        """Add files and folders that are not there yet."""
        for path in paths:
            if path in self.paths:
                continue
            item = QTreeWidgetItem([path.name or str(path), "counting…"])
            item.setData(0, _PATH, path)
            item.setToolTip(0, str(path))
            item.setTextAlignment(_WORDS, _RIGHT)
            if self._list.columnCount() > _WEIGHT:
                item.setData(_WEIGHT, Qt.ItemDataRole.EditRole, self._weights.get(path, 1.0))
                item.setTextAlignment(_WEIGHT, _RIGHT)
                item.setToolTip(_WEIGHT, _WEIGHT_TIP)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self._list.addTopLevelItem(item)
            self._waiting.append(path)
        self._show_counts()
        self._count_next()
        self.changed.emit()

    def show_paths(
        self, paths: Sequence[Path], loss_weights: Mapping[Path, float] | None = None
    ) -> None:
        """Put these into the list, and nothing else. Weights of texts within folders are kept."""
        self._list.clear()
        self._waiting.clear()
        self._weights = dict(loss_weights or {})
        self.add(paths)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        urls = event.mimeData().urls()
        self.add([Path(url.toLocalFile()) for url in urls if url.isLocalFile()])
        event.acceptProposedAction()

    def _items(self) -> list[QTreeWidgetItem]:
        return [
            item
            for i in range(self._list.topLevelItemCount())
            if (item := self._list.topLevelItem(i)) is not None
        ]

    def _edit_weight(self) -> None:
        if item := self._list.currentItem():
            self._list.editItem(item, _WEIGHT)

    def _take_weight(self, item: QTreeWidgetItem, column: int) -> None:
        if column == _WEIGHT:
            self._weights[item.data(0, _PATH)] = item.data(_WEIGHT, Qt.ItemDataRole.EditRole)
            self.changed.emit()

    # -- counting ----------------------------------------------------------------------------

    def _count_next(self) -> None:
        """One after the other: reading many at once would hold up the typing."""
        while self._counting is None and self._waiting:
            path = self._waiting.pop(0)
            if path in self._n_words or path not in self.paths:
                continue
            self._counting = path
            in_background(
                self,
                lambda path=path: _words_in(path, lambda: self._counting == path),  # type: ignore[misc]
                done=lambda n, path=path: self._counted(path, n, ""),  # type: ignore[misc]
                failed=lambda error, path=path: self._counted(path, None, _said(error)),  # type: ignore[misc]
            )

    def _counted(self, path: Path, n: int | None, why: str) -> None:
        if n is not None:
            self._n_words[path] = n
            self._failed.pop(path, None)
        elif why:
            self._failed[path] = why
        if self._counting == path:
            self._counting = None
        self._show_counts()
        self._count_next()
        self.changed.emit()

    def _show_counts(self) -> None:
        for item in self._items():
            path = item.data(0, _PATH)
            if path in self._n_words:
                item.setText(_WORDS, f"{self._n_words[path]:,}")
            elif path in self._failed:
                item.setText(_WORDS, "can’t be read")
                item.setToolTip(_WORDS, self._failed[path])
        there = [self._failed[path] for path in self.paths if path in self._failed]
        self._complaint.say(there[0] if there else "")

    # -- what the buttons do -----------------------------------------------------------------

    def _browse_files(self) -> None:
        from studio.manuscript import TEXT_SUFFIXES

        more = {".html", ".htm", ".xhtml", ".docx", ".odt", ".epub"}
        readable = " ".join(f"*{suffix}" for suffix in sorted(TEXT_SUFFIXES | more))
        dialog = self._dialog(f"Add to {self._what.lower()}")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([f"Texts ({readable})", "All files (*)"])
        dialog.filesSelected.connect(lambda names: self.add([Path(name) for name in names]))
        dialog.open()

    def _browse_folder(self) -> None:
        dialog = self._dialog(f"Add a folder to {self._what.lower()}")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.add([Path(name)]))
        dialog.open()

    def _dialog(self, title: str) -> QFileDialog:
        here = self._project() if self._project else None
        folder = here.parent if here else Path.home()
        dialog = QFileDialog(self, title, str(folder))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _add_project(self) -> None:
        path = self._project() if self._project else None
        if path is None:
            self._complaint.say("No folder and no file is open in this window.")
        else:
            self.add([path])

    def _remove_selected(self) -> None:
        for item in self._list.selectedItems():
            self._weights.pop(item.data(0, _PATH), None)
            self._list.takeTopLevelItem(self._list.indexOfTopLevelItem(item))
        if self._counting not in self.paths:
            self._counting = None  # which ends it
        self._show_counts()
        self._count_next()
        self._show_selection()
        self.changed.emit()

    def _show_selection(self) -> None:
        self._remove.setEnabled(bool(self._list.selectedItems()))


class _WeightField(QStyledItemDelegate):
    """Edits a loss weight."""

    def createEditor(
        self,
        parent: QWidget,
        option: QStyleOptionViewItem,  # noqa: ARG002
        index: QModelIndex | QPersistentModelIndex,  # noqa: ARG002
    ) -> QWidget:
        field = QDoubleSpinBox(parent)
        field.setRange(LEAST_LOSS_WEIGHT, MOST_LOSS_WEIGHT)
        field.setDecimals(1)
        field.setSingleStep(0.5)
        field.setFrame(False)
        field.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)  # the arrow keys will do
        field.setAlignment(_RIGHT)
        field.setAutoFillBackground(True)
        field.setAccessibleName("Loss weight")
        field.setToolTip(_WEIGHT_TIP)
        return field

    def displayText(self, value: float, locale: object) -> str:  # noqa: ARG002
        return f"{value:g}"


def _without_keys(label: str) -> str:
    """Each letter goes to one button of the page alone."""
    return label.replace("&", "")


def _said(error: Exception) -> str:
    """The sentence of an error that is meant for the writer. Raises any other."""
    from studio.tuning import TuningError

    if not isinstance(error, TuningError):
        raise error
    return str(error)


def _words_in(path: Path, wanted: Callable[[], bool]) -> int | None:
    """How many words there are in a file or a folder; None if that is not wanted any more.

    Raises `TextsError` if nothing of it can be read.
    """
    from studio.tuning.texts import TextsError, find_texts, read_work

    n, failed, files = 0, None, find_texts([path])
    for file in files:
        if not wanted():
            return None
        time.sleep(_YIELD_S)  # the window's thread goes first
        try:
            n += read_work(file).n_words
        except TextsError as error:
            failed = error
    if failed is not None and not n:
        raise failed
    return n
