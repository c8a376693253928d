"""Choose an adapter and its strength, in a bar below the text."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from studio.library.adapters import MAX_STRENGTH, name_of
from studio.ui.adapter_choice import AdapterChoice, in_percent
from studio.ui.editor import Editor

NONE, OTHER = "None", "Other file…"
_STEP, _PAGE, _TICK = 5, 25, 50  # percent


class AdapterBar(QFrame):
    """What is chosen holds at once; Esc goes back to the text."""

    file_wanted = Signal()
    """The writer wants to choose a file."""

    def __init__(
        self, editor: Editor, choice: AdapterChoice, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._editor = editor
        self._choice = choice
        self.setAccessibleName("Adapter")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._which = QComboBox()
        self._which.setAccessibleName("Adapter")
        self._which.setToolTip("What is added to the model; only what fits it is listed")
        self._which.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._which.setMinimumContentsLength(16)
        self._which.activated.connect(self._take)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Strength of the adapter, in percent")
        self._slider.setToolTip(
            "How much the adapter counts. At 100 % it is as it was trained, at 0 % the model "
            "writes as it is."
        )
        self._slider.setRange(0, round(100 * MAX_STRENGTH))
        self._slider.setSingleStep(_STEP)
        self._slider.setPageStep(_PAGE)
        self._slider.setTickInterval(_TICK)
        self._slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self._slider.setMaximumWidth(320)
        self._slider.valueChanged.connect(lambda percent: choice.set_strength(percent / 100))
        self._percent = QLabel()
        self._percent.setAccessibleName("Strength")
        self._percent.setMinimumWidth(self.fontMetrics().horizontalAdvance("150 %"))
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip("Back to the text; the adapter stays (Esc)")
        close.setAccessibleName("Close this bar")
        close.clicked.connect(self.close_bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 5, 6, 5)
        row.setSpacing(8)
        for text, widget in (("&Adapter", self._which), ("Stren&gth", self._slider)):
            label = QLabel(text)
            label.setBuddy(widget)
            label.setToolTip(widget.toolTip())
            row.addWidget(label)
            row.addWidget(widget, 1 if widget is self._slider else 0)
        row.addWidget(self._percent)
        row.addStretch(1)
        row.addWidget(close)
        self.hide()
        choice.changed.connect(self._show)
        self._show()

    def open(self) -> None:
        """Show the bar, with the keyboard on the strength if there is an adapter."""
        self._choice.look()
        self.show()
        first = self._slider if self._slider.isEnabled() else self._which
        first.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def close_bar(self) -> None:
        """Put the bar away and go back to the text."""
        self.hide()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
        else:
            super().keyPressEvent(event)

    def _take(self, row: int) -> None:
        path = self._which.itemData(row)
        if isinstance(path, Path):
            self._choice.use(path)
        elif self._which.itemText(row) == OTHER:
            self.file_wanted.emit()
        else:
            self._choice.switch_off()
        self._show()  # what is chosen once more, until the model has tried the other one

    def _show(self) -> None:
        choice, chosen = self._choice, self._choice.chosen
        paths = [adapter.path for adapter in choice.fitting]
        if chosen and chosen.path not in paths:
            paths.append(chosen.path)
        with QSignalBlocker(self._which):
            listed = [self._which.itemData(i) for i in range(1, self._which.count() - 1)]
            if not self._which.count() or paths != listed:
                self._list(paths)
            self._which.setCurrentIndex(1 + paths.index(chosen.path) if chosen else 0)
        self._which.setEnabled(choice.model is not None)
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(100 * choice.strength))
        self._slider.setEnabled(chosen is not None)
        self._percent.setEnabled(chosen is not None)
        self._percent.setText(in_percent(choice.strength))

    def _list(self, paths: list[Path]) -> None:
        self._which.clear()
        self._which.addItem(NONE)
        for row, path in enumerate(paths, 1):
            self._which.addItem(name_of(path), path)
            self._which.setItemData(row, str(path), Qt.ItemDataRole.ToolTipRole)
        self._which.addItem(OTHER)
