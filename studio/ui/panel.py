"""A panel beside the text. Its title bar is our own: Qt's has icons that the dark theme hides."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QToolButton, QWidget


class Panel(QDockWidget):
    """Stands to the left or to the right, and can be closed."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        self.setAllowedAreas(
            Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea
        )
        label = QLabel(title)
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.windowTitleChanged.connect(label.setText)
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        close.setToolTip("Close this panel")
        close.setAccessibleName("Close this panel")
        close.clicked.connect(self.close)
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 2, 4, 2)
        row.addWidget(label, 1)
        row.addWidget(close)
        self.setTitleBarWidget(bar)
