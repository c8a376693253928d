"""The icon: a lamp over lines of writing, drawn in code so that it is sharp at every size."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

SIZES_PX = (16, 24, 32, 48, 64, 128, 256)


def lamplight_icon() -> QIcon:
    """The icon in the sizes that desktops ask for."""
    icon = QIcon()
    for size in SIZES_PX:
        icon.addPixmap(_drawn(size))
    return icon


def _drawn(size_px: int) -> QPixmap:
    """The icon on a square; all lengths are 64ths of its side."""
    pixmap = QPixmap(size_px, size_px)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size_px / 64, size_px / 64)
    painter.setPen(Qt.PenStyle.NoPen)

    painter.setBrush(QColor("#2b2720"))
    painter.drawRoundedRect(QRectF(2, 2, 60, 60), 13, 13)

    light = QPainterPath(QPointF(24, 26))
    for corner in (QPointF(40, 26), QPointF(55, 54), QPointF(9, 54)):
        light.lineTo(corner)
    light.closeSubpath()
    painter.setBrush(QColor("#f3c76b"))
    painter.drawPath(light)

    shade = QPainterPath(QPointF(26, 11))
    for corner in (QPointF(38, 11), QPointF(45, 27), QPointF(19, 27)):
        shade.lineTo(corner)
    shade.closeSubpath()
    painter.setBrush(QColor("#fcfaf5"))
    painter.drawPath(shade)

    painter.setPen(QPen(QColor("#6b4a12"), 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(24, 38), QPointF(40, 38))
    painter.drawLine(QPointF(20, 46), QPointF(36, 46))
    painter.end()
    return pixmap
