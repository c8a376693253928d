"""When suggestions come: what the Suggest menu and the button below the text offer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup

from studio.settings import Settings, SettingsStore
from studio.ui.completer import Completer
from studio.ui.suggesting import PAUSE_MINUTES, Suggesting
from studio.writing.decisions import Asking

_MODES = (
    (Asking.ALWAYS, "&On", "Continue the text in grey while I type"),
    (Asking.ON_REQUEST, "Only &when I ask", "Suggest only when the key for it is pressed"),
    (Asking.NEVER, "O&ff", "Suggest nothing; drafts are still written"),
)
_WORDS = {
    Asking.ALWAYS: "suggestions on",
    Asking.ON_REQUEST: "suggestions when I ask",
    Asking.NEVER: "suggestions off",
}


class AskingChoice(QObject):
    """The actions of one window, and the words for how it stands."""

    changed = Signal()

    def __init__(
        self,
        settings: SettingsStore,
        suggesting: Suggesting,
        completer: Completer,
        change: Callable[..., None],
        parent: QObject,
    ) -> None:
        """`change` takes settings, as `Window.change` does."""
        super().__init__(parent)
        self._settings = settings
        self._suggesting = suggesting
        self._completer = completer
        self._change = change
        group = QActionGroup(self)
        self.modes: list[QAction] = []
        for mode, label, tip in _MODES:
            action = self._action(label, tip, partial(self._choose, mode))
            action.setCheckable(True)
            action.setData(mode.value)
            group.addAction(action)
            self.modes.append(action)
        self.pause = self._action(
            f"&Not for {PAUSE_MINUTES} minutes",
            f"Suggest nothing for {PAUSE_MINUTES} minutes, in all windows",
            suggesting.pause,
        )
        self.go_on = self._action("&Go on now", "Suggest again from now on", completer.go_on)
        self.next = self._action(
            "Next of these t&hree", "On, only when I ask, off, and round again", self.turn
        )
        suggesting.changed.connect(self._show)
        completer.rest_changed.connect(self._show)
        self.destroyed.connect(settings.listen(self._show))
        self._show()

    @property
    def words(self) -> str:
        """How it stands, for the button below the text."""
        mode = Asking(self._settings.current.asking)
        if mode is Asking.ALWAYS and self._suggesting.paused:
            return f"no suggestions for {self._suggesting.minutes_left} min"
        if mode is Asking.ALWAYS and self._completer.resting:
            return "suggestions rest"
        return _WORDS[mode]

    @property
    def tip(self) -> str:
        """What that means, and what a click does."""
        mode = Asking(self._settings.current.asking)
        if self._waits:
            why = "" if self._suggesting.paused else "You have put many away in a row. "
            return f"{why}Click to go on now"
        following = _following(mode)
        does = next(tip for each, _, tip in _MODES if each is following)
        return f"When the text is continued in grey\nClick: {does[:1].lower()}{does[1:]}"

    def turn(self) -> None:
        """Go on after a pause; else turn to the next mode."""
        if self._waits:
            self._completer.go_on()
        else:
            self._choose(_following(Asking(self._settings.current.asking)))

    @property
    def _waits(self) -> bool:
        always = self._settings.current.asking == Asking.ALWAYS.value
        return always and (self._suggesting.paused or self._completer.resting)

    def _choose(self, mode: Asking) -> None:
        self._change(asking=mode.value)
        if self._suggesting.paused or self._completer.resting:
            self._completer.go_on()

    def _action(self, label: str, tip: str, do: Callable[[], Any]) -> QAction:
        action = QAction(label, self)
        action.setStatusTip(tip)
        action.setToolTip(tip)
        action.triggered.connect(lambda: do())
        return action

    def _show(self, _: Settings | None = None) -> None:
        for action in self.modes:
            action.setChecked(action.data() == self._settings.current.asking)
        self.pause.setVisible(not self._waits)
        self.pause.setEnabled(self._settings.current.asking == Asking.ALWAYS.value)
        self.go_on.setVisible(self._waits)
        self.changed.emit()


def _following(mode: Asking) -> Asking:
    modes = [each for each, _, _ in _MODES]
    return modes[(modes.index(mode) + 1) % len(modes)]
