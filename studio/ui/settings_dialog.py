"""The settings dialog, made wholly from what `Settings` declares.

What is changed holds at once, in every window; there is nothing to confirm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QFontDatabase, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QTabBar,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from studio.settings import Declared, Settings, SettingsError, SettingsStore
from studio.ui.model_choice import model_file_dialog
from studio.ui.word_folders import WordFolders

BIGGEST = 2**31 - 1
LEAST = {
    "line_width_chars": "the whole window",
    "n_threads": "automatic",
    "gpu_layers": "as many as fit",
}
"""What the least value means where it is not a number like the others."""
OWN_FONT = "Lamplight’s choice"


class SettingsDialog(QDialog):
    """One page for each group of settings. `heads` are shown above the settings of a group."""

    def __init__(
        self,
        store: SettingsStore,
        parent: QWidget | None = None,
        heads: Mapping[str, QWidget] | None = None,
        menu_keys: Mapping[str, str] | None = None,
    ) -> None:
        """`menu_keys`: keys that can't be given to a setting, and what they do."""
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._store = store
        self._menu_keys = menu_keys or {}
        self._controls: dict[str, _Control] = {}
        self._pages = _Pages()
        self._pages.setDocumentMode(True)
        self._pages.setAccessibleName("Groups of settings")
        self._groups: list[list[Declared]] = []
        for group, declared in groupby(Settings.declared(), key=lambda each: each.group):
            self._groups.append(list(declared))
            head = heads.get(group) if heads else None
            self._pages.addTab(self._page(self._groups[-1], head), group)
        self._complaint = QLabel()
        self._complaint.setWordWrap(True)
        self._complaint.setTextFormat(Qt.TextFormat.PlainText)
        self._complaint.setAccessibleName("What is wrong")
        self._complaint.hide()
        self._pages.currentChanged.connect(self._complaint.hide)
        defaults = QPushButton("&Defaults")
        defaults.setToolTip("Set everything on this page back to what it was at first")
        defaults.setAutoDefault(False)
        defaults.clicked.connect(self._set_back)
        buttons = QDialogButtonBox()
        buttons.addButton(defaults, QDialogButtonBox.ButtonRole.ResetRole)
        close = buttons.addButton("&Close", QDialogButtonBox.ButtonRole.RejectRole)
        close.setToolTip("Close; every change already holds")
        buttons.rejected.connect(self.accept)
        column = QVBoxLayout(self)
        column.addWidget(self._pages)
        column.addWidget(self._complaint)
        column.addWidget(buttons)
        self.resize(560, self.sizeHint().height())
        self._show(store.current)
        self.destroyed.connect(store.listen(self._show))

    def show_group(self, group: str) -> None:
        """Turn to the page of `group`."""
        for i in range(self._pages.count()):
            if self._pages.tabText(i) == group:
                self._pages.setCurrentIndex(i)

    def _page(self, declared: list[Declared], head: QWidget | None) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(4)
        if head:
            column.addWidget(head)
            column.addSpacing(14)
        for each in declared:
            control = _control(each, partial(self._change, each.key))
            self._controls[each.key] = control
            column.addLayout(_row(each, control.widget))
            sentence = QLabel(each.sentence)
            sentence.setWordWrap(True)
            sentence.setForegroundRole(sentence.palette().ColorRole.PlaceholderText)
            column.addWidget(sentence)
            column.addSpacing(10)
        column.addStretch(1)
        return page

    def _change(self, key: str, value: object) -> None:
        try:
            if value in self._menu_keys and self._controls[key].is_key:
                raise SettingsError(
                    f"“{value}” is the key for “{self._menu_keys[str(value)]}” in the menus "
                    "already. Choose another one."
                )
            self._store.change(**{key: value})
        except SettingsError as error:
            self._complaint.setText(str(error))
            self._complaint.show()
            self._show(self._store.current)
        else:
            self._complaint.hide()

    def _set_back(self) -> None:
        declared = self._groups[self._pages.currentIndex()]
        try:
            self._store.change(**{each.key: each.default for each in declared})
        except SettingsError as error:
            self._complaint.setText(str(error))
            self._complaint.show()

    def _show(self, settings: Settings) -> None:
        for key, control in self._controls.items():
            with QSignalBlocker(control.signaller):
                control.set(getattr(settings, key))


class _TabBar(QTabBar):
    def tabSizeHint(self, index: int) -> QSize:
        """Fusion cuts the feet of letters off, in all tabs but the front one."""
        return super().tabSizeHint(index) + QSize(0, 4)


