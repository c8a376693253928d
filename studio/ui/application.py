"""The program with its windows: from the first one shown to the last one closed."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType

from PySide6.QtCore import QObject, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from studio.manuscript import ManuscriptError, Recovery, same_file
from studio.ui.background import on_gui_thread
from studio.ui.desk import Desk
from studio.ui.icon import lamplight_icon
from studio.ui.learned import Learned
from studio.ui.memory import Memory
from studio.ui.model_choice import ModelChoice
from studio.ui.notice import Notice, Weight
from studio.ui.own_words import AddedFolders
from studio.ui.recoveries import Recoveries
from studio.ui.suggesting import Suggesting
from studio.ui.theme import Theme
from studio.ui.window import Window

log = logging.getLogger(__name__)


def run(desk: Desk, files: Sequence[Path]) -> int:
    """Open a window for each of `files`, or an empty one, and stay until the last is closed."""
    application = QApplication(["lamplight"])
    application.setApplicationName("Lamplight")
    application.setDesktopFileName("lamplight")
    application.setWindowIcon(lamplight_icon())
    lamplight = Lamplight(application, desk)
    lamplight.guard()
    lamplight.begin(files)
    try:
        return application.exec()
    finally:
        lamplight.end()


class Lamplight(QObject):
    """All windows of one process, and what they share."""

    def __init__(self, application: QApplication, desk: Desk) -> None:
        super().__init__(application)
        self._application = application
        self._desk = desk
        self.windows: list[Window] = []
        self.theme = Theme(application, desk.settings)
        self.memory = Memory(desk.data_dir / "memory.json")
        self.model = ModelChoice(desk, self.memory, self)
        self.learned = Learned(desk.data_dir / "confidence.json", self)
        self.suggesting = Suggesting(desk.settings, self.learned, desk.power_is_short, self)
        self.added = AddedFolders(desk.settings, desk.data_dir, self)
        self.recoveries = Recoveries(desk.data_dir, self)
        self.model.told.connect(self._tell)
        self.model.over.connect(self._withdraw)
        self.added.told.connect(self._tell)
        self.added.over.connect(self._withdraw)
        self.recoveries.restore.connect(self._restore)
        self.recoveries.failed.connect(lambda sentence: self._tell(Notice(sentence)))
        self.suggesting.changed.connect(self._spare)
        self._spare()
        self._signals: _Signals | None = None

    def begin(self, files: Sequence[Path]) -> None:
        """Show the first window; all else comes when it is on the screen."""
        first = self.new_window()
        QTimer.singleShot(0, first, lambda: self._go_on(files, first))

    def new_window(self) -> Window:
        """Show another window with an empty text."""
        window = Window(self._desk, self.model, self.memory, self.suggesting, self.added)
        window.open_files.others = lambda: [
            (other.editor, other.document) for other in self.windows if other is not window
        ]
        window.open_wanted.connect(lambda path: self.open(path, window))
        window.new_window_wanted.connect(self.new_window)
        window.quit_wanted.connect(self.quit)
        window.closed.connect(lambda: self._closed(window))
        window.document.unsaved_found.connect(lambda found: self.recoveries.offer(found, window))
        if self.windows:
            window.resize(self.windows[-1].size())
        else:
            window.place_as_before()
        self.windows.append(window)
        window.show()
        return window

    def open(self, path: Path, window: Window) -> Window:
        """Show a file: where it is open already, in `window` if it is empty, or in a new one."""
        path = path.absolute()
        for other in self.windows:
            if same_file(other.document.path, path) or same_file(other.document.opening, path):
                _to_the_front(other)
                return other
        if not window.document.pristine:
            folder = window.document.folder
            window = self.new_window()
            window.document.folder = folder
        window.filing.open(path)
        return window

    def quit(self) -> None:
        """Ask about unsaved text in each window; close them all unless one answer is "Cancel"."""
        answered: dict[Window, int] = {}  # and the revision that the answer was about

        def ask_next() -> None:
            for window in list(self.windows):
                revision = window.document.revision
                if window.document.modified and answered.get(window) != revision:
                    _to_the_front(window)
                    window.filing.settle(partial(go_on, window))
                    return
            for window in list(self.windows):
                window.close_now(discard=True)

        def go_on(window: Window) -> None:
            """Its text was saved or may be lost; others can be written in meanwhile."""
            answered[window] = window.document.revision
            ask_next()

        ask_next()

    def leave(self) -> None:
        """End at once and without a question; unsaved text is offered at the next start."""
        for window in list(self.windows):
            window.close_now(discard=False)
        self._application.quit()

    def end(self) -> None:
        """The last window is closed: keep what was learned, and free the model."""
        self.learned.end()
        self.added.end()
        self.model.end()
        self._desk.client.close()

    def guard(self) -> None:
        """End orderly on signals, and let no traceback reach the writer."""
        self._signals = _Signals(self)
        carry = on_gui_thread(self)

        def excepthook(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            log.critical("unexpected", exc_info=(kind, error, trace))
            carry(self._tell_trouble)

        def in_thread(args: threading.ExceptHookArgs) -> None:
            if args.exc_value is not None:
                excepthook(args.exc_type, args.exc_value, args.exc_traceback)

        sys.excepthook = excepthook
        threading.excepthook = in_thread

    def _go_on(self, files: Sequence[Path], first: Window) -> None:
        for path in files:
            if path.is_dir():
                first.open_folder(path.absolute())
            else:
                self.open(path, first)
        self.model.start()
        self.added.begin()
        self.recoveries.look(self.memory.recent("folders"), first)

    def _closed(self, window: Window) -> None:
        if window in self.windows:
            self.windows.remove(window)
        window.deleteLater()

    def _front(self) -> Window | None:
        active = self._application.activeWindow()
        if isinstance(active, Window):
            return active
        return self.windows[-1] if self.windows else None

    def _spare(self) -> None:
        self._desk.client.spare(self.suggesting.sparing)

    def _tell(self, notice: Notice) -> None:
        if window := self._front():
            window.notices.show_notice(notice)

    def _withdraw(self, topic: str) -> None:
        for window in self.windows:
            window.notices.withdraw(topic)

    def _tell_trouble(self) -> None:
        where = self._desk.data_dir / "logs" / "lamplight.log"
        self._tell(
            Notice(
                "Something went wrong inside Lamplight; your text is safe in its journal. "
                f"Details are in ‘{where}’.",
                Weight.PROBLEM,
            )
        )

    def _restore(self, recovery: Recovery) -> None:
        """Open the file of a recovery, or an empty text, and put the recovered text into it."""
        for other in self.windows:
            if recovery.path and same_file(other.document.path, recovery.path):
                _to_the_front(other)
                other.document.restore(recovery)
                return
        front = self._front()
        window = front if front and front.document.pristine else self.new_window()
        if recovery.path is None:
            window.document.restore(recovery)
            return

        def then(error: ManuscriptError | None) -> None:
            """A file that is gone, or held by another window, leaves the text without it."""
            if error:
                window.notices.show_notice(Notice(str(error), Weight.PROBLEM))
            window.document.restore(recovery)

        window.document.open(recovery.path, then, any_size=True)


class _Signals(QObject):
    """SIGINT and SIGTERM end the program between two events, as closing it would."""

    def __init__(self, lamplight: Lamplight) -> None:
        super().__init__(lamplight)
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)
        signal.set_wakeup_fd(self._there.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _ignore)  # Python has to know it, or the wake-up never comes
        self._notifier = QSocketNotifier(self._here.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(lambda: self._take(lamplight))

    def _take(self, lamplight: Lamplight) -> None:
        self._here.recv(64)
        log.info("asked to end by a signal")
        lamplight.leave()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def _to_the_front(window: Window) -> None:
    window.setWindowState(window.windowState() & ~window.windowState().WindowMinimized)
    window.raise_()
    window.activateWindow()
