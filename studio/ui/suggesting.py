"""What all windows share of suggesting: a pause, what was learned, and whether power is short."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from studio.settings import Settings, SettingsStore
from studio.ui.background import in_background
from studio.ui.learned import Learned

PAUSE_MINUTES = 20
LOOK_MS = 30_000
"""How often battery and temperature are looked at, in the background."""


class Suggesting(QObject):
    """One for all windows."""

    changed = Signal()
    """`paused_until_ms` or `sparing` is another, or a pause is over."""

    def __init__(
        self,
        settings: SettingsStore,
        learned: Learned,
        power_is_short: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        """`power_is_short` may take a moment."""
        super().__init__(parent)
        self.learned = learned
        self.paused_until_ms = 0.0
        """In the time of `now_ms`; 0 or past when there is no pause."""
        self._settings = settings
        self._power_is_short = power_is_short
        self._short = False
        self._looking = False
        self._over = QTimer(self)
        self._over.setSingleShot(True)
        self._over.setTimerType(Qt.TimerType.CoarseTimer)
        self._over.timeout.connect(self._wake)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.setTimerType(Qt.TimerType.VeryCoarseTimer)
        self._look.timeout.connect(self._look_at_power)
        self._save_power = ""
        self._take(settings.current)
        self.destroyed.connect(settings.listen(self._take))

    @property
    def sparing(self) -> bool:
        """Ask less, and with fewer threads, because power is short or the writer wants it so."""
        wanted = self._settings.current.save_power
        return wanted == "always" or (wanted == "automatic" and self._short)

    @property
    def paused(self) -> bool:
        """Whether the writer wants none for a while."""
        return now_ms() < self.paused_until_ms

    @property
    def minutes_left(self) -> int:
        """Of the pause, rounded up."""
        return max(0, math.ceil((self.paused_until_ms - now_ms()) / 60_000))

    def pause(self, minutes: float = PAUSE_MINUTES) -> None:
        """Suggest nothing for so long."""
        self.paused_until_ms = now_ms() + minutes * 60_000
        self._wake()

    def go_on(self) -> None:
        """End the pause."""
        self.paused_until_ms = 0.0
        self._over.stop()
        self.changed.emit()

    def _wake(self) -> None:
        """Once a minute, for who shows how long it still is."""
        left_ms = self.paused_until_ms - now_ms()
        if left_ms > 0:
            self._over.start(math.ceil(min(60_000, left_ms)))
        self.changed.emit()

    def _take(self, settings: Settings) -> None:
        if settings.save_power == self._save_power:
            return
        self._save_power = settings.save_power
        if settings.save_power == "automatic":
            self._look_at_power()
            self._look.start()
        else:
            self._look.stop()
        self.changed.emit()

    def _look_at_power(self) -> None:
        if not self._looking:  # a sensor may hang
            self._looking = True
            in_background(self, self._power_is_short, done=self._hear_of_power)

    def _hear_of_power(self, short: bool) -> None:
        self._looking = False
        if short != self._short:
            self._short = short
            self.changed.emit()


def now_ms() -> float:
    """The time that the policy is told."""
    return time.monotonic() * 1000
