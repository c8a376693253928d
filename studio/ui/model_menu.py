"""The Model menu: what answers, what else could."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from studio.ui.memory import Memory
from studio.ui.model_choice import ModelChoice, model_file_dialog


class ModelMenu(QMenu):
    """Filled afresh whenever it opens."""

    def __init__(
        self, choice: ModelChoice, memory: Memory, adapters: QMenu, parent: QWidget
    ) -> None:
        """`adapters` becomes a part of it."""
        super().__init__("&Model", parent)
        self.setToolTipsVisible(True)
        self._choice = choice
        self._window = parent
        self._memory = memory
        self._adapters = adapters
        self.aboutToShow.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        self.clear()
        now = self.addAction(self._choice.words)
        now.setEnabled(False)
        now.setToolTip("The model that writes now")
        self.addSeparator()
        group = QActionGroup(self)
        included = self.addAction("Use the &included model", self._choice.use_included)
        included.setStatusTip("Write with the small model that comes with Lamplight")
        included.setCheckable(True)
        included.setChecked(self._choice.includes_it)
        group.addAction(included)
        for path in self._memory.for_menu("models"):
            each = self.addAction(path.stem.replace("&", "&&"), partial(self._choice.choose, path))
            each.setStatusTip(f"Write with {path}")
            each.setToolTip(str(path))
            each.setCheckable(True)
            each.setChecked(path == self._choice.path)
            group.addAction(each)
        self.addSeparator()
        self.addMenu(self._adapters)
        self.addSeparator()
        again = self.addAction("&Start the model again", self._choice.start_again)
        again.setStatusTip("Load the model once more, in a new process")
        faster = self.addAction("Read from a &faster copy", self._turn_copy)
        faster.setCheckable(True)
        faster.setChecked(self._choice.faster.in_use)
        faster.setEnabled(self._choice.faster.possible)
        faster.setStatusTip(
            "Use a copy in a format that this machine reads faster, if measuring shows that it does"
        )
        other = self.addAction("&Open GGUF…", self._open)
        other.setStatusTip("Choose a model file on this machine")
        for action in (included, again, faster, other):
            action.setToolTip(action.statusTip())

    def _turn_copy(self) -> None:
        faster = self._choice.faster
        if faster.in_use:
            faster.remove()
        else:
            faster.make()

    def _open(self) -> None:
        folder: Path | None = self._choice.path.parent if self._choice.path else None
        if recent := self._memory.for_menu("models"):
            folder = recent[0].parent
        dialog = model_file_dialog(self._window, folder)
        dialog.fileSelected.connect(lambda name: self._choice.choose(Path(name)))
        dialog.open()
