"""Questions to the writer, asked in a dialog of the window that they are about.

The dialogs are opened and never waited for: the answer comes to a function, so that no event
loop runs inside another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

Role = QMessageBox.ButtonRole


@dataclass(frozen=True)
class Answer:
    """One button and what a click on it does."""

    label: str
    tip: str
    do: Callable[[], None]
    role: QMessageBox.ButtonRole = Role.AcceptRole


def ask(
    window: QWidget,
    question: str,
    detail: str,
    answers: Sequence[Answer],
    *,
    cancelled: Callable[[], None] | None = None,
) -> QMessageBox:
    """Ask. Enter gives the first answer, unless that destroys something.

    A "Cancel" button is added to the answers; Esc means the same. `cancelled` is called for it.
    """
    box = QMessageBox(window)
    box.setObjectName("question")
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Lamplight")
    box.setIcon(QMessageBox.Icon.Question)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(question)
    box.setInformativeText(detail)
    deeds: dict[QPushButton, Callable[[], None]] = {}
    for answer in answers:
        button = box.addButton(answer.label, answer.role)
        button.setToolTip(answer.tip)
        button.setAccessibleDescription(answer.tip)
        deeds[button] = answer.do
    cancel = box.addButton("Cancel", Role.RejectRole)
    cancel.setToolTip("Leave everything as it is")
    deeds[cancel] = cancelled or _nothing
    destroys = answers[0].role is Role.DestructiveRole
    box.setDefaultButton(cancel if destroys else next(iter(deeds)))
    box.setEscapeButton(cancel)

    def finished() -> None:
        clicked = box.clickedButton()
        for button, deed in deeds.items():
            if button is clicked:
                deed()
                return
        deeds[cancel]()

    box.finished.connect(finished)
    box.open()
    return box


def _nothing() -> None:
    pass
