"""What was recovered, or what another program wrote: to look at and to choose from."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from studio.manuscript import ManuscriptError, Recovery, read_text
from studio.ui.background import in_background
from studio.ui.difference import Difference, difference
from studio.ui.difference_view import KEY, DifferenceView
from studio.ui.question import Answer, Role, ask
from studio.ui.word_count import count_words

NAME_CHARS = 24
"""Of a text without a name, this much of its beginning stands for one."""


@dataclass(frozen=True)
class _Examined:
    """A recovery beside what its file says now."""

    found: Difference
    words: int
    gone: bool
    changed_since: bool


class RecoveryDialog(QDialog):
    """Offers what was recovered: to restore it, to let it go, or to decide later."""

    restore = Signal(object)
    """The writer wants this `Recovery` in a window."""
    let_go = Signal(object)
    """The writer does not want this `Recovery`."""

    def __init__(self, recoveries: Sequence[Recovery], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Recovered text")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._left = sorted(recoveries, key=lambda each: each.when, reverse=True)
        self._examined: dict[int, _Examined] = {}
        self._list = QListWidget()
        self._list.setAccessibleName("Recovered texts")
        self._list.setToolTip("Texts that were not saved, the newest first")
        self._list.setMaximumWidth(200)
        self._sentence = _label("What happened")
        self._hint = _label("Note")
        self._view = DifferenceView()
        key = QLabel(KEY)
        key.setForegroundRole(key.palette().ColorRole.PlaceholderText)
        self._restore = _button(
            "&Restore", "Put the recovered text into a window; the file waits for you to save"
        )
        self._keep = _button("", "")
        self._later = _button("Decide &later", "Ask again at the next start; nothing is lost")
        self._restore.clicked.connect(self._do_restore)
        self._keep.clicked.connect(self._do_let_go)
        self._later.clicked.connect(self.reject)
        buttons = QDialogButtonBox()
        buttons.addButton(self._restore, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self._keep, QDialogButtonBox.ButtonRole.DestructiveRole)
        buttons.addButton(self._later, QDialogButtonBox.ButtonRole.RejectRole)
        right = QVBoxLayout()
        right.setSpacing(8)
        for widget in (self._sentence, self._hint, self._view, key):
            right.addWidget(widget)
        middle = QHBoxLayout()
        middle.addWidget(self._list)
        middle.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.addLayout(middle)
        column.addWidget(buttons)
        self._list.currentRowChanged.connect(self._show)
        self._fill()
        # It may open while the writer is typing: no key of theirs may press a button.
        self._view.setFocus()
        self.resize(720, 440)

    @property
    def current(self) -> Recovery | None:
        """The one that is shown."""
        row = self._list.currentRow()
        return self._left[row] if 0 <= row < len(self._left) else None

    def add(self, recoveries: Sequence[Recovery]) -> None:
        """More were found."""
        known = {each.folder for each in self._left}
        self._left += [each for each in recoveries if each.folder not in known]
        self._fill()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus, and no other."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            focused = self.focusWidget()
            if isinstance(focused, QPushButton):
                focused.click()
            return
        super().keyPressEvent(event)

    def _fill(self) -> None:
        self._list.clear()
        for each in self._left:
            self._list.addItem(f"{_name(each)}\n{_time(each.when)}")
        self._list.setVisible(len(self._left) > 1)
        self._list.setCurrentRow(0)

    def _show(self) -> None:
        recovery = self.current
        if recovery is None:
            return
        untitled = recovery.path is None
        self._keep.setText("&Throw it away" if untitled else "&Keep the file as it is")
        self._keep.setToolTip(
            "Remove the recovered text for good"
            if untitled
            else "Remove the recovered changes; the file is not touched"
        )
        self._sentence.setText(_what_happened(recovery))
        self._hint.hide()
        if (known := self._examined.get(id(recovery))) is not None:
            self._tell(recovery, known)
            return
        self._view.wait()

        def done(examined: _Examined) -> None:
            self._examined[id(recovery)] = examined
            if self.current is recovery:
                self._tell(recovery, examined)

        in_background(self, lambda: _examine(recovery), done=done)

    def _tell(self, recovery: Recovery, examined: _Examined) -> None:
        n = examined.words
        verb = "is there" if recovery.path is None else "differ" if n != 1 else "differs"
        if recovery.path is None and n != 1:
            verb = "are there"
        words = f"{n:,} word{'' if n == 1 else 's'} {verb}."
        self._sentence.setText(f"{_what_happened(recovery)} {words}")
        self._hint.setText(_hint(recovery, examined))
        self._hint.setVisible(bool(self._hint.text()))
        self._view.show_difference(examined.found)

    def _do_restore(self) -> None:
        if (recovery := self.current) is not None:
            self._drop(recovery)
            self.restore.emit(recovery)

    def _do_let_go(self) -> None:
        recovery = self.current
        if recovery is None:
            return

        def let_go() -> None:
            self._drop(recovery)
            self.let_go.emit(recovery)

        if recovery.path is not None:
            let_go()
            return
        ask(
            self,
            "Throw the recovered text away?",
            "It was never saved to a file, so this can't be undone.",
            [Answer("&Throw it away", "Remove it for good", let_go, Role.DestructiveRole)],
        )

    def _drop(self, recovery: Recovery) -> None:
        self._left = [each for each in self._left if each is not recovery]
        if self._left:
            self._fill()
        else:
            self.accept()


class CompareDialog(QDialog):
    """The text in the window beside what another program wrote to its file."""

    keep_mine = Signal()
    load_theirs = Signal()

    def __init__(self, name: str, theirs: str, mine: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Compare {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sentence = _label("What is compared")
        sentence.setText(
            f"From ‘{name}’ as it is on the disk now (−) to your text in this window (+)."
        )
        view = DifferenceView()
        key = QLabel(KEY)
        key.setForegroundRole(key.palette().ColorRole.PlaceholderText)
        keep = _button("Keep &mine", "Stay with your text")
        load = _button("&Load theirs", "Take the text from the disk; undo brings yours back")
        later = _button("&Close", "Decide later")
        keep.clicked.connect(self.keep_mine)
        load.clicked.connect(self.load_theirs)
        for button in (keep, load):
            button.clicked.connect(self.accept)
        later.clicked.connect(self.reject)
        buttons = QDialogButtonBox()
        buttons.addButton(keep, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(load, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(later, QDialogButtonBox.ButtonRole.RejectRole)
        later.setDefault(True)
        column = QVBoxLayout(self)
        for widget in (sentence, view, key, buttons):
            column.addWidget(widget)
        self.resize(640, 420)
        in_background(self, lambda: difference(theirs, mine), done=view.show_difference)


def _examine(recovery: Recovery) -> _Examined:
    if recovery.path is None:
        found = difference(recovery.base_text, recovery.text)
        return _Examined(found, count_words(recovery.text), gone=False, changed_since=False)
    try:
        now = read_text(recovery.path).text
    except ManuscriptError:
        found = difference(recovery.base_text, recovery.text)
        return _Examined(found, found.words, gone=True, changed_since=False)
    found = difference(now, recovery.text)
    return _Examined(found, found.words, gone=False, changed_since=now != recovery.base_text)


def _what_happened(recovery: Recovery) -> str:
    if recovery.path is None:
        return f"Lamplight ended {_time(recovery.when)}, with a text that had no name yet."
    return f"Lamplight ended {_time(recovery.when)}, before ‘{recovery.path.name}’ was saved."


def _hint(recovery: Recovery, examined: _Examined) -> str:
    hints = []
    if examined.gone:
        hints.append("The file can't be read any more; restoring keeps its name for saving.")
    if examined.changed_since:
        hints.append("Another program has changed the file since: look closely.")
    if recovery.misfits:
        hints.append("Some of the changes could not be placed: look closely.")
    return " ".join(hints)


def _name(recovery: Recovery) -> str:
    if recovery.path:
        return recovery.path.name
    beginning = recovery.text.strip().partition("\n")[0]
    return textwrap.shorten(beginning, NAME_CHARS, placeholder="…") or "Untitled"


def _time(when: datetime) -> str:
    """ "at 14:32" today, else "on 3 May at 14:32", in this machine's time zone."""
    local = when.astimezone()
    clock = f"at {local:%H:%M}"
    if local.date() == datetime.now().astimezone().date():
        return clock
    return f"on {local.day} {local:%B} {clock}"


def _label(accessible_name: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAccessibleName(accessible_name)
    return label


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleDescription(tip)
    button.setAutoDefault(False)
    return button
