"""A quiet bar for one sentence at a time. It never takes the focus from the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QToolButton,
    QWidget,
)

SHOWN_MS = 9_000
"""How long mere information stays."""
NARROW_PX = 700
BESIDE_PX = 120
"""The icon, the cross, the count of other notices and the margins."""


class Weight(Enum):
    """How much a notice matters."""

    INFORMATION = auto()
    """Goes away by itself."""
    PROBLEM = auto()
    """Stays until it is dismissed or over."""


@dataclass(frozen=True)
class Choice:
    """A button of a notice; a click does it and takes the notice away."""

    label: str
    tip: str
    do: Callable[[], None]


@dataclass(frozen=True)
class Notice:
    """One sentence for the writer.

    A notice takes the place of an earlier one with the same `topic`, and `NoticeBar.withdraw`
    takes it away when what it says is over.
    """

    sentence: str
    weight: Weight = Weight.INFORMATION
    choices: tuple[Choice, ...] = ()
    topic: str = ""

    @property
    def stays(self) -> bool:
        """A question stays like a problem does: it waits for its answer."""
        return self.weight is Weight.PROBLEM or bool(self.choices)


class NoticeBar(QFrame):
    """Shows the newest notice; those that stay come back when newer ones are gone."""

    left = Signal()
    """The last notice went away while the focus was on it: it belongs to the text again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[Notice] = []
        self.setAccessibleName("Notice")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAutoFillBackground(True)
        self._icon = QLabel()
        self._sentence = QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._sentence.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._more = QLabel()
        self._more.setEnabled(False)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(6)
        self._close = QToolButton()
        self._close.setAutoRaise(True)
        self._close.setText("✕")
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._close.setToolTip("Dismiss this notice (F6 comes here from the text)")
        self._close.setAccessibleName("Dismiss this notice")
        self._close.clicked.connect(self.dismiss)
        self._grid = grid = QGridLayout(self)
        grid.setContentsMargins(12, 5, 6, 5)
        grid.setHorizontalSpacing(10)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._icon, 0, 0)
        grid.addWidget(self._sentence, 0, 1)
        grid.addLayout(self._buttons, 0, 2)
        grid.addWidget(self._more, 0, 3)
        grid.addWidget(self._close, 0, 4)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self.hide()

    @property
    def current(self) -> Notice | None:
        """The notice that is shown."""
        return self._waiting[-1] if self._waiting else None

    def show_notice(self, notice: Notice) -> None:
        """Show `notice` now. The same sentence is never there twice."""
        self._waiting = [
            other
            for other in self._waiting
            if other.stays
            and other.sentence != notice.sentence
            and not (notice.topic and other.topic == notice.topic)
        ]
        self._waiting.append(notice)
        self._paint()
        announcement = QAccessibleAnnouncementEvent(self, notice.sentence)
        announcement.setPoliteness(
            QAccessible.AnnouncementPoliteness.Assertive
            if notice.weight is Weight.PROBLEM
            else QAccessible.AnnouncementPoliteness.Polite
        )
        QAccessible.updateAccessibility(announcement)

    def tell(self, sentence: str) -> None:
        """Show a sentence that goes away by itself."""
        if sentence:
            self.show_notice(Notice(sentence))

    def withdraw(self, topic: str) -> None:
        """What the notices of this topic said is over."""
        kept = [notice for notice in self._waiting if notice.topic != topic]
        if len(kept) != len(self._waiting):
            self._waiting = kept
            self._paint()

    def dismiss(self) -> None:
        """Take away the notice that is shown."""
        if self._waiting:
            self._waiting.pop()
            self._paint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, the buttons stand below the sentence; each whole."""
        super().resizeEvent(event)
        self._arrange()

    def minimumSizeHint(self) -> QSize:
        """As wide as the widest button, with what stands beside it."""
        hint = super().minimumSizeHint()
        widths = [button.sizeHint().width() for button in self.buttons()]
        return QSize(BESIDE_PX + max(widths, default=0), hint.height())

    def _arrange(self) -> None:
        widths = [button.sizeHint().width() + self._buttons.spacing() for button in self.buttons()]
        in_a_row = sum(widths) <= self.width() - BESIDE_PX
        self._buttons.setDirection(
            QHBoxLayout.Direction.LeftToRight if in_a_row else QHBoxLayout.Direction.TopToBottom
        )
        self._grid.removeItem(self._buttons)
        if self.width() < NARROW_PX:
            self._grid.addLayout(self._buttons, 1, 1, Qt.AlignmentFlag.AlignLeft)
        else:
            self._grid.addLayout(self._buttons, 0, 2)

    def buttons(self) -> list[QPushButton]:
        """The buttons of the notice that is shown."""
        items = (self._buttons.itemAt(i) for i in range(self._buttons.count()))
        widgets = (item.widget() for item in items if item)
        return [widget for widget in widgets if isinstance(widget, QPushButton)]

    def take_focus(self) -> bool:
        """Put the focus on the first button; only because the writer asked for it."""
        if not self._waiting:
            return False
        first = next(iter(self.buttons()), self._close)
        first.setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True

    def _paint(self) -> None:
        self._timer.stop()
        focused = self.window().focusWidget()
        had_focus = focused is not None and self.isAncestorOf(focused)
        for button in self.buttons():
            self._buttons.removeWidget(button)
            button.deleteLater()
        notice = self.current
        if notice is None:
            self.hide()
            if had_focus:
                self.left.emit()
            return
        problem = notice.weight is Weight.PROBLEM
        self._sentence.setText(notice.sentence)
        self.setAccessibleDescription(notice.sentence)
        pixmap = (
            QStyle.StandardPixmap.SP_MessageBoxWarning
            if problem
            else QStyle.StandardPixmap.SP_MessageBoxInformation
        )
        self._icon.setPixmap(self.style().standardIcon(pixmap).pixmap(16, 16))
        for choice in notice.choices:
            self._buttons.addWidget(self._button(notice, choice))
        others = len(self._waiting) - 1
        self._arrange()
        self._more.setText(f"{others} more" if others else "")
        self._more.setVisible(bool(others))
        self.show()
        if not notice.stays:
            self._timer.start(SHOWN_MS)

    def _button(self, notice: Notice, choice: Choice) -> QPushButton:
        button = QPushButton(choice.label)
        button.setToolTip(choice.tip)
        button.setAccessibleDescription(choice.tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setMinimumSize(button.sizeHint())

        def take() -> None:
            if notice in self._waiting:
                self._waiting.remove(notice)
                self._paint()
            choice.do()

        button.clicked.connect(take)
        return button
