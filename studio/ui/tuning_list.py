"""All tunings there are, each with its date, its base and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from studio.ui.tuning_parts import MARGIN_PX, NARROWEST_PX, Buttons, button, words
from studio.ui.tuning_state import Summary

_SUMMARY = Qt.ItemDataRole.UserRole


class TuningList(QWidget):
    """Lists tunings, the newest first."""

    chosen = Signal(object)
    """The `Summary` that is to be shown."""
    remove_wanted = Signal(object)
    """The `Summary` of what is to be removed."""

    def __init__(self) -> None:
        super().__init__()
        self._nothing = words("There are no tunings yet.", quiet=True)
        self._list = QListWidget()
        self._list.setAccessibleName("Tunings")
        self._list.setToolTip("Enter, or a double click, shows a tuning")
        self._list.setWordWrap(True)
        self._list.setResizeMode(QListView.ResizeMode.Adjust)
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setSpacing(4)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._list.itemActivated.connect(lambda item: self.chosen.emit(item.data(_SUMMARY)))
        self._list.itemSelectionChanged.connect(self._show_selection)
        self._open = button("&Open", "Show this tuning", self._open_selected)
        self._remove = button(
            "Remove…", "Remove this tuning with its adapter; Del does the same in the list",
            self._remove_selected,
        )  # fmt: skip
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self._list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove_selected)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, 12, MARGIN_PX, 10)
        column.setSpacing(8)
        column.addWidget(self._nothing)
        column.addWidget(self._list, 1)
        column.addWidget(Buttons(self._open, self._remove))
        self.setMinimumWidth(NARROWEST_PX)
        self.setFocusProxy(self._list)
        self.show_all(())

    def show_all(self, summaries: Sequence[Summary]) -> None:
        """List these."""
        row = max(0, self._list.currentRow())
        self._list.clear()
        for summary in summaries:
            item = QListWidgetItem(_words(summary))
            item.setData(_SUMMARY, summary)
            item.setToolTip(str(summary.run.folder))
            self._list.addItem(item)
        self._list.setVisible(bool(summaries))
        self._nothing.setVisible(not summaries)
        if summaries:
            self._list.setCurrentRow(min(row, len(summaries) - 1))
        self._show_selection()

    def _selected(self) -> Summary | None:
        item = self._list.currentItem()
        found: Summary | None = item.data(_SUMMARY) if item else None
        return found

    def _open_selected(self) -> None:
        if summary := self._selected():
            self.chosen.emit(summary)

    def _remove_selected(self) -> None:
        if (summary := self._selected()) and not summary.is_running:
            self.remove_wanted.emit(summary)

    def _show_selection(self) -> None:
        summary = self._selected()
        self._open.setEnabled(summary is not None)
        self._remove.setEnabled(summary is not None and not summary.is_running)


def _words(summary: Summary) -> str:
    made = datetime.fromtimestamp(summary.made_s).strftime("%Y-%m-%d %H:%M")
    base = f" · {summary.base}" if summary.base else ""
    return f"{summary.name}\n{made}{base}\n{summary.sentence}"
