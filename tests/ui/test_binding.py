"""The wheel that Qt comes in, where one was found broken."""

from __future__ import annotations

import subprocess
import sys

_MANY_CALLS = """
from PySide6.QtCore import QObject, Signal

class Speaker(QObject):
    said = Signal(str)

speaker = Speaker()
speaker.said.connect(lambda _: None)
for number in range(50_000):
    speaker.said.emit("word")
    speaker.blockSignals(False)
print("alive")
"""


def test_qt_lives_through_many_calls() -> None:
    """PySide6 6.12.0 aborts on Python 3.11 after some hundred signals: gh-134989 of CPython."""
    done = subprocess.run(
        [sys.executable, "-c", _MANY_CALLS], capture_output=True, text=True, check=False
    )
    assert done.stdout == "alive\n", done.stderr
