"""What the base and the tuned model write after the same words, the newest first."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.tuning.events import Sampled
from studio.ui.tuning_parts import head, words

BESIDE_FROM_PX = 460
_LINES = 7
_PROMPT_CHARS = 160


class Samples(QWidget):
    """Two quiet boxes, beside each other where there is room, and the way to earlier ones."""

    def __init__(self) -> None:
        super().__init__()
        self._samples: list[Sampled] = []
        self._at = -1  # from the end: -1 is the newest
        self._prompt = words(name="What both go on from", quiet=True)
        self._base, base = _box("Base", "What the base writes after these words")
        self._tuned, tuned = _box("Tuned", "What the model that is being tuned writes there")
        self._which = QLabel()
        self._which.setAccessibleName("Which sample is shown")
        self._which.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._older = _arrow("◀", "Show the sample before this one", lambda: self._go(-1))
        self._newer = _arrow("▶", "Show the sample after this one", lambda: self._go(1))
        top = QHBoxLayout()
        top.addWidget(head("Sample"), 1)
        top.addWidget(self._which)
        top.addWidget(self._older)
        top.addWidget(self._newer)
        self._boxes = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._boxes.addWidget(base, 1)
        self._boxes.addWidget(tuned, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(self._prompt)
        column.addLayout(self._boxes)
        self.hide()

    def show_samples(self, samples: list[Sampled]) -> None:
        """Take the samples there are; one that is looked at stays in view."""
        if samples == self._samples:
            return
        if self._at != -1:
            self._at = max(-len(samples), self._at - len(samples) + len(self._samples))
        self._samples = list(samples)
        self.setVisible(bool(samples))
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._boxes.setDirection(
            QBoxLayout.Direction.LeftToRight
            if self.width() >= BESIDE_FROM_PX
            else QBoxLayout.Direction.TopToBottom
        )

    def _go(self, step: int) -> None:
        self._at = max(-len(self._samples), min(-1, self._at + step))
        self._show()

    def _show(self) -> None:
        if not self._samples:
            return
        sample = self._samples[self._at]
        n = len(self._samples)
        self._prompt.setText(f"After “{_end_of(sample.prompt)}”")
        for box, text in ((self._base, sample.base), (self._tuned, sample.tuned)):
            if box.toPlainText() != text.strip():
                box.setPlainText(text.strip())
        where = f"step {sample.step:,}" if sample.step else "before training"
        self._which.setText(f"{where}, {n + 1 + self._at} of {n}")
        self._older.setEnabled(self._at > -n)
        self._newer.setEnabled(self._at < -1)


def _end_of(prompt: str) -> str:
    """Its last words, on one line."""
    whole = " ".join(prompt.split())
    if len(whole) <= _PROMPT_CHARS:
        return whole
    end = whole[-_PROMPT_CHARS:]
    return "… " + (end.partition(" ")[2] or end)


def _box(title: str, tip: str) -> tuple[QPlainTextEdit, QWidget]:
    box = QPlainTextEdit(readOnly=True)
    box.setAccessibleName(f"{title} model’s sample")
    box.setToolTip(tip)
    box.setTabChangesFocus(True)
    box.setFrameShape(QFrame.Shape.NoFrame)
    box.document().setDocumentMargin(8)
    box.setFixedHeight(_LINES * box.fontMetrics().lineSpacing() + 16)
    box.setMinimumWidth(120)
    around = QWidget()
    column = QVBoxLayout(around)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    label = QLabel(title)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    column.addWidget(label)
    column.addWidget(box)
    return box, around


def _arrow(text: str, tip: str, do: object) -> QToolButton:
    arrow = QToolButton()
    arrow.setText(text)
    arrow.setAutoRaise(True)
    arrow.setToolTip(tip)
    arrow.setAccessibleName(tip)
    arrow.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    arrow.setMinimumSize(QSize(24, 24))
    arrow.clicked.connect(do)
    return arrow