class _Pages(QTabWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setTabBar(_TabBar())


class _Control:
    """The widget of one setting, and how to put a value into it."""

    def __init__(
        self, widget: QWidget, put: Callable[[Any], None], signaller: QWidget | None = None
    ) -> None:
        self.is_key = isinstance(widget, QKeySequenceEdit)
        self.widget = widget
        self.set = put
        self.signaller = signaller or widget


def _row(each: Declared, widget: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    if isinstance(widget, QCheckBox):
        row.addWidget(widget)
        return row
    label = QLabel(each.label)
    label.setBuddy(widget)
    label.setToolTip(each.sentence)
    row.addWidget(label)
    row.addStretch(1)
    row.addWidget(widget)
    return row


def _control(each: Declared, changed: Callable[[Any], None]) -> _Control:
    control = _control_of(each, changed)
    for widget in {control.widget, control.signaller}:
        widget.setAccessibleName(each.label)
        widget.setAccessibleDescription(each.sentence)
        widget.setToolTip(each.sentence)
    control.signaller.setObjectName(each.key)
    return control


def _control_of(each: Declared, changed: Callable[[Any], None]) -> _Control:
    if each.is_key:
        return _key(changed)
    if isinstance(each.default, bool):
        box = QCheckBox(each.label)
        box.toggled.connect(changed)
        return _Control(box, box.setChecked)
    if each.choices:
        return _choice(list(zip(each.words, each.choices, strict=True)), changed)
    if each.key in ("font_family", "code_font_family"):
        families = [family for family in QFontDatabase.families() if not family.startswith(".")]
        if each.key == "code_font_family":
            families = [family for family in families if QFontDatabase.isFixedPitch(family)]
        return _choice([(OWN_FONT, ""), *((name, name) for name in families)], changed)
    if isinstance(each.default, tuple):
        folders = WordFolders()
        folders.changed.connect(changed)
        return _Control(folders, folders.show_folders, folders)
    if isinstance(each.default, int):
        return _whole_number(each, changed)
    if isinstance(each.default, float):
        return _fraction(each, changed)
    if each.key == "model_path":
        return _file(changed)
    line = QLineEdit()
    line.editingFinished.connect(lambda: changed(line.text()))
    return _Control(line, line.setText)


def _choice(named: list[tuple[str, str]], changed: Callable[[Any], None]) -> _Control:
    box = QComboBox()
    box.setMaxVisibleItems(20)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(18)
    for name, value in named:
        box.addItem(name, value)

    def put(value: str) -> None:
        if (at := box.findData(value)) < 0:
            box.addItem(value, value)  # such as a font that is not installed any more
            at = box.count() - 1
        box.setCurrentIndex(at)

    box.currentIndexChanged.connect(lambda: changed(box.currentData()))
    return _Control(box, put)


def _key(changed: Callable[[Any], None]) -> _Control:
    """Takes a key when it is pressed; the cross leaves none."""
    edit = QKeySequenceEdit()
    edit.setMaximumSequenceLength(1)
    edit.setClearButtonEnabled(True)
    edit.setMinimumWidth(180)

    def take(sequence: QKeySequence) -> None:
        changed(sequence.toString(QKeySequence.SequenceFormat.PortableText))

    def put(key: str) -> None:
        edit.setKeySequence(QKeySequence.fromString(key, QKeySequence.SequenceFormat.PortableText))

    edit.keySequenceChanged.connect(take)
    return _Control(edit, put)


def _whole_number(each: Declared, changed: Callable[[Any], None]) -> _Control:
    box = QSpinBox()
    box.setKeyboardTracking(False)
    box.setGroupSeparatorShown(True)
    box.setRange(
        -BIGGEST if each.minimum is None else int(each.minimum),
        BIGGEST if each.maximum is None else int(each.maximum),
    )
    box.setSuffix(f" {each.unit}" if each.unit else "")
    box.setSpecialValueText(LEAST.get(each.key, ""))
    box.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
    box.setMinimumWidth(150)
    box.valueChanged.connect(changed)
    return _Control(box, box.setValue)


def _fraction(each: Declared, changed: Callable[[Any], None]) -> _Control:
    box = QDoubleSpinBox()
    box.setKeyboardTracking(False)
    box.setDecimals(2)
    box.setSingleStep(0.05)
    box.setRange(
        -float(BIGGEST) if each.minimum is None else each.minimum,
        float(BIGGEST) if each.maximum is None else each.maximum,
    )
    box.setSuffix(f" {each.unit}" if each.unit else "")
    box.setMinimumWidth(150)
    box.valueChanged.connect(changed)
    return _Control(box, box.setValue)


def _file(changed: Callable[[Any], None]) -> _Control:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    line = QLineEdit()
    line.setPlaceholderText("the included model")
    line.setClearButtonEnabled(True)
    line.setMinimumWidth(260)
    line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    line.editingFinished.connect(lambda: changed(line.text().strip()))
    choose = QPushButton("Choose…")
    choose.setToolTip("Choose a GGUF file")
    choose.setAutoDefault(False)
    row.addWidget(line)
    row.addWidget(choose)
    holder.setFocusProxy(line)

    def browse() -> None:
        dialog = model_file_dialog(holder, Path(line.text()).parent if line.text() else None)
        dialog.fileSelected.connect(line.setText)
        dialog.fileSelected.connect(changed)
        dialog.open()

    choose.clicked.connect(browse)
    return _Control(holder, line.setText, line)
