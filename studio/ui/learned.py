"""What was learned of this writer: how sure a suggestion must be. Kept on this machine."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import threading
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from studio.ui.background import in_background
from studio.writing.confidence import Confidence

log = logging.getLogger(__name__)

SETTLE_MS = 5_000
"""It changes with every word; it is written at this distance."""


class Learned(QObject):
    """One for all windows. Read and written in the background."""

    changed = Signal()

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._writing = threading.Lock()
        self._kept = self.confidence = Confidence()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._write_soon)
        in_background(self, lambda: _read(path), done=self._take)

    def learn(self, confidence: Confidence) -> None:
        """A window has learned something."""
        if confidence == self.confidence:
            return
        self.confidence = confidence
        if not self._settle.isActive():
            self._settle.start()
        self.changed.emit()

    def forget(self) -> None:
        """Begin afresh."""
        self.learn(Confidence())

    def end(self) -> None:
        """Lamplight ends: keep what is not kept yet."""
        self._settle.stop()
        if self.confidence != self._kept:
            self._write(self.confidence)

    def _take(self, kept: Confidence) -> None:
        if not self.confidence.seen:  # nothing was learned meanwhile
            self._kept = self.confidence = kept
            self.changed.emit()

    def _write_soon(self) -> None:
        confidence = self.confidence
        in_background(self, lambda: self._write(confidence), done=lambda _: None)

    def _write(self, confidence: Confidence) -> None:
        beside = self._path.with_suffix(f".{os.getpid()}.new")
        values = {
            "threshold": round(confidence.threshold, 4),
            "seen": confidence.seen,
            "written_ms": round(confidence.written_ms),
        }
        with self._writing:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                beside.write_text(json.dumps(values) + "\n", "utf-8")
                beside.replace(self._path)
                self._kept = confidence
            except OSError as error:
                log.warning("%s could not be written: %s", self._path, error)
                with contextlib.suppress(OSError):
                    beside.unlink(missing_ok=True)


def _read(path: Path) -> Confidence:
    """What is kept; the beginning where there is nothing, or nothing that makes sense."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        threshold, seen = float(kept["threshold"]), int(kept["seen"])
        # Those of older versions did not count it, and had written for long.
        written_ms = float(kept.get("written_ms", math.inf if seen > 0 else 0.0))
    except FileNotFoundError:
        return Confidence()
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        log.warning("%s is not readable: %s", path, error)
        return Confidence()
    if not math.isfinite(threshold) or math.isnan(written_ms):
        return Confidence()
    return Confidence(threshold, max(0, seen)).wrote(max(0.0, written_ms))
