"""The panel for tuning a model to one's own style: what it needs, and what is to come."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from studio.ui.background import in_background
from studio.ui.panel import Panel

TO_COME = (
    "PyTorch and its companions are installed, so this machine is ready for tuning. "
    "The tuning itself, in which a model learns your style from texts that you choose, "
    "comes with a later version of Lamplight. Until then there is nothing to set up here."
)


def command_that_adds_tuning() -> str:
    """The line for a terminal: the set-up of this checkout, or pip for an installed Lamplight."""
    root = Path(__file__).parents[2]
    if (root / "Makefile").exists():
        return shlex.join(["make", "-C", str(root), "run"])
    pip = shlex.join([sys.executable, "-m", "pip", "install"])
    return f"{pip} torch==2.13.0 'lamplight[tuning]'"


class TuningPanel(Panel):
    """Asks in the background whether tuning could run, and says so."""

    def __init__(self, missing: Callable[[], str | None], parent: QWidget | None = None) -> None:
        super().__init__("Tune to my style", parent)
        self.setObjectName("tuning panel")
        self._sentence = QLabel("Looking for what tuning needs…")
        self._sentence.setWordWrap(True)
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._sentence.setAccessibleName("What tuning needs")
        self._command = QLineEdit(readOnly=True)
        self._command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._command.setAccessibleName("Command that adds tuning")
        self._command.setToolTip("Run this in a terminal, with Lamplight closed")
        self._copy = QPushButton("&Copy the command")
        self._copy.setToolTip("Put the command on the clipboard")
        self._copy.clicked.connect(
            lambda: QGuiApplication.clipboard().setText(self._command.text())
        )
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(10)
        column.addWidget(self._sentence)
        column.addWidget(self._command)
        column.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        self.setWidget(inside)
        inside.setMinimumWidth(200)
        self._command.hide()
        self._copy.hide()
        in_background(self, missing, done=self._tell)

    def _tell(self, lacking: str | None) -> None:
        self._sentence.setText(lacking or TO_COME)
        if lacking:
            self._command.setText(command_that_adds_tuning())
            self._command.setCursorPosition(0)
        self._command.setVisible(bool(lacking))
        self._copy.setVisible(bool(lacking))
