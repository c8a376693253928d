"""The keys of grey text, as the writer has bound them."""

from __future__ import annotations

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from studio.settings import Settings

KEYS = tuple(each.key for each in Settings.declared() if each.is_key)


def key_of(event: QKeyEvent, settings: Settings) -> str | None:
    """The setting whose key was pressed, such as `key_accept`."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    key = Qt.Key(event.key())
    key = _THE_SAME.get(key, key)
    pressed = QKeySequence(QKeyCombination(modifiers, key))
    if key == Qt.Key.Key_unknown or pressed.isEmpty():
        return None
    for name in KEYS:
        bound = getattr(settings, name)
        if bound and QKeySequence.fromString(bound, _PORTABLE) == pressed:
            return name
    return None


def writes_itself(event: QKeyEvent) -> bool:
    """Whether Alt is held with a letter or mark that would be written as if it were not."""
    alone = event.modifiers() == Qt.KeyboardModifier.AltModifier
    return alone and event.text().upper() == QKeySequence(event.key()).toString(_PORTABLE)


def shown(key: str) -> str:
    """A key as it is named on this machine's keyboard."""
    return QKeySequence.fromString(key, _PORTABLE).toString(_NATIVE)


_THE_SAME = {Qt.Key.Key_Enter: Qt.Key.Key_Return, Qt.Key.Key_Backtab: Qt.Key.Key_Tab}
"""Keys that Qt tells apart and a writer does not; Shift says which one a Backtab is."""
_PORTABLE = QKeySequence.SequenceFormat.PortableText
_NATIVE = QKeySequence.SequenceFormat.NativeText
