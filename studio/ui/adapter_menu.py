"""The part of the Model menu that is about its adapter."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from studio.ui.adapter_choice import AdapterChoice


class AdapterMenu(QMenu):
    """Filled afresh whenever something about adapters changes."""

    bar_wanted = Signal()
    """The writer wants to change the strength."""
    file_wanted = Signal()
    """The writer wants to choose a file."""
    baking_wanted = Signal()
    """The writer wants a copy of the model with the adapter in it."""

    def __init__(self, choice: AdapterChoice, parent: QWidget) -> None:
        super().__init__("&Adapter", parent)
        self.setToolTipsVisible(True)
        tip = "A small file that makes the model write in a style, such as yours"
        self.menuAction().setStatusTip(tip)
        self.menuAction().setToolTip(tip)
        self._choice = choice
        self._other = self._action(
            "Other &file…", "Choose the file of an adapter", self.file_wanted.emit
        )
        self._strength = self._action(
            "&Strength…",
            "Choose an adapter and how much it counts, below the text",
            self.bar_wanted.emit,
        )
        self._strength.setShortcut(QKeySequence("Ctrl+Shift+A"))
        self._bake = self._action(
            "&Bake into a copy of the model…",
            "Make a new model file that has the adapter in it, at its present strength",
            self.baking_wanted.emit,
        )
        self.aboutToShow.connect(choice.look)  # seen when it opens the next time
        choice.changed.connect(self._fill)
        self._fill()

    @property
    def lasting(self) -> list[QAction]:
        """Those that are always there."""
        return [self._other, self._strength, self._bake]

    def _fill(self) -> None:
        if self.isVisible():  # or it would move under the pointer
            return
        choice, chosen = self._choice, self._choice.chosen
        for action in self.actions():
            self.removeAction(action)
            if action not in self.lasting:
                action.deleteLater()
        group = QActionGroup(self)
        none = self.addAction("&None", choice.switch_off)
        none.setStatusTip("The model writes as it is")
        none.setCheckable(True)
        none.setChecked(chosen is None)
        group.addAction(none)
        for adapter in choice.fitting:
            name = adapter.name.replace("&", "&&")
            each = self.addAction(name, partial(choice.use, adapter.path))
            each.setStatusTip(f"Write with {adapter.path}")
            each.setCheckable(True)
            each.setChecked(chosen is not None and adapter.path == chosen.path)
            group.addAction(each)
        self.addAction(self._other)
        self.addSeparator()
        self.addAction(self._strength)
        self.addAction(self._bake)
        self._other.setEnabled(choice.model is not None)
        self._bake.setEnabled(chosen is not None and choice.strength > 0)
        for action in self.actions():
            action.setToolTip(action.statusTip())

    def _action(self, label: str, tip: str, do: Callable[[], object]) -> QAction:
        action = QAction(label, self)
        action.setStatusTip(tip)
        action.triggered.connect(lambda: do())
        return action


def adapter_file_dialog(parent: QWidget, folder: Path | None) -> QFileDialog:
    """A dialog, not yet open, that chooses the file of an adapter."""
    dialog = QFileDialog(parent, "Choose an adapter", str(folder or Path.home()))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters(["Adapters (*.gguf)", "All files (*)"])
    return dialog
