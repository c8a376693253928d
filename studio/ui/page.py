"""How the text looks: its font, its size, and the column that it is set in."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFontMetricsF, QMouseEvent, QPalette, QWheelEvent
from PySide6.QtWidgets import QApplication, QFrame, QPlainTextEdit, QStyle, QWidget

from studio.settings import Settings, SettingsError, SettingsStore
from studio.ui.theme import code_font, writing_font

_EDGE_PX = 16
_TAB_SPACES = 4
_CODE_CHARS = 100
"""The least width of a column of code: what many programs are formatted to."""
_WHEEL_STEP = 120
"""What QWheelEvent.angleDelta says for one notch of a wheel."""


class Page(QPlainTextEdit):
    """A plain-text edit in a centred column, as the writer's settings say."""

    told = Signal(str)
    """A sentence for the writer."""
    recoloured = Signal()

    def __init__(self, settings: SettingsStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._wheel = 0
        self._left_px = 0
        self._code = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setCursorWidth(2)
        self.document().setDocumentMargin(_EDGE_PX)
        self.document().clearUndoRedoStacks()  # the margin could be undone
        # The margins beside the column are the same paper as the text.
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
        self._take(settings.current)
        self.verticalScrollBar().rangeChanged.connect(self._fit_column)
        self.destroyed.connect(settings.listen(self._take))

    # -- zoom --------------------------------------------------------------------------------

    def zoom_in(self) -> None:
        self.zoom(1)

    def zoom_out(self) -> None:
        self.zoom(-1)

    def zoom_reset(self) -> None:
        """Back to the size that Lamplight comes with."""
        self._set_size(Settings().font_size_pt)

    def zoom(self, steps: int) -> None:
        """Make the text larger or smaller by so many points; it is kept in the settings."""
        self._set_size(self._settings.current.font_size_pt + steps)

    def zoom_by_wheel(self, event: QWheelEvent) -> None:
        """Zoom by whole notches; touchpads send parts of one."""
        self._wheel += event.angleDelta().y()
        steps = int(self._wheel / _WHEEL_STEP)
        if steps:
            self._wheel -= steps * _WHEEL_STEP
            self.zoom(steps)
        event.accept()

    def _set_size(self, points: int) -> None:
        declared = next(each for each in Settings.declared() if each.key == "font_size_pt")
        if not declared.accepts(points):
            return
        try:
            self._settings.change(font_size_pt=points)
        except SettingsError as error:
            self.told.emit(str(error))

    def show_as_code(self, code: bool) -> None:
        """Set the text as code is set, or as prose."""
        self._code = code
        self._take(self._settings.current)

    # -- font and column ---------------------------------------------------------------------

    def _take(self, settings: Settings) -> None:
        font = code_font(settings) if self._code else writing_font(settings)
        if font != self.font():
            self.setFont(font)
            self.setTabStopDistance(_TAB_SPACES * QFontMetricsF(font).horizontalAdvance(" "))
        self._fit_column()

    def keep_left_free(self, px: int) -> None:
        """Leave at least so much room beside the column, for what is shown there."""
        self._left_px = px
        self._fit_column()

    def _fit_column(self) -> None:
        """Give the room that the column does not need to both sides.

        The scroll bar's place is kept free, so that lines break as before when it appears.
        """
        left = right = 0
        chars = self._settings.current.line_width_chars
        if chars and self._code:
            chars = max(chars, _CODE_CHARS)
        if chars:
            column_px = chars * QFontMetricsF(self.font()).averageCharWidth() + 2 * _EDGE_PX
            bar_px = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent, None, self)
            left = right = max(0, (self.width() - bar_px - math.ceil(column_px)) // 2)
            if self.verticalScrollBar().maximum() == 0:
                right += bar_px
        left = max(left, self._left_px)
        margins = self.viewportMargins()
        if (margins.left(), margins.right()) != (left, right):
            self.setViewportMargins(left, 0, right, 0)

    def event(self, event: QEvent) -> bool:
        kind = event.type()
        if kind is QEvent.Type.Resize:
            self._fit_column()  # before Qt lays the text out, so that it does so once
        # What Qt sends to the viewport arrives here only from the margins beside it.
        elif isinstance(event, QMouseEvent):
            return self._pass_to_viewport(event)
        elif isinstance(event, QWheelEvent):
            self.wheelEvent(event)
            return True
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.recoloured.emit()

    def _pass_to_viewport(self, event: QMouseEvent) -> bool:
        viewport = self.viewport()
        inside = QMouseEvent(
            event.type(),
            viewport.mapFromGlobal(event.globalPosition()),
            event.globalPosition(),
            event.button(),
            event.buttons(),
            event.modifiers(),
        )
        return QApplication.sendEvent(viewport, inside)
