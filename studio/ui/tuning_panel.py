"""The panel for tuning a model to one's own style: one view of it at a time."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication, QShowEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from studio.ui.background import in_background
from studio.ui.desk import Desk
from studio.ui.model_choice import ModelChoice
from studio.ui.panel import Panel

if TYPE_CHECKING:
    from studio.ui.tuning_room import TuningRoom

FIRST_WIDTH_PX = 400


def command_that_adds_tuning() -> str:
    """The line for a terminal: the set-up of this checkout, or pip for an installed Lamplight."""
    root = Path(__file__).parents[2]
    if (root / "Makefile").exists():
        return shlex.join(["make", "-C", str(root), "run"])
    pip = shlex.join([sys.executable, "-m", "pip", "install"])
    return f"{pip} torch==2.13.0 'lamplight[tuning]'"


class TuningPanel(Panel):
    """Asks in the background whether tuning could run here, and shows what is missing, or all."""

    adapter_wanted = Signal(Path)
    """The writer wants to write with the adapter in this file."""
    told = Signal(object)
    """A `Notice` for the window."""

    def __init__(
        self,
        desk: Desk,
        model: ModelChoice,
        project: Callable[[], Path | None],
        parent: QWidget | None = None,
    ) -> None:
        """`project` is the folder, or the file, that is open in this window."""
        super().__init__("Tune to my style", parent)
        self.setObjectName("tuning panel")
        self._desk = desk
        self._model = model
        self._project = project
        self._looking = False
        self._room: TuningRoom | None = None
        self._missing = _Missing()
        self._stack = _Stack()
        self._stack.addWidget(self._missing)
        self.setWidget(self._stack)

    @property
    def room(self) -> TuningRoom | None:
        """All that can be done; None while something is missing, or not yet looked for."""
        return self._room

    def take_focus(self) -> None:
        """Put the focus into what is shown."""
        if self._room is not None:
            self._room.take_focus()
        else:
            self._missing.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        """What was missing may have been added."""
        super().showEvent(event)
        if self._room is not None:
            self._room.look()
        elif not self._looking:
            self._looking = True
            in_background(self, lambda: _ready(self._desk.tuning_missing), done=self._tell)

    def _tell(self, lacking: str | None) -> None:
        self._looking = False
        if lacking:
            self._missing.tell(lacking)
            return
        from studio.ui.tuning_room import TuningRoom

        room = self._room = TuningRoom(self._desk, self._model, self._project)
        room.adapter_wanted.connect(self.adapter_wanted)
        room.told.connect(self.told)
        room.front_wanted.connect(self.show)
        room.front_wanted.connect(self.raise_)
        had_focus = self._missing.hasFocus()
        self._stack.addWidget(room)
        self._stack.setCurrentWidget(room)
        self._missing.hide()
        if had_focus:
            room.take_focus()


def _ready(missing: Callable[[], str | None]) -> str | None:
    """What is missing; if nothing is, the libraries are loaded, which takes a second."""
    sentence = missing()
    if sentence is None:
        try:
            import studio.ui.tuning_room  # noqa: F401
        except ImportError as error:
            return f"Tuning needs {error.name}, which this installation does not have."
    return sentence


class _Stack(QStackedWidget):
    def minimumSizeHint(self) -> QSize:
        """Any page can be scrolled."""
        return QSize(200, 120)

    def sizeHint(self) -> QSize:
        return QSize(FIRST_WIDTH_PX, 480)


class _Missing(QWidget):
    """What tuning needs, and the command that adds it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        from studio.ui.tuning_parts import button

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
        self._copy = button(
            "&Copy the command", "Put the command on the clipboard",
            lambda: QGuiApplication.clipboard().setText(self._command.text()),
        )  # fmt: skip
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(10)
        column.addWidget(self._sentence)
        column.addWidget(self._command)
        column.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        self._command.hide()
        self._copy.hide()

    def tell(self, lacking: str) -> None:
        """Say what is missing."""
        self._sentence.setText(lacking)
        self._command.setText(command_that_adds_tuning())
        self._command.setCursorPosition(0)
        self._command.show()
        self._copy.show()
