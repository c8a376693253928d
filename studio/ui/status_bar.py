"""The line below the text: what the grey text does, the words, the place, the model."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QLabel,
    QMenu,
    QSizePolicy,
    QStatusBar,
    QToolButton,
    QToolTip,
    QWidget,
)

from studio.ui.asking import AskingChoice
from studio.ui.editor import Editor
from studio.ui.model_choice import ModelChoice
from studio.ui.suggesting import PAUSE_MINUTES

SETTLE_MS = 100
"""Figures follow the typing at this distance, so that a key costs nothing here."""
MODEL_WIDTH_PX = 340
LEAST_MODEL_PX = 60
GAP_PX = 6
"""Between two parts of the bar."""
GRIP_PX = 24
"""Taken by the corner that resizes the window, and the margins."""
ADAPTER_WIDTH_PX = 150


class _Hint(QLabel):
    """A line that ends in … where it is too long; the pointer shows all of it."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        room = self.contentsRect()
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, room.width()
        )
        QPainter(self).drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            width = self.fontMetrics().horizontalAdvance(self.text())
            words = self.text() if width > self.contentsRect().width() else self.toolTip()
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)


class WritingStatusBar(QStatusBar):
    """Follows one editor; a click on the model opens the Model menu."""

    adapter_wanted = Signal()
    """The adapter was clicked."""

    def __init__(
        self,
        editor: Editor,
        model: ModelChoice,
        model_menu: QMenu,
        asking: AskingChoice,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._editor = editor
        self._state_words = ""
        self._reading = ""
        self._model = model
        self._menu = model_menu
        self._state = _Hint()
        self._state.setAccessibleName("Suggestion")
        self._state.setToolTip("What the grey text is doing")
        self._words = QLabel()
        self._words.setAccessibleName("Word count")
        self._words.setToolTip("Words in this text")
        self._place = QLabel()
        self._place.setAccessibleName("Line and column")
        self._place.setToolTip("The cursor's line and column")
        self._model_button = QToolButton()
        self._model_button.setAutoRaise(True)
        self._model_button.setMinimumWidth(LEAST_MODEL_PX)
        self._model_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._model_button.setArrowType(Qt.ArrowType.NoArrow)
        self._model_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._model_button.clicked.connect(self._open_menu)
        self._adapter_button = QToolButton()
        self._adapter_button.setAutoRaise(True)
        self._adapter_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._adapter_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._adapter_button.clicked.connect(self.adapter_wanted)
        self._asking = asking
        self._asking_button = QToolButton()
        self._asking_button.setAutoRaise(True)
        self._asking_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._asking_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self._asking_button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._asking_button.clicked.connect(asking.turn)
        self._asking_button.setMenu(self._asking_menu())
        self._pause_button = QToolButton()
        self._pause_button.setAutoRaise(True)
        self._pause_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._pause_button.setText(f"not for {PAUSE_MINUTES} min")
        self._pause_button.setAccessibleName(f"No suggestions for {PAUSE_MINUTES} minutes")
        self._pause_button.setToolTip(asking.pause.toolTip())
        self._pause_button.clicked.connect(asking.pause.trigger)
        # Its words change with every frame of a draft and must not lay the bar out afresh.
        self._state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._state.setContentsMargins(8, 0, 0, 0)
        for label in (self._words, self._place):
            label.setContentsMargins(0, 0, 10, 0)
        self.addWidget(self._state, 1)
        for widget in (
            self._words,
            self._place,
            self._asking_button,
            self._pause_button,
            self._adapter_button,
            self._model_button,
        ):
            self.addPermanentWidget(widget)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._show_figures)
        editor.word_count_changed.connect(self._settle_soon)
        editor.cursorPositionChanged.connect(self._settle_soon)
        editor.changed_otherwise.connect(self._settle_soon)  # Qt forgets it for Ctrl+Backspace
        model.changed.connect(self._show_model)
        model.adapters.changed.connect(self._show_adapter)
        asking.changed.connect(self._show_asking)
        self._show_figures()
        self._show_model()
        self._show_adapter()
        self._show_asking()

    def show_state(self, words: str) -> None:
        """What the grey text is doing, in short words."""
        self._state_words = words
        self._state.setText(words or self._reading)

    def show_reading(self, words: str) -> None:
        """What is being read in the background; shown while the grey text does nothing."""
        self._reading = words
        self._state.setText(self._state_words or words)

    def take_focus(self) -> None:
        """Put the focus on the first button."""
        self._asking_button.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, the names of adapter and model give way."""
        super().resizeEvent(event)
        self._show_adapter()

    def _room_px(self) -> int:
        """For the name of the model."""
        others = (
            self._words,
            self._place,
            self._asking_button,
            self._pause_button,
            self._adapter_button,
        )
        taken = sum(each.sizeHint().width() + GAP_PX for each in others if not each.isHidden())
        button = self._model_button
        margin = button.sizeHint().width() - button.fontMetrics().horizontalAdvance(button.text())
        return max(LEAST_MODEL_PX, min(MODEL_WIDTH_PX, self.width() - taken - margin - GRIP_PX))

    def _settle_soon(self) -> None:
        if not self._settle.isActive():
            self._settle.start()

    def _show_figures(self) -> None:
        n = self._editor.word_count()
        self._words.setText(f"{n:,} word{'' if n == 1 else 's'}")
        cursor = self._editor.textCursor()
        self._place.setText(f"{cursor.blockNumber() + 1:,}:{cursor.positionInBlock() + 1:,}")

    def _show_model(self) -> None:
        words = self._model.words
        metrics = QFontMetrics(self._model_button.font())
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, self._room_px())
        self._model_button.setText(shown)
        self._model_button.setAccessibleName(f"Model: {words}")
        self._model_button.setToolTip(f"{words}\nClick for the Model menu")

    def _show_adapter(self) -> None:
        words = self._model.adapters.words
        metrics = QFontMetrics(self._adapter_button.font())
        room_px = min(ADAPTER_WIDTH_PX, self.width() // 5)
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, room_px)
        self._adapter_button.setText(shown)
        self._adapter_button.setAccessibleName(f"Adapter: {words}")
        self._adapter_button.setToolTip(
            f"Adapter: {words}\nClick to choose another one or change its strength"
        )
        self._adapter_button.setVisible(bool(words))
        self._show_model()

    def _show_asking(self) -> None:
        self._asking_button.setText(self._asking.words)
        self._asking_button.setAccessibleName(self._asking.words.capitalize())
        self._asking_button.setToolTip(f"{self._asking.tip}. The arrow opens a menu.")
        pause = self._asking.pause
        self._pause_button.setVisible(pause.isVisible() and pause.isEnabled())

    def _asking_menu(self) -> QMenu:
        menu = QMenu("Suggestions", self)
        menu.setToolTipsVisible(True)
        menu.addActions(self._asking.modes)
        menu.addSeparator()
        menu.addActions([self._asking.pause, self._asking.go_on])
        return menu

    def _open_menu(self) -> None:
        size = self._menu.sizeHint()
        corner = self._model_button.mapToGlobal(QPoint(self._model_button.width(), 0))
        self._menu.popup(corner - QPoint(size.width(), size.height()))
