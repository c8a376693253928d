"""The small pieces that the views of the tuning panel are made of."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

MARGIN_PX = 14
NARROWEST_PX = 200
_ICON_PX = 16


def words(text: str = "", *, name: str = "", quiet: bool = False) -> QLabel:
    """A sentence that wraps and can be selected; `quiet` in the colour of placeholders."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    _let_wrap(label)
    if name:
        label.setAccessibleName(name)
    if quiet:
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def head(text: str, buddy: QWidget | None = None) -> QLabel:
    """The title of a part; with `buddy`, its mnemonic goes there."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    label.setWordWrap(True)
    _let_wrap(label)
    if buddy is not None:
        # A label passes the focus only to what takes it itself.
        label.setBuddy(buddy.focusProxy() or buddy)
    return label


def _let_wrap(label: QLabel) -> None:
    """Make it as wide as the panel, and as high as its text is then.

    A long path without a space would else make the whole panel as wide as itself.
    """
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)


def button(label: str, tip: str, do: Callable[[], object], name: str = "") -> QPushButton:
    """A button with all that it needs; `name` where the label alone says too little."""
    made = QPushButton(label)
    made.setToolTip(tip)
    made.setAccessibleName(name or label.replace("&", "").rstrip("…"))
    made.setAccessibleDescription(tip)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: do())
    return made


class Buttons(QWidget):
    """Buttons in a row, or in as many rows as the width asks for. Hidden ones take no room."""

    def __init__(self, *buttons: QPushButton) -> None:
        super().__init__()
        self._buttons = buttons
        self._shown: tuple[int, tuple[QPushButton, ...]] | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(6)
        for each in buttons:
            each.setParent(self)
            each.installEventFilter(self)
        self._arrange()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._arrange()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def minimumSizeHint(self) -> QSize:
        widths = [each.sizeHint().width() for each in self._buttons if not each.isHidden()]
        return QSize(max(widths, default=0), super().minimumSizeHint().height())

    def _arrange(self) -> None:
        there = tuple(each for each in self._buttons if not each.isHidden())
        widest = max((each.sizeHint().width() for each in there), default=1)
        columns = max(1, min(len(there), (self.width() + 6) // (widest + 6)))
        if (columns, there) == self._shown:
            return
        self._shown = (columns, there)
        for each in self._buttons:
            self._grid.removeWidget(each)
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 0)
        for at, each in enumerate(there):
            self._grid.addWidget(each, at // columns, at % columns)
        self._grid.setColumnStretch(columns, 1)
        self.updateGeometry()


class Complaint(QFrame):
    """What is wrong, quietly, where it is; hidden while nothing is."""

    def __init__(self, name: str = "What is wrong") -> None:
        super().__init__()
        self._icon = QLabel()
        warning = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        self._icon.setPixmap(warning.pixmap(_ICON_PX, _ICON_PX))
        self._words = words(name=name)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; "" while nothing is wrong."""
        return self._words.text()

    def say(self, sentence: str) -> None:
        """Show a sentence, or nothing for ""."""
        self._words.setText(sentence)
        self.setVisible(bool(sentence))


class Fold(QWidget):
    """A part that is folded away until its title is clicked."""

    opened = Signal(bool)

    def __init__(self, title: str, tip: str, inside: QWidget) -> None:
        super().__init__()
        self._title = QToolButton()
        self._title.setText(title)
        self._title.setCheckable(True)
        self._title.setAutoRaise(True)
        self._title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._title.setToolTip(tip)
        self._title.setAccessibleName(title.replace("&", ""))
        self._title.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._title.toggled.connect(self._show)
        self._inside = inside
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._title, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(inside)
        self._show(False)

    @property
    def is_open(self) -> bool:
        """Whether it can be seen."""
        return self._title.isChecked()

    def open(self, is_open: bool = True) -> None:
        """Unfold it."""
        self._title.setChecked(is_open)

    def _show(self, is_open: bool) -> None:
        self._title.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self._inside.setVisible(is_open)
        self.opened.emit(is_open)


class Page(QScrollArea):
    """A view that is scrolled up and down; its column is filled by whoever makes it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.inside = QWidget()
        self.column = QVBoxLayout(self.inside)
        self.column.setContentsMargins(MARGIN_PX, 12, MARGIN_PX, 12)
        self.column.setSpacing(8)
        self.setWidget(self.inside)
        self.setMinimumWidth(NARROWEST_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(NARROWEST_PX, 120)


class _NotByWheel(QObject):
    """Leaves the wheel to the page: a number is not to change because the page was scrolled."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() is QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False


def not_by_wheel(field: QAbstractSpinBox | QComboBox) -> None:
    """Let the wheel change `field` only while it has the focus."""
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.installEventFilter(_NotByWheel(field))


def count(n: int, one: str, many: str = "") -> str:
    """`n` with its noun: "1 word", "1,200 words"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """How long, as a person would say it: "under a minute", "12 minutes", "3 h 20 min"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return count(minutes, "minute")
    if minutes % 60 == 0:
        return count(minutes // 60, "hour")
    return f"{minutes // 60} h {minutes % 60:02} min"


def gigabytes(n_bytes: float) -> str:
    """An amount of memory."""
    return f"{n_bytes / 1e9:.1f} GB"
